"""Who must not see results yet, because they would no longer read blind."""

from core.review.progress import next_position
from core.review.record import Record
from core.review.vocabulary import ReadingMode

_BLIND = (ReadingMode.BLIND_FIRST, ReadingMode.SECOND_READER)


def unfinished_blind_reading(record: Record, case: str, reader: str) -> str | None:
    """Return the case that a reader has begun to read blind and that results would give away.

    Results of a case tell about itself, and about every case that shares a patch with it. None if
    the reader may look. A reader who looks first and begins afterwards is not caught by this.
    """
    told = {patch.sha256 for patch in record.case(case).patches}
    for other, opened in record.cases.items():
        if (
            opened.mode in _BLIND
            and record.has_read(other, reader)
            and next_position(record, other, reader) is not None
            and not told.isdisjoint(patch.sha256 for patch in opened.patches)
        ):
            return other
    return None
