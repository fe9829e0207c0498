"""What a run is: recipe, seed, data, split and start. The same config resumes, another is refused.

Device, threads and versions are recorded beside it: they change the last digits, not the run.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from core.errors import RunError
from training.data.pack import Pack
from training.data.split import IntArray, PatchTable, Split
from training.recipes.recipe import Recipe, recipe_of, recipe_values
from training.runs.initial import InitialWeights


@dataclass(frozen=True)
class SetFacts:
    """One side of the split in counts.

    Attributes:
        patches: How many.
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
    def of(cls, table: PatchTable, rows: IntArray) -> Self:
        """Return the facts of some rows of a table."""
        slides = table.slides[rows]
        return cls(
            patches=len(rows),
            positives=int(table.labels[rows].sum()),
            without_slide=int((slides == "").sum()),
            slides=tuple(np.unique(slides[slides != ""]).tolist()),
            ids_sha256=hashlib.sha256("\n".join(table.ids[rows].tolist()).encode()).hexdigest(),
        )


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides what a run computes.

    Attributes:
        recipe: How.
        seed: 0 or greater; order, augmentation, dropout and random weights follow from it.
        data: Name of the data.
        pixels_sha256: Hash of all packed pixels.
        unreadable: Labelled patches that were left out because they could not be read.
        split: How train and val were made.
        split_warnings: What a reader of the scores must know of it.
        train: What trains.
        val: What validates.
        initial: Where the weights start.
        teacher_sha256: Of the teacher's scores; "" without one.
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

    def __post_init__(self) -> None:
        require_seed(self.seed)
        if self.train.ids_sha256 == self.val.ids_sha256:
            raise RunError("Training and validation are the same patches. Correct split.csv.")

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
            train=SetFacts.of(pack.table, split.train),
            val=SetFacts.of(pack.table, split.val),
            initial=initial,
            teacher_sha256=teacher_sha256,
        )

    def values(self) -> dict[str, Any]:
        """Return the config as plain values for JSON."""
        plain = {name: value for name, value in vars(self).items() if name != "recipe"}
        plain["train"], plain["val"] = asdict(self.train), asdict(self.val)
        plain["initial"] = asdict(self.initial)
        values: dict[str, Any] = json.loads(json.dumps(plain))
        return {"recipe": recipe_values(self.recipe), **values}

    @classmethod
    def of_values(cls, values: dict[str, Any]) -> Self:
        """Return the config that `values` gave.

        Raises:
            RunError: They are not a config.
        """
        try:
            return cls(
                **{
                    **values,
                    "recipe": recipe_of(values["recipe"]),
                    "split_warnings": tuple(values["split_warnings"]),
                    "train": _facts(values["train"]),
                    "val": _facts(values["val"]),
                    "initial": _initial(values["initial"]),
                }
            )
        except (KeyError, TypeError) as error:
            raise RunError(
                f"config.json is not one of this version's runs ({error!r}). "
                "Use another --out, or the version that wrote it."
            ) from None

    @property
    def digest(self) -> str:
        """SHA-256 of the config."""
        return values_digest(self.values())


def values_digest(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of plain values, whatever their order."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def require_seed(seed: int) -> None:
    """Check a seed.

    Raises:
        RunError: It is negative.
    """
    if seed < 0:
        raise RunError(f"Found the seed {seed}; expected 0 or greater. Use a whole number.")


def require_same_run(recorded: RunConfig, wanted: RunConfig) -> None:
    """Check that a run folder holds the run that is asked for.

    Raises:
        RunError: It holds another one; says in what they differ.
    """
    if recorded.digest == wanted.digest:
        return
    old, new = recorded.values(), wanted.values()
    differing = [name for name in new if old.get(name) != new[name]]
    raise RunError(
        f"The run folder holds another run: {', '.join(differing)} differ. "
        "Give the same options to resume it, or another --out to start anew."
    )


def _facts(values: dict[str, Any]) -> SetFacts:
    return SetFacts(**{**values, "slides": tuple(values["slides"])})


def _initial(values: dict[str, Any]) -> InitialWeights:
    return InitialWeights(**{**values, "slides_sha256": tuple(values.get("slides_sha256", ()))})
