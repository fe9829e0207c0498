"""A reader's seat at a case: what is shown next, and how what they say goes on the record.

The browser's side is `desk.js`. It has the next patches ready and shows one at each key, so that a
key is for the patch that is seen; what was said follows in order, each with its place.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from itertools import islice
from threading import Thread
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter

from app.screens.review import words
from core import review
from core.errors import NodelensError, ReviewError
from core.pictures import png_bytes
from core.review.maps import PreparedMaps
from core.review.patches import PatchFolder, PatchMap
from core.review.progress import progress, unread
from core.wording import SIGNS, call_of, call_text, score_text

READ_AHEAD: Final = 24
"""Screens that the browser has ready: as many as are read, as fast as anybody can, until over a
slow line the answer to a verdict and then the pictures have come."""
_READ_AHEAD_BLIND_FIRST: Final = 12
"""Where each verdict waits for its answer, which is the quicker the less it holds."""
CHECKING: Final = "map-checks"
"""Name of the thread that checks maps once reading has ended."""


class ReadingStage(StrEnum):
    """Which verdict on a patch: the first, the one after the AI, or a correction."""

    FIRST = "first"
    AFTER = "after"
    AGAIN = "again"


@dataclass(frozen=True)
class SentVerdict:
    """A verdict on the centre, as the browser sends it.

    Attributes:
        action: A token of its own; sent twice, it is recorded once.
        position: In the worklist.
        seconds: From the patch on the screen to the key.
        map: Whether the map lay over the patch, at any time.
        around: Whether the patch was shown with what lies around it, at any time.
    """

    action: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    position: Annotated[int, Field(ge=0)]
    stage: ReadingStage
    verdict: review.Verdict
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    confidence: review.Confidence | None = None
    tags: tuple[review.ReasonTag, ...] = ()
    quality: review.Quality | None = None
    comment: Annotated[str, Field(max_length=2_000)] = ""
    map: bool = False
    around: bool = False


@dataclass(frozen=True)
class DeskRequest:
    """What the browser asks, and the verdicts given before, in their order.

    Attributes:
        after: Place after which to read on; -1 from the start.
        map: Whether maps are wanted.
        again: Place of the verdict that is to be corrected.
        undo: Whether to take back the last step.
    """

    after: Annotated[int, Field(ge=-1)] = -1
    map: bool = False
    again: int | None = None
    undo: bool = False
    verdicts: tuple[SentVerdict, ...] = ()


_REQUEST: Final = TypeAdapter(DeskRequest)


@dataclass(frozen=True)
class Seat:
    """A reader at a case.

    Attributes:
        store: Where the verdicts go.
        kept: The patches.
        case: Id of what is read.
        reader: Who reads.
        maps: Gives the maps of the installed model; NodelensError without one.
    """

    store: review.ReviewStore
    kept: PatchFolder
    case: str
    reader: str
    maps: Callable[[], PreparedMaps]

    def answer_json(self, request: bytes) -> dict[str, Any]:
        """Return the answer to what a browser sent; ValueError if that is not understood."""
        return self.answer(_REQUEST.validate_json(request))

    def answer(self, request: DeskRequest) -> dict[str, Any]:
        """Record what was said and return what is to be shown next, and what went wrong."""
        after, problems = request.after, list[str]()
        for entry in request.verdicts:
            try:
                self._write(entry)
            except NodelensError as error:
                problems.append(str(error))
        try:
            if request.undo:
                after = self._undo(after)
        except NodelensError as error:
            problems.append(str(error))
        try:
            return self._next(request, after) | {"problem": " ".join(problems)}
        except NodelensError as error:
            return {"screens": [], "after": after, "done": False, "problem": str(error)}

    def picture(self, position: int, kind: str) -> bytes | None:
        """Return a picture of a place as PNG, see `app.resources.OpenDesk`."""
        record = self.store.record()
        case = record.case(self.case)
        shown = review.shown_now(record, self.case, self.reader, position)
        if kind == "":
            return png_bytes(self.kept.image(shown.sha256))
        if kind == "-around":
            around = self.kept.around(shown.sha256)
            return None if around is None else png_bytes(around)
        if shown.patch is None or case.mode is review.ReadingMode.SECOND_READER:
            return None
        ready = self._maps(case).ready(shown.sha256)
        return None if ready is None else png_bytes(ready.picture_rgb_u8)

    def _next(self, request: DeskRequest, after: int) -> dict[str, Any]:
        record = self.store.record()
        case = record.case(self.case)
        if request.again is None:
            waits = case.mode is review.ReadingMode.BLIND_FIRST
            ahead = _READ_AHEAD_BLIND_FIRST if waits else READ_AHEAD
            places = list(islice(unread(record, self.case, self.reader, after=after), ahead))
        else:
            places = [request.again] * review.may_correct(record, case, self.reader, request.again)
        if places and review.awaits_ai(record, case, self.reader, places[0]):
            self.store.append(review.ai_shown_event(case, self.reader, places[0]))
            record = self.store.record()
        if request.map and case.mode is not review.ReadingMode.SECOND_READER:
            self._prepare(case, places)
        screens = []
        for place in places:
            if review.awaits_ai(record, case, self.reader, place):
                break  # its score is shown when it is the next one, and not before
            screens.append(self._screen(record, case, place, request))
        if not places and request.verdicts:
            # After the last verdict, so that nobody waits for the report, and not while patches are
            # read: a check takes dozens of passes of the model.
            Thread(target=self._check_maps, args=(record, case), name=CHECKING, daemon=True).start()
        so_far = progress(record, self.case, self.reader)
        back = review.undoable(record, case, self.reader)
        undone_reading = None if back is None else back.taken_back
        sign = "" if undone_reading is None else f" {SIGNS[undone_reading.reading.verdict]}"
        return {
            "after": after,
            "screens": screens,
            "done": not places,
            "progress": str(so_far),
            "share": so_far.done / so_far.total,
            "undo": None if back is None else f"{back.position + 1}{sign}",
            "earlier": record.has_read(self.case, self.reader),
        }

    def _screen(
        self, record: review.Record, case: review.CaseOpened, position: int, request: DeskRequest
    ) -> dict[str, Any]:
        """Return what is shown of a place: nothing that the record does not allow by now."""
        shown = review.shown_now(record, self.case, self.reader, position)
        stage = _stage(shown, request.again)
        standing = record.state(self.case, self.reader, position).final
        before = None if standing is None or stage is ReadingStage.FIRST else standing.reading
        twice = _twice(case, stage)
        question, note = words.QUESTIONS["blind" if twice else stage]
        turn = (
            f"-{standing.sequence}" if standing is not None and stage is ReadingStage.AGAIN else ""
        )
        mapped, map_words = self._map(case, shown) if request.map else (False, "")
        return {
            "id": f"{position}-{stage}{turn}",
            "position": position,
            "stage": stage,
            "title": f"Patch {position + 1} of {len(case.tasks)}",
            "question": question,
            "note": note.format(verdict="" if before is None else call_text(before.verdict)),
            "keep": before.verdict if before is not None and stage is ReadingStage.AFTER else "",
            "twice": twice,
            "evidence": _evidence_html(record, case, shown.patch),
            "around": self.kept.has_around(shown.sha256),
            "mapAllowed": shown.patch is not None,
            "mapped": mapped,
            "mapWords": map_words,
            "before": None
            if before is None
            else {
                "confidence": before.confidence,
                "tags": before.tags,
                "quality": before.quality,
                "comment": before.comment,
            },
        }

    def _map(self, case: review.CaseOpened, shown: review.ShownTask) -> tuple[bool, str]:
        """Return whether a map is ready, and its words or why none is; "" while it is made."""
        if shown.patch is None or case.mode is review.ReadingMode.SECOND_READER:
            return False, ""
        try:
            ready = self._maps(case).ready(shown.sha256)
        except NodelensError as error:
            return False, _map_obstacle_html(str(error))
        return (False, "") if ready is None else (True, _map_html(ready))

    def _maps(self, case: review.CaseOpened) -> PreparedMaps:
        maps = self.maps()
        maps.maker.require_model(case.model_id)
        return maps

    def _prepare(self, case: review.CaseOpened, places: Sequence[int]) -> None:
        with suppress(NodelensError):  # told beside the patch
            self._maps(case).prepare([review.patch_at(case, at).sha256 for at in places])

    def _check_maps(self, record: review.Record, case: review.CaseOpened) -> None:
        """Make the maps that a report of the case draws; what came of each check is kept."""
        with suppress(NodelensError):  # told in the report
            maps = self._maps(case)
            for read in review.read_patches(review.current_verdicts(record, self.case)):
                if read.reasons:
                    maps.wait(read.patch.sha256)

    def _write(self, entry: SentVerdict) -> None:
        record = self.store.record()
        if entry.action in record.actions:
            return  # the answer to it was lost on its way
        case = record.case(self.case)
        shown = review.shown_now(record, self.case, self.reader, entry.position)
        again = entry.position if entry.stage is ReadingStage.AGAIN else None
        done = record.state(self.case, self.reader, entry.position).done(case.mode)
        if _stage(shown, again) is not entry.stage or done is not (again is not None):
            raise ReviewError(words.READ_ELSEWHERE.format(number=entry.position + 1))
        seen = None  # what goes on the record of a map that was seen; made again if it is gone
        if entry.map:
            seen = self._maps(case).wait(shown.sha256).shown
        reading = review.Reading(
            verdict=entry.verdict,
            screen=review.screen_of(
                shown.patch,
                with_map=seen is not None and seen.drawn,
                adjudicated=case.mode is review.ReadingMode.ADJUDICATION,
                around=entry.around,
            ),
            seconds=round(entry.seconds, 3),
            confidence=entry.confidence,
            tags=tuple(tag for tag in review.ReasonTag if tag in entry.tags),
            quality=entry.quality,
            comment=entry.comment.strip(),
            map=seen,
        )
        make = review.verdict_event if again is None else review.correction_event
        event = make(record, case, self.reader, entry.position, reading)
        # One wait for the disk, not two: the reader waits for the score.
        then = [review.ai_shown_event(case, self.reader, entry.position)] * _twice(
            case, entry.stage
        )
        self.store.append(event, *then, action=entry.action)

    def _undo(self, after: int) -> int:
        record = self.store.record()
        back = review.undoable(record, record.case(self.case), self.reader)
        if back is None:
            return after
        self.store.append(back.event)
        return back.position - 1


def _twice(case: review.CaseOpened, stage: ReadingStage) -> bool:
    """Whether the same patch comes again with its score, which is not sent before."""
    return case.mode is review.ReadingMode.BLIND_FIRST and stage is ReadingStage.FIRST


def _stage(shown: review.ShownTask, again: int | None) -> ReadingStage:
    if again is not None:
        return ReadingStage.AGAIN
    return ReadingStage.AFTER if shown.awaits_ai_verdict else ReadingStage.FIRST


def _evidence_html(
    record: review.Record, case: review.CaseOpened, patch: review.CasePatch | None
) -> str:
    """Return score and other verdicts where the record allows them, else why there are none."""
    if patch is None:
        second = case.mode is review.ReadingMode.SECOND_READER
        return _hidden(words.HIDDEN_SECOND if second else words.HIDDEN)
    others = ""
    if case.mode is review.ReadingMode.ADJUDICATION:
        others = _other_verdicts(record, case, patch.sha256)
    if patch.prob_tumour is None:
        return _hidden(words.WITHHELD) + others
    return (
        '<div class="nl-read-score"><div class="nl-read-call">'
        f"<b>{score_text(patch.prob_tumour)}</b>"
        f"<span>model: {call_text(call_of(patch.predicted_label))}</span>"
        f"<small>threshold {case.threshold:.4f} ({escape(case.operating_point)})</small></div>"
        f'<div class="nl-read-scale"><u style="left:{case.threshold:.2%}"></u>'
        f'<i style="left:{patch.prob_tumour:.2%}"></i></div></div>{others}'
    )


def _hidden(reason: str) -> str:
    return f'<div class="nl-read-hidden">{reason}</div>'


def _map_html(made: PatchMap) -> str:
    """Return what a map says."""
    first, *others = made.sentences
    how = words.MAP_LAYER.format(layer=made.shown.layer)
    details = escape(" ".join((words.MAP_COLOURS, *others, how)))
    return (
        f'<div class="nl-read-map"><b>{escape(first)}</b> {words.NOT_A_FINDING}'
        f"<details><summary>Details</summary>{details}</details></div>"
    )


def _map_obstacle_html(reason: str) -> str:
    """Return why there is no map."""
    return f'<div class="nl-read-map"><b>{escape(f"No map. {reason}")}</b></div>'


def _other_verdicts(record: review.Record, case: review.CaseOpened, sha256: str) -> str:
    lines = []
    for earlier in case.of:
        for verdict in review.current_verdicts(record, earlier):
            if verdict.patch.sha256 == sha256 and not verdict.is_repeat:
                final = verdict.final.reading
                sure = f" ({final.confidence})" if final.confidence else ""
                comment = f" “{verdict.comment}”" if verdict.comment else ""
                lines.append(f"<li>{call_text(final.verdict)}{sure}{escape(comment)}</li>")
    return f'<div class="nl-read-others"><b>Earlier verdicts</b><ul>{"".join(lines)}</ul></div>'
