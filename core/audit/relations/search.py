"""Pairs of nearby vectors among millions, by random projections (locality-sensitive hashing).

Datar et al. 2004, "Locality-sensitive hashing scheme based on p-stable distributions". One table
at a time: the memory is that of the vectors and of one column of keys.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1 << 18


@dataclass(frozen=True)
class SearchPlan:
    """How close is close, and how hard to look.

    Attributes:
        radius: the greatest Euclidean distance of a pair.
        width: of a cell along each projection; greater finds more and compares more.
        projections: numbers that make up a key.
        tables: how often to look, each time with other projections.
        bucket: a vector is compared with this many of those that share its key. A key that very
            many share says nothing, and comparing all of them would take for ever.
    """

    radius: float
    width: float
    projections: int
    tables: int
    bucket: int = 64


def close_pairs(
    vectors: NDArray[np.int8], kind: NDArray[np.int64], plan: SearchPlan, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Return (first, second, distance) of close pairs, first < second, each pair once.

    Args:
        vectors: (M, D).
        kind: (M,); only vectors of the same kind are compared.
        plan: what to look for.
        seed: of the projections.
    """
    rng = np.random.default_rng(seed)
    found: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
    for _ in range(plan.tables):
        keys = _keys(vectors, kind, plan, rng)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        here = np.arange(len(keys))
        for ahead in range(1, plan.bucket + 1):
            here = here[here < len(keys) - ahead]
            here = here[keys[here] == keys[here + ahead]]
            if not len(here):
                break
            for start in range(0, len(here), _BLOCK):
                block = here[start : start + _BLOCK]
                one, other = order[block], order[block + ahead]
                gap = vectors[one].astype(np.float32) - vectors[other]
                distance = np.sqrt(np.einsum("nd,nd->n", gap, gap))
                near = distance <= plan.radius
                low, high = np.minimum(one, other)[near], np.maximum(one, other)[near]
                found.append((low * len(vectors) + high, distance[near]))
    if not found:
        none = np.empty(0, dtype=np.int64)
        return none, none, np.empty(0, dtype=np.float32)
    pair, place = np.unique(np.concatenate([pairs for pairs, _ in found]), return_index=True)
    distances = np.concatenate([distance for _, distance in found])[place]
    return pair // len(vectors), pair % len(vectors), distances


def _keys(
    vectors: NDArray[np.int8],
    kind: NDArray[np.int64],
    plan: SearchPlan,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    directions = rng.normal(size=(vectors.shape[1], plan.projections)).astype(np.float32)
    offset = rng.uniform(0, plan.width, plan.projections).astype(np.float32)
    mix = rng.integers(1, 2**62, plan.projections + 1) | 1
    keys = np.empty(len(vectors), dtype=np.int64)
    for start in range(0, len(vectors), _BLOCK):
        block = slice(start, start + _BLOCK)
        cell = np.floor((vectors[block].astype(np.float32) @ directions + offset) / plan.width)
        # Whole numbers wrap around without a word: that is the hash.
        keys[block] = (cell.astype(np.int64) * mix[:-1]).sum(axis=1) + kind[block] * mix[-1]
    return keys
