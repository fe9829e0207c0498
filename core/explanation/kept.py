"""Measures of patches kept on disk, so that a reload or a restart shows them at once.

They are found by what decides them: weights, patch, method, settings, donors. What depends on the
operating point is worked out anew, so another threshold makes none of them wrong.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.explanation.cam import CamBatch
from core.explanation.explainer import Explainer
from core.explanation.faithfulness import TwinTest
from core.explanation.fillers import DonorPool, FillerKind
from core.explanation.reliance import CentreTestSettings, FillerResult, reliance_of
from core.explanation.rows import ExplanationRow, views_of
from core.files import append_record, key_of, read_records, replacing
from core.scoring import ScoreRow

MOST_BYTES: Final = 32 * 1024 * 1024
"""Of one file, some 8,000 measured patches; above it the older half goes."""
_FORMAT: Final = 1
_WRITING: Final = threading.Lock()


class KeptLines:
    """What is known of patches in one way to explain them: a text for each, in a file."""

    def __init__(self, path: Path, explainer: Explainer, *more: str) -> None:
        """Read what is there; `more` decides the texts beside the explainer."""
        self.path = path
        classifier = explainer.classifier
        self._way = key_of(
            str(_FORMAT),
            classifier.bundle.card.weights_sha256,
            classifier.engine.description,
            explainer.method,
            explainer.layer.name,
            explainer.target,
            *more,
        )
        self._known = {
            line["sha256"]: line["measures"]
            for line in read_records(path)
            if line.get("way") == self._way and {"sha256", "measures"} <= line.keys()
        }

    def get(self, sha256: str) -> str | None:
        """Return what is known of a patch."""
        return self._known.get(sha256)

    def put(self, sha256: str, text: str) -> None:
        """Keep what is known of a patch, unless it is nothing new."""
        with _WRITING:
            if self._known.get(sha256) == text:
                return
            self._known[sha256] = text
            try:
                append_record(self.path, {"way": self._way, "sha256": sha256, "measures": text})
                if self.path.stat().st_size > MOST_BYTES:
                    _halve(self.path)
            except OSError:
                return  # a full disk or a batch that is being deleted: measured again next time


class KeptMeasures:
    """What one way to explain has measured of the patches of one collection."""

    def __init__(
        self,
        path: Path,
        explainer: Explainer,
        donors: DonorPool | None,
        *,
        writable: Callable[[], bool] = lambda: True,
    ) -> None:
        """Read what is there; the donors None are the shipped drawings."""
        self._explainer = explainer
        self._writable = writable
        lent = "" if donors is None else donors.digest
        self._lines = KeptLines(path, explainer, repr(CentreTestSettings()), lent)

    def row(self, score: ScoreRow) -> ExplanationRow | None:
        """Return what is known of a scored patch; None for nothing, or what cannot be read."""
        text = self._lines.get(score.sha256)
        try:
            return None if text is None else self._read(score, json.loads(text))
        except (ValueError, KeyError, TypeError):
            return None  # measured anew

    def put(self, row: ExplanationRow) -> None:
        """Keep a row's measures unless there is no map, no hash, or nothing new."""
        if row.explanation is None or not row.score.sha256 or not self._writable():
            return
        if self._lines.path.parent.is_dir():  # else the batch was deleted, and must not come back
            self._lines.put(row.score.sha256, _written(row))

    def _read(self, score: ScoreRow, held: dict[str, Any]) -> ExplanationRow:
        explainer = self._explainer
        batch = CamBatch(
            np.array([held["values"]], np.float32),
            np.array([held["logit"]], np.float32),
            explainer.method,
            explainer.layer.name,
            explainer.target,
            tuple(held["span_px"]),
            None if held["agreement"] is None else np.array([held["agreement"]], np.float32),
        )
        (explanation,) = explainer.measured(batch)
        fillers, views, twins = held["fillers"], held["views"], held["twins"]
        results = [FillerResult(name, FillerKind(kind), *rest) for name, kind, *rest in fillers]
        classifier = explainer.classifier
        return ExplanationRow(
            score,
            explanation,
            reliance_of(results, classifier) if results else None,
            views_of(np.array([views], np.float32), classifier)[0] if views else None,
            TwinTest.of(twins) if twins else None,
        )


def _written(row: ExplanationRow) -> str:
    explanation, test, twins = row.explanation, row.reliance, row.twins
    assert explanation is not None  # noqa: S101 - the caller has looked
    cam = explanation.cam
    return json.dumps(
        {
            "values": cam.values.tolist(),
            "logit": explanation.logit,
            "span_px": cam.span_px,
            "agreement": cam.agreement,
            "fillers": [] if test is None else [astuple(one) for one in test.fillers],
            "views": [] if row.views is None else row.views.logits.tolist(),
            "twins": twins and astuple(twins),
        }
    )


def _halve(path: Path) -> None:
    """Keep the last line of each patch and way, of the newer half of the file."""
    newest = {(line.get("way"), line.get("sha256")): line for line in read_records(path)}
    lines = [json.dumps(line) for line in newest.values()]
    size, kept = 0, len(lines)
    while kept and size + len(lines[kept - 1]) + 1 <= MOST_BYTES // 2:
        kept -= 1
        size += len(lines[kept]) + 1
    with replacing(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines[kept:]), "utf-8")
