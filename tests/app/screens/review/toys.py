"""A scored toy batch and a case of it, as the review pages find them."""

import hashlib
from pathlib import Path

from core.jobs import JobStore
from core.review import (
    CaseOpened,
    ReadingMode,
    ReviewStore,
    WorklistPlan,
    build_worklist,
    candidates_of,
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
