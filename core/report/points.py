"""Which operating point a case was read at, with the error rates that were stated for it."""

from core.bundle import Card, OperatingPoint, same_model
from core.review import CaseOpened
from core.thresholds import OperatingPointStore


def point_of(case: CaseOpened, card: Card, locked: OperatingPointStore) -> OperatingPoint | None:
    """Return the operating point of a case; None if this installation does not know it.

    Args:
        case: The case.
        card: Of the model that is installed.
        locked: The locked operating points.

    Raises:
        RunError: A locked operating point was damaged.
    """
    if not same_model(card.model_id, case.model_id):
        return None
    known = [card.operating_point]
    known += [point.operating_point for point in locked.versions(card.weights_sha256)]
    return next(
        (
            point
            for point in known
            if point.name == case.operating_point and point.threshold == case.threshold
        ),
        None,
    )
