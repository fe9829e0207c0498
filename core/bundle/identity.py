"""Which model scored something: one id over the whole card, and the shorter ones of before."""

from collections.abc import Iterable


def same_model(one: str, other: str) -> bool:
    """Return whether two ids are of one model.

    An id is the card's name, the beginning of the weights' hash and, after a dot, that of a hash
    over the whole card. Records from before ids named the card lack the dot and what follows; they
    count as the same model if name and weights are the same.
    """
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def distinct_models(ids: Iterable[str]) -> list[str]:
    """Return the models that ids are of, sorted; of two ids of one model the longer."""
    models = sorted(set(ids) - {""})
    return [one for one in models if not any(other.startswith(f"{one}.") for other in models)]
