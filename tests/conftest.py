"""Fixtures that more than one room needs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from core.scoring import Classifier, open_classifier
from tests.toys import write_toy_bundle

torch.set_num_threads(1)
# What an example takes on a busy machine says nothing of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def engines_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where networks are converted to; one for all tests and the processes that they start."""
    folder = tmp_path_factory.mktemp("engines")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NODELENS_ENGINES_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def toy_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete bundle around a tiny random network; not to be changed."""
    return write_toy_bundle(tmp_path_factory.mktemp("bundle") / "toy")


@pytest.fixture(scope="session")
def toy_classifier(toy_bundle: Path, engines_folder: Path) -> Classifier:
    """The toy bundle opened on the CPU."""
    return open_classifier(toy_bundle, device="cpu")


@pytest.fixture(scope="session")
def pcam_dir() -> Path:
    """Real patches in the Kaggle layout, where the developer has some."""
    folder = os.environ.get("PCAM_DIR")
    if not folder:
        pytest.skip("PCAM_DIR names no folder of real patches in the Kaggle layout")
    return Path(folder)
