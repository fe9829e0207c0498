"""A batch or an audit in few words: its state, its date, whether it is of drawn samples."""

from datetime import datetime
from typing import Final

from app.state import widgets
from core.jobs import Job
from core.settings import SAMPLES_TABLE

_STATES: Final = {
    "new": ("not started", "quiet"),
    "running": ("running", "accent"),
    "stopped": ("stopped", "quiet"),
    "done": ("finished", "good"),
    "broken": ("cannot go on", "bad"),
}


def is_drawn(job: Job) -> bool:
    """Return whether a batch is of the drawn samples."""
    return job.server_path == str(SAMPLES_TABLE)


def state_badge(name: str) -> str:
    """Return the state of a batch or an audit, by its name, as HTML."""
    words, tone = _STATES[name]
    return f'<span class="nl-badge nl-badge-{tone}">{words}</span>'


def drawn_badge(job: Job) -> str:
    """Return a mark for batches of drawn samples as HTML, else nothing."""
    return '<span class="nl-badge nl-badge-drawn">drawn, not tissue</span>' if is_drawn(job) else ""


def when(job: Job) -> str:
    """Return when a batch was made, in the reader's time zone as far as the browser tells it."""
    made = datetime.fromisoformat(job.created)
    zone = widgets.time_zone()
    return f"{made.astimezone(zone):%d %b %Y, %H:%M}" + ("" if zone else " UTC")
