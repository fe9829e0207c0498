"""Every random number of a run, derived from its seed, epoch and step.

Nothing random has a state that must survive a kill: a resumed run asks for step 17 of epoch 3 and
gets the numbers that the unbroken run got.
"""

import numpy as np
import torch
from numpy.typing import NDArray

_ORDER, _STEP, _START = 0, 1, 2


def epoch_order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """Return a permutation of 0..count-1, (count,), for one epoch."""
    return np.random.default_rng([seed, _ORDER, epoch]).permutation(count)


def balanced_order(seed: int, epoch: int, labels: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return rows (N,) of labels (N,), drawn with replacement, 0 and 1 as likely."""
    chances = np.where(labels == 1, 0.5 / (labels == 1).sum(), 0.5 / (labels != 1).sum())
    rng = np.random.default_rng([seed, _ORDER, epoch])
    return rng.choice(len(labels), len(labels), p=chances)


def step_generator(seed: int, epoch: int, step: int) -> torch.Generator:
    """Return the CPU generator of one step's augmentation, and seed torch (dropout) for the step.

    Augmentation is drawn on the CPU whatever the device, so that it is the same on all.
    """
    own, dropout = _words(seed, _STEP, epoch, step)
    torch.manual_seed(dropout)
    return torch.Generator().manual_seed(own)


def seed_start(seed: int) -> None:
    """Seed torch for the random initial weights."""
    torch.manual_seed(_words(seed, _START)[0])


def _words(*key: int) -> tuple[int, int]:
    first, second = np.random.SeedSequence(key).generate_state(2, np.uint64) >> np.uint64(1)
    return int(first), int(second)
