"""Every fuzz target takes its seeds, and a few hundred mutants of them, in every test run."""

import numpy as np
import pytest

from tests.fuzz.targets import TARGETS, run_once, seeds

MUTANTS = {"hdf5": 4}


@pytest.mark.parametrize("target", TARGETS)
def test_mutants_are_read_or_refused_in_words(target: str) -> None:
    rng = np.random.default_rng(7)
    for seed in seeds(target):
        run_once(target, seed)
        for _ in range(MUTANTS.get(target, 150)):
            mutant = bytearray(seed)
            for place in rng.integers(0, len(mutant), rng.integers(1, 6)):
                mutant[place] = rng.integers(256)
            run_once(target, bytes(mutant[: rng.integers(1, len(mutant) + 1)]))
