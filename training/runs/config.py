"""What a run is: recipe, seed, data, split and start. The same config resumes, another is refused.

Device, threads and versions are recorded beside it: they change the last digits, not the run.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from core.errors import RunError, first_fault
from training.data.pack import Pack
from training.data.split import WHERE_PARTS_ARE, Split, TextArray
from training.recipes.recipe import CHECKED, Recipe
from training.runs.initial import InitialWeights


@dataclass(frozen=True, config=CHECKED)
class SetFacts:
    """One side of the split in counts.

    Attributes:
        positives: How many of them with tumour.
        without_slide: How many whose slide is unknown.
        slides: The known slides, sorted.
        ids_sha256: Hash of the patch ids in order.
    """

    patches: int
    positives: int
    without_slide: int
    slides: tuple[str, ...]
    ids_sha256: str

    @classmethod
    def of(cls, ids: TextArray, labels: NDArray[np.int8], slides: TextArray) -> Self:
        """Return the facts of some patches, each column (N,)."""
        return cls(
            patches=len(ids),
            positives=int(labels.sum()),
            without_slide=int((slides == "").sum()),
            slides=tuple(np.unique(slides[slides != ""]).tolist()),
            ids_sha256=hashlib.sha256("\n".join(ids.tolist()).encode()).hexdigest(),
        )


@dataclass(frozen=True, config=CHECKED)
class RunConfig:
    """Everything that decides what a run computes.

    Attributes:
        seed: 0 or greater; order, augmentation, dropout and random weights follow from it.
        data: Name of the data.
        pixels_sha256: Hash of all packed pixels.
        unreadable: Labelled patches that were left out because they could not be read.
        split: How train and val were made.
        split_warnings: What a reader of the scores must know of it.
        teacher_sha256: Of the teacher's scores; "" without one.
        at_random: Whether the split has no regard to slides.
    """

    recipe: Recipe
    seed: int
    data: str
    pixels_sha256: str
    unreadable: int
    split: str
    split_warnings: tuple[str, ...]
    train: SetFacts
    val: SetFacts
    initial: InitialWeights
    teacher_sha256: str = ""
    at_random: bool = False

    def __post_init__(self) -> None:
        if self.train.ids_sha256 == self.val.ids_sha256:
            raise RunError(
                f"Training and validation are the same patches. Correct {WHERE_PARTS_ARE}."
            )

    @classmethod
    def of(
        cls,
        *,
        recipe: Recipe,
        seed: int,
        pack: Pack,
        split: Split,
        initial: InitialWeights,
        teacher_sha256: str = "",
    ) -> Self:
        """Return the config of a run on a pack."""
        return cls(
            recipe=recipe,
            seed=seed,
            data=pack.source,
            pixels_sha256=pack.pixels_sha256,
            unreadable=pack.unreadable,
            split=split.origin,
            split_warnings=split.warnings,
            train=SetFacts.of(*pack.table.columns(split.train)),
            val=SetFacts.of(*pack.table.columns(split.val)),
            initial=initial,
            teacher_sha256=teacher_sha256,
            at_random=split.at_random,
        )

    def unlike(self, other: "RunConfig") -> str:
        """Say what of another run cannot go with this one: network, patches; "" if all can."""
        mine, theirs = self.recipe, other.recipe
        same = {
            "network": mine.network == theirs.network,
            "preprocessing": mine.preprocessing == theirs.preprocessing,
            "patches": self.pixels_sha256 == other.pixels_sha256,
        }
        return next((what for what, alike in same.items() if not alike), "")

    def values(self) -> dict[str, Any]:
        """Return the config as plain values for JSON.

        What runs of earlier versions did not state is left out where it says nothing, so that
        their digest stays.
        """
        values: dict[str, Any] = _CONFIG.dump_python(self, mode="json")
        if not self.at_random:
            del values["at_random"]
        if not self.initial.parents:
            del values["initial"]["parents"]
        if not self.initial.has_seen_pcam:
            del values["initial"]["has_seen_pcam"]
        return values

    @classmethod
    def of_values(cls, values: dict[str, Any]) -> "RunConfig":
        """Return the config that `values` gave.

        Raises:
            RunError: They are not a config.
        """
        try:
            return _CONFIG.validate_python(values)
        except ValidationError as error:
            raise RunError(
                f"config.json is not one of this version's runs ({first_fault(error)}). "
                "Use another --out, or the version that wrote it."
            ) from None

    @property
    def digest(self) -> str:
        """SHA-256 of the config."""
        return values_digest(self.values())


_CONFIG: Final = TypeAdapter(RunConfig)


def values_digest(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of plain values, whatever their order."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def require_same(recorded: Mapping[str, Any], current: Mapping[str, Any]) -> None:
    """Check that a run folder holds what is asked for, by the values of the two configs.

    Raises:
        RunError: They are not; names the fields that differ.
    """
    differing = sorted(differences(recorded, current))
    if differing:
        raise RunError(
            f"The run folder contains a different run: {', '.join(differing)} differ. Use the same "
            "options to resume it, or another --out to start again."
        )


def differences(recorded: Mapping[str, Any], current: Mapping[str, Any], at: str = "") -> set[str]:
    """Paths of the values that differ, such as recipe.schedule.epochs."""
    paths: set[str] = set()
    for name in recorded.keys() | current.keys():
        old, new = recorded.get(name), current.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            paths |= differences(old, new, f"{at}{name}.")
        elif old != new:
            paths.add(at + name)
    return paths
