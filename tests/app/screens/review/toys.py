"""A scored toy batch and a case of it, as the review pages find them."""

import hashlib
import secrets
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from app import resources
from app.screens.review.seat import CHECKING, DeskRequest, Seat, SentVerdict
from core.jobs import JobStore
from core.review import (
    CaseOpened,
    ReadingMode,
    ReviewStore,
    Verdict,
    WorklistPlan,
    build_worklist,
    candidates_of,
    current_verdicts,
)
from core.review.patches import PatchFolder
from core.scoring import Classifier
from core.settings import Settings
from tests.toys import write_patches

OWNER = "o" * 43


def scored_case(
    folder: Path,
    classifier: Classifier,
    *,
    mode: ReadingMode,
    patches: int = 10,
    case: str = "toycase",
) -> CaseOpened:
    """Score toy patches into a data folder and open a case of them; return it."""
    settings = Settings(data_dir=folder)
    source = folder.parent / f"source-{case}"
    paths = write_patches(source, patches)
    jobs = JobStore(settings.jobs_dir)
    job = jobs.add_server_path(OWNER, "toys", source)
    jobs.start(job, classifier)
    jobs.wait(job, 60)
    rows = jobs.rows(job)
    made = build_worklist(candidates_of(rows), WorklistPlan(), threshold=rows[0].threshold)
    kept = PatchFolder(settings.review_patches_dir)
    for path in paths:
        data = path.read_bytes()
        kept.keep(data, sha256=hashlib.sha256(data).hexdigest())
    opened = CaseOpened(
        case=case,
        reader="Lea Lead",
        name="Toys",
        mode=mode,
        model_id=rows[0].model_id,
        operating_point=rows[0].operating_point,
        threshold=rows[0].threshold,
        order=str(WorklistPlan()),
        patches=made.patches,
        tasks=made.tasks,
    )
    ReviewStore(settings.review_store).append(opened)
    return opened


class Hand:
    """A reader at the desk of a case, as `desk.js` speaks for them."""

    def __init__(self, folder: Path, reader: str = "Ann", *, case: str = "toycase") -> None:
        """Sit down and look at what is shown."""
        settings = Settings(data_dir=folder)
        self.store = resources.review_store(resources.settings())
        self.seat = Seat(
            self.store,
            PatchFolder(settings.review_patches_dir),
            case,
            reader,
            lambda: resources.review_maps(resources.settings()),
        )
        self.asked = DeskRequest()
        self.answer = self.seat.answer(self.asked)

    @property
    def screen(self) -> dict[str, Any]:
        """What is shown."""
        shown: dict[str, Any] = self.answer["screens"][0]
        return shown

    def says(self, verdict: str | Verdict, **more: Any) -> SentVerdict:  # noqa: ANN401 - fields of SentVerdict
        """Return a verdict on what is shown, with what was said before on the same patch."""
        shown = self.screen
        said = {"seconds": 0.2, **(shown["before"] or {}), **more}
        return SentVerdict(
            secrets.token_hex(16), shown["position"], shown["stage"], Verdict(verdict), **said
        )

    def give(self, verdict: str | Verdict, **more: Any) -> None:  # noqa: ANN401 - likewise
        """Give a verdict; what comes next is shown then."""
        shown = self.screen
        said = self.says(verdict, **more)
        self.ask(after=shown["position"] - shown["twice"], verdicts=(said,))
        self.asked = replace(self.asked, verdicts=())

    def keep(self, **more: Any) -> None:  # noqa: ANN401 - likewise
        """Stay with the blind verdict."""
        self.give(self.screen["keep"], **more)

    def ask(self, **more: Any) -> None:  # noqa: ANN401 - the fields of DeskRequest
        """Ask for something else."""
        self.asked = replace(self.asked, **more)
        self.answer = self.seat.answer(self.asked)
        for thread in threading.enumerate():
            if thread.name == CHECKING:
                thread.join()  # it needs Streamlit's runtime, which a page in a test takes away
        self.asked = replace(self.asked, undo=False, after=self.answer["after"])

    def verdicts(self) -> list[Verdict]:
        """The verdicts that stand in the store."""
        return [one.final.reading.verdict for one in current_verdicts(self.store.record())]
