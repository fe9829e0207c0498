"""Scores of audited patches: from a table, a batch or a network; known again by their contents."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from core.errors import Fault, SourceError
from core.patches import PatchSource, can_be_judged
from core.patches.source import SelectedSource
from core.scoring import Classifier, ScoreRow
from core.tables import Table, known_by_id, parse_label, parse_probability

ScoreOf = tuple[str, str, float, int | None]


def scores_of(patches: pd.DataFrame, table: Table, *, out_of_fold: bool) -> pd.DataFrame:
    """Return the scores that a table gives patches, by contents; see `columns.TABLES`.

    Args:
        patches: Rows of `patches`.
        table: With `id` and `prob_tumour`, as from `python -m core score`; where it has no
            `predicted_label`, a patch from 0.5 on is called tumour.
        out_of_fold: Whether no score is of a model that was trained on the patch.

    Raises:
        SourceError: It is no such table, gives an id two scores, or none is of a patch.
    """
    columns = ("prob_tumour", "predicted_label", "sha256")
    known = known_by_id(table.require("id", "prob_tumour"), columns).placed(patches["path"])
    if known.contradictions:
        raise SourceError(f"{known.contradictions[0]} Leave one row for each id.")
    rows: list[ScoreOf] = []
    for patch in patches[patches["fault"] == Fault.NONE][["id", "path", "sha256"]].itertuples():
        given = known.of(str(patch.id), str(patch.path))
        if given.get("prob_tumour") and given.get("sha256", patch.sha256) in {"", patch.sha256}:
            score = parse_probability(given["prob_tumour"], table.name)
            call = (
                int(score >= 0.5)
                if "predicted_label" not in given
                else parse_label(given["predicted_label"], table.name)
            )
            rows.append((str(patch.id), str(patch.sha256), score, call))
    if not rows:
        raise SourceError(
            f"{table.name} has a score for none of the patches as they are now; expected their ids "
            "in the column 'id', and the same contents. Score this data set first."
        )
    return score_table(rows, out_of_fold=out_of_fold)


def score_table(
    rows: Sequence[ScoreOf],
    axes: pd.DataFrame | None = None,
    *,
    out_of_fold: bool = False,
) -> pd.DataFrame:
    """Return the table `scores` of rows (id, sha256, prob_tumour, predicted_label).

    Args:
        rows: One a patch.
        axes: x, y, share_x and share_y of each, where the network's features are known.
        out_of_fold: See `scores_of`.
    """
    table = pd.DataFrame(rows, columns=["id", "sha256", "prob_tumour", "predicted_label"])
    table = table.astype({"predicted_label": "Int8"}).assign(out_of_fold=out_of_fold)
    for name in ("x", "y", "share_x", "share_y"):
        table[name] = np.nan if axes is None else axes[name].to_numpy(float)
    return table.drop_duplicates(["id", "sha256"])


def batch_scores(rows: Iterable[ScoreRow]) -> pd.DataFrame:
    """Return the table `scores` of the rows of a batch."""
    return score_table(
        [
            (row.id, row.sha256, row.prob_tumour, row.predicted_label)
            for row in rows
            if row.prob_tumour is not None
        ]
    )


def aligned(patches: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of each of `patches`, in its order; NaN where there is none.

    A patch has the score of its id and contents, else of any patch with the same contents.
    """
    both = patches[["id", "sha256"]].merge(scores, how="left", on=["id", "sha256"])
    by_contents = scores.drop(columns="id").drop_duplicates("sha256")
    alike = patches[["sha256"]].merge(by_contents, how="left", on="sha256")
    return both.combine_first(alike).set_index(patches.index)


_BATCH: Final = 64
_MOST_ON_MAP: Final = 20_000
"""Patches whose features are held in memory; more points cannot be told apart."""


def judge(
    patches: pd.DataFrame,
    source: PatchSource,
    classifier: Classifier,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> pd.DataFrame | None:
    """Return the table `scores` of the readable patches; None if stopped.

    The scores are those of `core score` without test-time augmentation. A flat patch has none, as
    there. The axes are of a random sample where there are very many patches.

    Args:
        patches: Rows of `patches`.
        source: Where the pixels are.
        classifier: Scores, at its operating point.
        on_progress: Called with (patches scored, patches).
        should_stop: Asked between batches.
    """
    rows = patches.loc[patches["fault"] == Fault.NONE, "row"].tolist()
    on_map = np.random.default_rng(0).permutation(len(rows)) < _MOST_ON_MAP
    scores: list[ScoreOf] = []
    places: list[int] = []
    features = []
    on_progress(0, len(rows))
    with closing(SelectedSource(source, rows).batches(_BATCH)) as batches:
        for batch in batches:
            items = [item for item in batch if can_be_judged(item)]
            if items:
                details = classifier.engine.details(np.stack([i.image_rgb_u8 for i in items]))
                probabilities = classifier.probability(details.logits).tolist()
                if details.features is not None:
                    kept = on_map[[item.index for item in items]]
                    places += (len(scores) + np.flatnonzero(kept)).tolist()
                    features.append(details.features[kept])
                scores += [
                    (
                        item.entry.id,
                        item.sha256,
                        probability,
                        classifier.operating_point.call(probability),
                    )
                    for item, probability in zip(items, probabilities, strict=True)
                ]
            on_progress(batch[-1].index + 1, len(rows))
            if should_stop():
                return None
    if len(places) < 3:
        return score_table(scores)
    axes = _main_axes(np.concatenate(features)).set_axis(places).reindex(range(len(scores)))
    return score_table(scores, axes)


def _main_axes(values: NDArray[np.float32]) -> pd.DataFrame:
    """Return x, y, share_x, share_y of rows of values (N, F) on their two main axes, N >= 3."""
    pca = PCA(n_components=2, svd_solver="covariance_eigh").fit(values)
    xy = pca.transform(values).astype(np.float32)
    share = pca.explained_variance_ratio_
    return pd.DataFrame(
        {"x": xy[:, 0], "y": xy[:, 1], "share_x": float(share[0]), "share_y": float(share[1])}
    )
