from pathlib import Path

import pytest

from tests.training.toys import write_toy_kaggle
from training.commands import main


@pytest.fixture(scope="session")
def kaggle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy data set in Kaggle's layout: 4 slides train, 2 validate, 10 patches each."""
    return write_toy_kaggle(tmp_path_factory.mktemp("data") / "toy")


@pytest.fixture(scope="session")
def finished_runs(kaggle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the finished runs `a` and `b` of two seeds on the toy data."""
    folder = tmp_path_factory.mktemp("finished")
    for name, seed in (("a", "0"), ("b", "1")):
        arguments = ["fit", "--data", str(kaggle), "--out", str(folder / name)]
        arguments += ["--recipe", "tiny", "--seed", seed, "--cache", str(folder / ".pack")]
        assert main([*arguments, "--device", "cpu"]) == 0
    return folder
