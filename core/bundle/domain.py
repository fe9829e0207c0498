"""What the training patches look like to a network: how far from them is a patch?

The statistics are mean and spread of each channel of some early layers: they see stain, sharpness
and texture, which the last layers learn to look past. The distance is Mahalanobis', after Lee et
al. 2018, divided by a limit: beyond 1 lie as few patches of other slides as the card says.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from core.errors import BundleError, why
from core.files import sha256_of, told_of_disk

DOMAIN_FILE: Final = "domain.safetensors"
SHRINKAGE: Final = 0.01
"""Of the correlations towards none; some channels hardly vary among the training patches."""


@dataclass(frozen=True, eq=False)
class Domain:
    """A reference to compare patches with.

    Attributes:
        mean: (F,) float32 of the training patches' statistics.
        whitening: (F, F) float32; statistics less the mean, times this, are uncorrelated with
            variance 1 among the training patches, and divided by the limit.
    """

    mean: NDArray[np.float32]
    whitening: NDArray[np.float32]

    @cached_property
    def _whitening_f64(self) -> NDArray[np.float64]:
        return self.whitening.astype(np.float64)

    def distances(self, statistics: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the distances (N,) of statistics (N, F); above 1 is unlike the training data."""
        moved = (statistics - self.mean).astype(np.float64)
        # Not `@`: BLAS would wake threads that then spin against the engine's, at a third of what
        # a score costs; and each row is the same bits whatever stands beside it.
        moved = np.einsum("nf,fg->ng", moved, self._whitening_f64)
        distances: NDArray[np.float64] = np.sqrt((moved * moved).mean(axis=1))
        return distances


def fit_domain(
    train: NDArray[np.float32],
    judged: Iterable[tuple[NDArray[np.float32], NDArray[np.float32]]],
    *,
    share: float,
) -> Domain:
    """Return the reference.

    Args:
        train: (N, F) statistics of all training patches.
        judged: Statistics of training patches, and of those of slides that are not among them,
            which set the limit: one such pair, or one for each fold of slides left out in turn.
        share: Of the patches of other slides that lie beyond the limit.
    """
    distances = [_unlimited(some).distances(others) for some, others in judged]
    plain = _unlimited(train)
    limit = np.quantile(np.concatenate(distances), 1 - share)
    return Domain(plain.mean, (plain.whitening / limit).astype(np.float32))


def left_out_in_turn(
    train: NDArray[np.float32], folds: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Yield the statistics without each fold of whole slides, and those of the fold.

    Args:
        train: (N, F).
        folds: (N,) from 1; 0 where the slide is unknown, which are never left out.
    """
    for fold in np.unique(folds[folds > 0]):
        yield train[folds != fold], train[folds == fold]


def _unlimited(train: NDArray[np.float32]) -> Domain:
    mean = train.mean(axis=0, dtype=np.float64)
    spread = train.std(axis=0, dtype=np.float64) + 1e-6
    standard = (train - mean) / spread
    correlations = standard.T @ standard / len(standard)
    values, directions = np.linalg.eigh(correlations)
    values = (1 - SHRINKAGE) * values.clip(min=0) + SHRINKAGE
    whitening = directions / np.sqrt(values) / spread[:, None]
    return Domain(mean.astype(np.float32), whitening.astype(np.float32))


def write_domain(folder: Path, domain: Domain) -> str:
    """Write `domain.safetensors` and return its SHA-256."""
    path = folder / DOMAIN_FILE
    with told_of_disk(path):
        safetensors.numpy.save_file({"mean": domain.mean, "whitening": domain.whitening}, path)
    path.chmod(0o644)  # the library leaves it readable to its maker only
    return sha256_of(path)


def domain_of(data: bytes) -> Domain:
    """Return what the bytes of `domain.safetensors` hold.

    Raises:
        BundleError: They hold something else.
    """
    try:
        tensors = safetensors.numpy.load(data)
        domain = Domain(tensors["mean"], tensors["whitening"])
    except (SafetensorError, KeyError) as error:
        raise BundleError(
            f"{DOMAIN_FILE} cannot be read ({why(error)}). Export it again."
        ) from None
    width = len(domain.mean)
    if domain.whitening.shape != (width, width) or not (
        np.isfinite(domain.mean).all() and np.isfinite(domain.whitening).all()
    ):
        raise BundleError(f"{DOMAIN_FILE} contains no usable reference. Export it again.")
    return domain
