"""Light probes: what plain statistics of the ring or the centre tell."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score, roc_auc_score
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from core.audit.columns import STATISTICS_OF
from core.errors import Fault

_FOLDS = 5
_LEAST_PER_CLASS = 10
_MOST_PATCHES = 20_000  # more change the third decimal and cost minutes


def probe_table(patches: pd.DataFrame) -> pd.DataFrame:
    """Return what plain statistics tell: slide and split from ring and centre, label from the ring.

    How well a logistic regression does, out of fold. A label told from the ring above chance is no
    error by itself: tumour in the centre often reaches the ring. A slide told far above chance
    means that stain or scanner can stand in for whatever the slides differ in. Slides of fewer than
    10 patches are left out.

    Args:
        patches: Rows of `patches`; the colours are `STATISTICS_OF` a region, without hue.

    Returns:
        told: "slide", "split" or "label".
        seen: "ring" or "centre".
        measure: "balanced accuracy", or "AUROC" for labels and for two splits.
        score: out of fold; NaN where it could not be computed (see `note`).
        chance: the score of guessing: 1 / classes, or 0.5.
        patches: how many were used.
        classes: how many were told apart.
        folds: "slides apart" (no slide in two folds) or "patches at random".
        note: what limits the probe, empty if nothing.
    """
    known = patches[patches["fault"] == Fault.NONE].reset_index(drop=True)
    return pd.DataFrame(
        [
            _probe(known, target, seen)
            for target in ("slide", "split", "label")
            for seen in ("ring", "centre")
            if (target, seen) != ("label", "centre")
        ]
    )


def _probe(patches: pd.DataFrame, target_name: str, seen: str) -> dict[str, object]:
    columns = [name for name in STATISTICS_OF[seen] if "hue" not in name]
    features, target = patches[columns].to_numpy(np.float32), patches[target_name]
    known = target.notna().to_numpy() & np.isfinite(features).all(axis=1)
    codes, names = pd.factorize(target)
    counts = np.bincount(codes[known], minlength=len(names))
    known[known] = counts[codes[known]] >= _LEAST_PER_CLASS
    slides = pd.factorize(patches["slide"])[0]
    # A slide cannot be told from slides kept apart; a label must be. A split that holds whole
    # slides can be told only through them, so it too is scored on slides never seen.
    apart = target_name != "slide" and bool((slides[known] >= 0).all()) and known.any()
    rows = np.flatnonzero(known)
    if len(rows) > _MOST_PATCHES:
        rows = np.sort(np.random.default_rng(0).choice(rows, _MOST_PATCHES, replace=False))
    x, y, groups = features[rows], np.unique(codes[rows], return_inverse=True)[1], slides[rows]
    classes = int(y.max()) + 1 if len(y) else 0
    binary = classes == 2 and target_name != "slide"
    note = ""
    if classes < 2:
        note = f"fewer than two values with {_LEAST_PER_CLASS} patches each"
    elif apart and len(np.unique(groups)) < _FOLDS:
        apart, note = False, f"fewer than {_FOLDS} slides: folds at random, so slides leak"
    elif target_name != "slide" and not apart:
        note = "slides are not known for all patches: folds at random, so slides leak"
    score = np.nan if classes < 2 else _score(x, y, groups if apart else None, binary)
    if classes >= 2 and np.isnan(score):
        note = "no fold had every value on both sides"
    return {
        "told": target_name,
        "seen": seen,
        "measure": "AUROC" if binary else "balanced accuracy",
        "score": score,
        "chance": 0.5 if binary else 1 / classes if classes else np.nan,
        "patches": len(rows),
        "classes": classes,
        "folds": "slides apart" if apart else "patches at random",
        "note": note,
    }


def _score(
    x: NDArray[np.float32],
    y: NDArray[np.intp],
    groups: NDArray[np.intp] | None,
    binary: bool,
) -> float:
    if groups is None:
        folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(x, y)
    else:
        folds = GroupKFold(_FOLDS).split(x, y, groups)
    scores = []
    for train, test in folds:
        if len(np.unique(y[train])) < len(np.unique(y)) or len(np.unique(y[test])) < 2:
            continue
        model = make_pipeline(
            StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000, tol=1e-3)
        ).fit(x[train], y[train])
        if binary:
            scores.append(roc_auc_score(y[test], model.decision_function(x[test])))
        else:
            # Over the values that this fold holds: a mean of their sensitivities.
            sensitivities = recall_score(
                y[test], model.predict(x[test]), labels=np.unique(y[test]), average="macro"
            )
            scores.append(sensitivities)
    return float(np.mean(scores)) if scores else np.nan
