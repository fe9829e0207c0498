"""Maps of feature space: two axes to look at, and the nearest patches of each patch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from core.errors import EvidenceError, SettingsError

_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class Embedding:
    """Features on two axes.

    Attributes:
        xy: (N, 2) float32.
        explained_share: (2,) of the variance that each axis shows; NaN for UMAP, whose axes and
            distances between far groups mean nothing.
        method: "PCA" or "UMAP".
    """

    xy: NDArray[np.float32]
    explained_share: tuple[float, float]
    method: str


def embedding(features: NDArray[np.float32], *, umap: bool = False, seed: int = 0) -> Embedding:
    """Return features (N, D) on two axes, by PCA, or by UMAP where it is installed.

    Raises:
        EvidenceError: fewer than 3 patches or 2 features, or a value that is not finite.
        SettingsError: UMAP is asked for and not installed.
    """
    _check(features)
    if umap:
        return _umap(features, seed)
    pca = PCA(n_components=2, svd_solver="covariance_eigh").fit(features)
    xy = np.concatenate(
        [
            pca.transform(features[start : start + _BLOCK]).astype(np.float32)
            for start in range(0, len(features), _BLOCK)
        ]
    )
    share = pca.explained_variance_ratio_
    return Embedding(xy, (float(share[0]), float(share[1])), "PCA")


def nearest_neighbours(
    features: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return (rows, cosine similarities), each (N, k), of the nearest others, nearest first.

    Exact, in blocks: beside the result at most 1,024 x N similarities are in memory. The time
    grows with the square of N.

    Raises:
        EvidenceError: k is not 1 to N - 1, or the features are unfit.
    """
    _check(features)
    count = len(features)
    if not 1 <= k < count:
        raise EvidenceError(f"k is {k}; expected 1 to {count - 1}. Ask for fewer neighbours.")
    norm = np.linalg.norm(features, axis=1, keepdims=True)
    unit = (features / np.maximum(norm, np.finfo(np.float32).tiny)).astype(np.float32)
    rows = np.empty((count, k), dtype=np.int64)
    similarity = np.empty((count, k), dtype=np.float32)
    for start in range(0, count, _BLOCK):
        block = unit[start : start + _BLOCK] @ unit.T  # (B, N)
        own = np.arange(len(block))
        block[own, start + own] = -np.inf
        near = np.argpartition(-block, k - 1, axis=1)[:, :k]
        value = np.take_along_axis(block, near, axis=1)
        order = np.argsort(-value, axis=1, kind="stable")
        rows[start : start + len(block)] = np.take_along_axis(near, order, axis=1)
        similarity[start : start + len(block)] = np.take_along_axis(value, order, axis=1)
    return rows, similarity


def _umap(features: NDArray[np.float32], seed: int) -> Embedding:
    try:
        # umap-learn warns while it is imported unless TensorFlow is there, and weighs 200 MB with
        # its compiler: hence optional, and imported here.
        from umap.umap_ import UMAP  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError(
            "UMAP is not installed; PCA always is. Install it with: pip install umap-learn"
        ) from error
    xy = UMAP(n_components=2, random_state=seed, n_jobs=1).fit_transform(features)
    return Embedding(np.asarray(xy, dtype=np.float32), (float("nan"), float("nan")), "UMAP")


def _check(features: NDArray[np.float32]) -> None:
    if features.ndim != 2 or len(features) < 3 or features.shape[1] < 2:
        raise EvidenceError(
            f"Features are {features.shape}; expected at least 3 patches of 2 numbers each."
        )
    if not np.isfinite(features).all():
        raise EvidenceError("A feature is not finite. Leave out patches that could not be read.")
