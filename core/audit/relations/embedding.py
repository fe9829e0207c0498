"""A map of the patches: two axes of their plain statistics to look at."""

import numpy as np
import pandas as pd
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
    pca = PCA(n_components=2, svd_solver="covariance_eigh").fit(values)
    xy = pca.transform(values).astype(np.float32)
    share = pca.explained_variance_ratio_
    return pd.DataFrame(
        {
            "row": known["row"].to_numpy(),
            "x": xy[:, 0],
            "y": xy[:, 1],
            "share_x": float(share[0]),
            "share_y": float(share[1]),
            "method": "PCA of plain statistics",
        }
    )
