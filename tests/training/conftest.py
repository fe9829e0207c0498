from pathlib import Path

import pytest

from tests.training.toys import write_toy_kaggle


@pytest.fixture(scope="session")
def kaggle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy data set in Kaggle's layout: 4 slides train, 2 validate, 10 patches each."""
    return write_toy_kaggle(tmp_path_factory.mktemp("data") / "toy")
