"""Whether time went on in a record: a clock that was set back is told, and refuses no verdict."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from core.review.chain import Link
from core.review.errors import ReviewError
from core.review.events import read_payload

_SLACK: Final = timedelta(minutes=2)
"""Machines put their clocks right by so much."""
_SHOWN: Final = 5


def clock_remarks(links: Sequence[Link]) -> tuple[str, ...]:
    """Return where an event is dated before the one that it follows, in sentences.

    Such an event is no forgery by itself: somebody put the clock right, or wrong.
    """
    try:
        times = [
            (link.sequence, datetime.fromisoformat(read_payload(link.payload).at)) for link in links
        ]
    except (ReviewError, ValueError):  # the findings say so
        return ()
    back = [(one, two) for one, two in pairwise(times) if two[1] < one[1] - _SLACK]
    told = [
        f"Event {number} is dated {at:%Y-%m-%d %H:%M}, before the event that it follows "
        f"({before:%Y-%m-%d %H:%M}): the clock was set back, or had been wrong."
        for (_, before), (number, at) in back[:_SHOWN]
    ]
    if len(back) > _SHOWN:
        told.append(f"So are {len(back) - _SHOWN} further events.")
    return tuple(told)
