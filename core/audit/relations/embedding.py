"""A map of the patches: two axes of their plain statistics, or of a network's features."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from core.audit.columns import STATISTICS
from core.errors import Fault


def embedding_table(patches: pd.DataFrame) -> pd.DataFrame | None:
    """Return the readable patches on the two main axes of their plain statistics.

    Columns row, x, y, share_x, share_y (of the variance that the axis shows), method. None with
    fewer than three patches.
    """
    known = patches[patches["fault"] == Fault.NONE]
    if len(known) < 3:
        return None
    names = [name for name in STATISTICS if "hue" not in name]
    values = known[names].to_numpy(np.float32)
    values = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-6)
    axes = main_axes(values).assign(method="PCA of plain statistics")
    axes.insert(0, "row", known["row"].to_numpy())
    return axes


def main_axes(values: NDArray[np.float32]) -> pd.DataFrame:
    """Return x, y, share_x, share_y of rows of values (N, F) on their two main axes, N >= 3."""
    pca = PCA(n_components=2, svd_solver="covariance_eigh").fit(values)
    xy = pca.transform(values).astype(np.float32)
    share = pca.explained_variance_ratio_
    return pd.DataFrame(
        {"x": xy[:, 0], "y": xy[:, 1], "share_x": float(share[0]), "share_y": float(share[1])}
    )
