"""Labels that the scores contradict, by confident learning, ranked for review.

Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels",
JAIR 70; computed by the authors' library, cleanlab.
"""

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_self_confidence_for_each_label
from numpy.typing import NDArray


def candidate_table(patches: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame | None:
    """Return labels that scores contradict, the most doubtful first, with their rows.

    Args:
        patches: Rows of `patches`.
        scores: Rows of `scores`, one for each of `patches`; see `core.audit.scores.aligned`.

    Returns:
        See `label_candidates`; None unless scored patches have labels of both classes.
    """
    known = patches.assign(prob_tumour=scores["prob_tumour"].to_numpy())
    known = known[known["label"].notna() & known["prob_tumour"].notna()]
    if known["label"].nunique() < 2:
        return None
    found = label_candidates(
        known["id"].to_numpy(str),
        known["label"].to_numpy(np.int64),
        known["prob_tumour"].to_numpy(np.float64),
        slide=known["slide"].reset_index(drop=True),
    )
    first = known.drop_duplicates("id").set_index("id")["row"]
    own = bool(scores["out_of_fold"].dropna().all())
    return found.assign(row=found["id"].map(first), out_of_fold=own)


def label_candidates(
    ids: NDArray[np.str_],
    labels: NDArray[np.int64],
    prob_tumour: NDArray[np.float64],
    *,
    slide: pd.Series | None = None,
) -> pd.DataFrame:
    """Return the patches whose labels should be looked at again, the most doubtful first.

    Confident learning holds each score against the mean score of its own label, so that a model
    that is unsure of one class throughout does not put all of that class in doubt.

    Args:
        ids: (N,).
        labels: (N,) 0 or 1, both of them.
        prob_tumour: (N,) 0 to 1, best of a model that had not seen the patch in training: a model
            agrees with the wrong labels that it was trained on, so most of them stay hidden.
        slide: (N,), carried over for the review.

    Returns:
        id, label, prob_tumour, self_confidence (the probability that the model gives to the label
        as it is), rank (1 the most doubtful), confident, slide, reason. First come the labels that
        confident learning counts as wrong (`confident`), then those that the model merely gives
        less than 0.5; in each part the least self-confidence first.
    """
    both = np.column_stack([1 - prob_tumour, prob_tumour])
    confidence = get_self_confidence_for_each_label(labels, both)
    confident = find_label_issues(labels, both, n_jobs=1)
    doubtful = np.flatnonzero(confident | (confidence < 0.5))
    doubtful = doubtful[np.lexsort((confidence[doubtful], ~confident[doubtful]))]
    of_label = [float(both[labels == value, value].mean()) for value in (0, 1)]
    frame = pd.DataFrame(
        {
            "id": np.asarray(ids)[doubtful],
            "label": labels[doubtful],
            "prob_tumour": prob_tumour[doubtful],
            "self_confidence": confidence[doubtful],
            "rank": np.arange(1, len(doubtful) + 1),
            "confident": confident[doubtful],
        }
    )
    frame["slide"] = None if slide is None else slide.to_numpy(dtype=object)[doubtful]
    frame["reason"] = [
        f"Labelled {label}, but the model gives that label {own:.3f}; it gives patches of "
        f"label {label} {of_label[label]:.3f} on average."
        for label, own in zip(frame["label"], frame["self_confidence"], strict=True)
    ]
    return frame
