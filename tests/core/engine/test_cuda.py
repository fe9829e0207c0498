"""The CUDA engine's bookkeeping, on a stand-in for the device: every pass runs at once, on the CPU.

What only a real device can tell is in `tests/gpu/check.sh`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from core.bundle import Bundle
from core.engine import Engine, TorchEngine
from core.engine.cuda import CudaEngine
from core.scoring import Classifier
from tests.toys import noise_patches


class Stream:
    def wait_stream(self, _: object) -> None: ...

    def synchronize(self) -> None: ...


class Event:
    def record(self, _: object) -> None: ...

    def synchronize(self) -> None: ...


class Graph:
    """Has no recording, so a replay must be refused by the test below, never silently empty."""

    def replay(self) -> None:
        raise AssertionError


@contextmanager
def no_stream(_: object) -> Iterator[None]:
    yield


@contextmanager
def no_graph(*_: object, **__: object) -> Iterator[None]:
    if not torch.cuda.is_available():
        raise RuntimeError("nothing can be recorded here")
    yield


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "Stream": Stream,
        "Event": Event,
        "CUDAGraph": Graph,
        "graph": no_graph,
        "stream": no_stream,
        "current_stream": Stream,
        "graph_pool_handle": lambda: (0, 0),
        "synchronize": lambda: None,
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr("core.engine.pytorch.resolve_device", lambda _: torch.device("cpu"))


def open_both(bundle: Bundle, batch_size: int) -> tuple[Engine, Engine]:
    parts = (bundle.card.architecture, bundle.card.preprocessing, bundle.weights)
    return CudaEngine(*parts, batch_size=batch_size), TorchEngine(*parts, device="cpu")


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("count", [1, 4, 5, 23])
def test_batches_of_one_size_give_every_patch_its_own_logit(
    toy_classifier: Classifier, count: int
) -> None:
    cuda, reference = open_both(toy_classifier.bundle, batch_size=4)
    images = noise_patches(count)
    np.testing.assert_allclose(cuda.logits(images), reference.logits(images), atol=1e-5)


@pytest.mark.usefixtures("stand_in")
def test_batches_under_way_keep_their_logits_whatever_order_they_are_read_in(
    toy_classifier: Classifier,
) -> None:
    cuda, reference = open_both(toy_classifier.bundle, batch_size=4)
    batches = [noise_patches(count, seed) for seed, count in enumerate((3, 9, 4, 1, 17))]
    under_way = [cuda.submit(batch) for batch in batches]
    for batch, pending in reversed(list(zip(batches, under_way, strict=True))):
        np.testing.assert_allclose(pending().logits, reference.logits(batch), atol=1e-5)
        np.testing.assert_array_equal(pending().logits, pending().logits)
