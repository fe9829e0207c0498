"""The rows that a batch has by now, as a table or as a contact sheet.

Own component, because Streamlit's table (1.67) sorts the page that is shown and not the batch,
and tells a click on a head again at each run.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

from app import resources
from app.screens.batch import words
from app.screens.batch.rows import BatchRows
from app.screens.shared.component import component
from app.screens.shared.parts import TONES
from app.state import address, widgets
from core.explanation import Decisive
from core.jobs import Job
from core.scoring import Order, ScoreRow, TestTimeAugmentation, outcome
from core.wording import SIGNS, call_text, label_text, number, score_text

_SCRIPT: Final = Path(__file__).with_name("browser.js")
_HIGH_LOW: Final = (Order.HIGHEST, Order.LOWEST)
_PATHS: Final = (Order.PATH, Order.PATH_BACKWARDS)
_SORTED_BY: Final = {
    "Patch": (Order.INPUT, Order.INPUT_BACKWARDS),
    "Score": _HIGH_LOW,
    "Call": _HIGH_LOW,
    "File": _PATHS,
    "Folder": _PATHS,
    "Spread": (Order.UNSTEADY, Order.UNSTEADY),
    "Rests on": (Order.AROUND, Order.AROUND),
}
"""What a click on a head sorts by, and what a second one does."""
_DESCENDING: Final = {
    Order.HIGHEST,
    Order.UNSTEADY,
    Order.AROUND,
    Order.INPUT_BACKWARDS,
    Order.PATH_BACKWARDS,
}
_KINDS: Final = {"Patch": "thumb", "Score": "number", "Call": "call", "Spread": "number"}
_BESIDE: Final = {"Call": "Score", "Folder": "File"}
"""Heads that sort like another one, which has the arrow."""


def browser(batch: BatchRows, shown: Sequence[int], *, sheet: bool) -> None:
    """Draw some rows; a click looks at one, a box picks it, a head sorts, J and K step."""
    store, job, rows, rests_on = batch.store, batch.job, batch.rows, batch.rests_on
    order = Order(str(widgets.chosen(f"order-{job.id}", Order.HIGHEST)))

    def looked(at: Any) -> None:  # noqa: ANN401 - what the browser sent
        address.look_at_row(int(at))

    def step(by: Any) -> None:  # noqa: ANN401 - likewise
        address.step(1 if by > 0 else -1)

    def sort(head: Any) -> None:  # noqa: ANN401 - likewise
        now = Order(str(widgets.chosen(f"order-{job.id}", Order.HIGHEST)))
        first, second = _SORTED_BY[head]
        widgets.give(f"order-{job.id}", second if now is first else first)

    def pick(here: Any) -> None:  # noqa: ANN401 - likewise
        elsewhere = [at for at in address.picked() if at not in shown]
        address.pick([*elsewhere, *(at for at in shown if at in set(here))])

    does = {"looked": looked, "stepped": step, "sorted": sort, "picked": pick}
    columns = resources.from_rows(store, job, _columns, job.tta, bool(rests_on))
    pictures = resources.thumbnails(store, job, shown)
    data: dict[str, Any] = {
        "job": job.id,
        "name": words.TABLE_NAME,
        "sheet": sheet,
        "columns": [_head(name, order) for name in columns],
        "rows": [
            _row(rows[at], at, picture, [] if sheet else columns, rests_on.get(at))
            for at, picture in zip(shown, pictures, strict=True)
        ],
        "picked": address.picked(),
    }
    data["stamp"] = hashlib.sha256(json.dumps(data).encode()).hexdigest()
    component("nodelens_batch", _SCRIPT)(
        key=_key(job),
        data=data,
        on_acts_change=partial(_hear, job, does),
        height="content",
    )


def _key(job: Job) -> str:
    return f"rows-{job.id}"


def heard(job: Job) -> int:
    """Return the last click that was done; it goes to the browser apart from the long rows."""
    last = widgets.chosen(f"{_key(job)}-heard", 0)
    return last if isinstance(last, int) else 0


def _hear(job: Job, does: Mapping[str, Callable[[Any], None]]) -> None:
    """Do what was clicked, each click once: the browser sends it again until it was heard."""
    last = heard(job)
    acts = (widgets.component_value(_key(job), "acts") or {}).get("acts", ())
    new = [act for act in acts if act["count"] > last]
    if new:
        widgets.choose(f"{_key(job)}-heard", new[-1]["count"])
    for act in new:
        does[act["what"]](act["value"])


def _columns(rows: Sequence[ScoreRow], tta: str, rests_on: bool) -> list[str]:
    shown = {
        "Patch": True,
        "Score": True,
        "Call": True,
        "Rests on": rests_on,
        "Label": any(row.label is not None for row in rows),
        "Spread": tta != TestTimeAugmentation.NONE,
        "File": True,
        "Slide": any(row.slide for row in rows),
        "Folder": len({row.path.rpartition("/")[0] for row in rows}) > 1,
        "Remark": any(row.reason or row.note for row in rows),
    }
    return [name for name, there in shown.items() if there]


def _head(name: str, order: Order) -> dict[str, Any]:
    sorts = _SORTED_BY.get(name, ())
    by_this = order in sorts and name not in _BESIDE
    direction = "descending" if order in _DESCENDING else "ascending"
    return {
        "title": name,
        "kind": _KINDS.get(name, "text"),
        "sorts": bool(sorts),
        "sorted": direction if by_this else "",
    }


def _row(
    row: ScoreRow,
    at: int,
    picture: str | None,
    columns: Sequence[str],
    rests_on: Decisive | None,
) -> dict[str, Any]:
    path, called = PurePosixPath(row.path), outcome(row)
    score = "" if row.prob_tumour is None else score_text(row.prob_tumour)
    known = {
        "Score": score,
        "Call": call_text(called),
        "Rests on": "" if rests_on is None else words.RESTS_ON[rests_on],
        "Spread": "" if row.d4_sd_logit is None else number(row.d4_sd_logit, 2),
        "Label": "" if row.label is None else label_text(row.label),
        "Slide": row.slide or "",
        "File": path.name,
        "Folder": str(path.parent),
        "Remark": row.reason or row.note,
    }
    wrong = row.label is not None and row.predicted_label not in {None, row.label}
    return {
        "at": at,
        "src": picture,
        "path": row.path,
        "score": score or call_text(called),
        "sign": SIGNS[called] if score else "",
        "tone": TONES[called],
        "wrong": f"label {label_text(row.label)}" if wrong else "",
        "cells": {name: known[name] for name in columns if name in known},
    }
