"""The review: worklists, verdicts, and a record of them that can be checked.

Start with `ReviewStore(path)`; `append` an event, ask `record()` what they amount to, and
`current_verdicts(record)` for the verdicts that stand. The exports are in `core.review.exports`,
which loads the scoring room and PyTorch with it; nothing here does.
"""

from core.review.agreement import (
    Agreement,
    agreement,
    between_readers,
    repeat_pairs,
    with_model,
    within_reader,
)
from core.review.blinding import unfinished_blind_reading
from core.review.chain import Anchor, Link
from core.review.disagreement import disagreements, disputed_patches, paired_verdicts
from core.review.errors import ReviewError, StoreError
from core.review.events import (
    AiShown,
    CaseOpened,
    CasePatch,
    Commented,
    Corrected,
    Event,
    MapShown,
    Reading,
    Task,
    Undone,
    VerdictAfterAi,
    VerdictGiven,
)
from core.review.findings import Finding, Verification
from core.review.log import export_log, verify_log
from core.review.outcomes import (
    FlipMatrix,
    ReadingTime,
    TagErrors,
    flip_matrix,
    reading_time,
    tag_errors,
)
from core.review.progress import CaseProgress, ShownTask, next_position, progress, shown_now
from core.review.record import CurrentVerdict, Record, RecordEntry, TaskState, current_verdicts
from core.review.roles import Permission, Person, Role, person
from core.review.steps import (
    Undoable,
    ai_shown_event,
    awaits_ai,
    comment_event,
    correction_event,
    may_correct,
    patch_at,
    screen_of,
    undoable,
    verdict_event,
)
from core.review.store import ReviewStore
from core.review.verify import verify_store
from core.review.vocabulary import (
    Confidence,
    OnScreen,
    Origin,
    Quality,
    ReadingMode,
    ReasonTag,
    Verdict,
)
from core.review.worklist import (
    Candidate,
    CaseOrder,
    Filters,
    Worklist,
    WorklistPlan,
    build_worklist,
    candidates_of,
)

__all__ = [
    "Agreement",
    "AiShown",
    "Anchor",
    "Candidate",
    "CaseOpened",
    "CaseOrder",
    "CasePatch",
    "CaseProgress",
    "Commented",
    "Confidence",
    "Corrected",
    "CurrentVerdict",
    "Event",
    "Filters",
    "Finding",
    "FlipMatrix",
    "Link",
    "MapShown",
    "OnScreen",
    "Origin",
    "Permission",
    "Person",
    "Quality",
    "Reading",
    "ReadingMode",
    "ReadingTime",
    "ReasonTag",
    "Record",
    "RecordEntry",
    "ReviewError",
    "ReviewStore",
    "Role",
    "ShownTask",
    "StoreError",
    "TagErrors",
    "Task",
    "TaskState",
    "Undoable",
    "Undone",
    "Verdict",
    "VerdictAfterAi",
    "VerdictGiven",
    "Verification",
    "Worklist",
    "WorklistPlan",
    "agreement",
    "ai_shown_event",
    "awaits_ai",
    "between_readers",
    "build_worklist",
    "candidates_of",
    "comment_event",
    "correction_event",
    "current_verdicts",
    "disagreements",
    "disputed_patches",
    "export_log",
    "flip_matrix",
    "may_correct",
    "next_position",
    "paired_verdicts",
    "patch_at",
    "person",
    "progress",
    "reading_time",
    "repeat_pairs",
    "screen_of",
    "shown_now",
    "tag_errors",
    "undoable",
    "unfinished_blind_reading",
    "verdict_event",
    "verify_log",
    "verify_store",
    "with_model",
    "within_reader",
]
