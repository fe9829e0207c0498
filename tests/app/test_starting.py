"""What the server does as it starts."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from app import starting


class Ring:
    """Garbage that only a collection finds: it holds itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def sparing() -> Iterator[None]:
    gc.collect()
    gc.unfreeze()
    starting.spare_the_garbage_collector()
    yield
    gc.callbacks.pop()
    gc.unfreeze()


@pytest.mark.usefixtures("sparing")
def test_what_made_a_collection_slow_is_not_looked_at_again_and_garbage_still_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starting, "_SLOW_S", 0.0)  # on a quick machine, too
    here_to_stay = [[number] for number in range(1000)]
    garbage = weakref.ref(Ring())
    gc.collect()
    assert garbage() is None
    assert gc.get_freeze_count() > len(here_to_stay)
    monkeypatch.setattr(starting, "_SLOW_S", 3600.0)
    frozen, later = gc.get_freeze_count(), weakref.ref(Ring())
    gc.collect()
    assert later() is None
    assert gc.get_freeze_count() <= frozen, "a quick collection freezes nothing more"


@pytest.mark.usefixtures("sparing")
def test_what_was_given_up_meanwhile_is_found_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starting, "_SLOW_S", 0.0)
    ring = Ring()
    given_up = weakref.ref(ring)
    gc.collect()
    del ring
    gc.collect()
    assert given_up() is not None, "it was frozen while somebody held it"
    monkeypatch.setattr(starting, "_LOOK_AGAIN_AFTER_S", 0.0)
    gc.collect()
    gc.collect()
    assert given_up() is None
