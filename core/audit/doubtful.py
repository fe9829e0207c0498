"""Labels that the scores contradict, by confident learning, ranked for review.

Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels",
JAIR 70; computed by the authors' library, cleanlab.
"""

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_self_confidence_for_each_label


def candidate_table(patches: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame | None:
    """Return labels that should be looked at again, the most doubtful first; see `columns.TABLES`.

    Confident learning holds each score against the mean score of its own label, so that a model
    that is unsure of one class throughout does not put all of that class in doubt. First come the
    labels that it counts as wrong (`confident`), then those that the model merely gives less than
    0.5; in each part the least self-confidence first: the probability of the label as it is. A
    model agrees with the wrong labels that it was trained on, so most of those stay hidden.

    Args:
        patches: Rows of `patches`.
        scores: Rows of `scores`, one for each of `patches`; see `core.audit.scores.aligned`.

    Returns:
        None unless scored patches have labels of both classes.
    """
    known = patches[["id", "label", "slide", "row"]].assign(
        prob_tumour=scores["prob_tumour"].to_numpy(np.float64)
    )
    known = known.dropna(subset=["label", "prob_tumour"]).astype({"label": np.int64})
    labels, prob = known["label"].to_numpy(), known["prob_tumour"].to_numpy()
    if len(np.unique(labels)) < 2:
        return None
    both = np.column_stack([1 - prob, prob])
    confidence = get_self_confidence_for_each_label(labels, both)
    confident = find_label_issues(labels, both, n_jobs=1)
    doubtful = np.flatnonzero(confident | (confidence < 0.5))
    doubtful = doubtful[np.lexsort((confidence[doubtful], ~confident[doubtful]))]
    of_label = [float(both[labels == value, value].mean()) for value in (0, 1)]
    return (
        known.iloc[doubtful]
        .reset_index(drop=True)
        .assign(
            self_confidence=confidence[doubtful],
            rank=np.arange(1, len(doubtful) + 1),
            confident=confident[doubtful],
            reason=[
                f"Labelled {label}, but the model gives that label {own:.3f}; it gives patches of "
                f"label {label} {of_label[label]:.3f} on average."
                for label, own in zip(labels[doubtful], confidence[doubtful], strict=True)
            ],
            out_of_fold=bool(scores["out_of_fold"].dropna().all()),
        )
    )
