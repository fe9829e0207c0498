"""A model bundle on disk: `card.json`, `weights.safetensors`, `golden/*.png`, `validation.csv`.

Nothing in it is executable: weights are safetensors, everything else is JSON, PNG or CSV.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import safetensors
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError
from safetensors import SafetensorError

from core.bundle.card import Card, GoldenPatch
from core.bundle.domain import DOMAIN_FILE, Domain, domain_of
from core.errors import BundleError, PatchError, first_fault, in_a_line, why
from core.files import sha256_of, told_of_disk
from core.patches import ImageU8, decode_patch
from core.tables import read_table

if TYPE_CHECKING:
    import torch
import re

CARD_FILE: Final = "card.json"
WEIGHTS_FILE: Final = "weights.safetensors"
VALIDATION_FILE: Final = "validation.csv"
GOLDEN_FOLDER: Final = "golden"


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle whose parts were checked against the hashes in its card.

    Attributes:
        safetensors: The bytes of the weights' file.
        golden_images: (G, 96, 96, 3) uint8, in the order of the card.
        domain: What patches are compared with; None where the card has none.
    """

    folder: Path
    card: Card
    safetensors: bytes
    golden_images: ImageU8
    domain: Domain | None = None

    @cached_property
    def weights(self) -> "dict[str, torch.Tensor]":
        """The network's state, by timm's names; PyTorch is loaded when first asked for."""
        import safetensors.torch  # noqa: PLC0415 - a converted network does without

        return safetensors.torch.load(self.safetensors)

    @property
    def parameters(self) -> int:
        """How many numbers the weights are."""
        parts = safetensors.deserialize(self.safetensors)  # type: ignore[no-untyped-call]
        return sum(math.prod(part["shape"]) for _, part in parts)

    @property
    def golden_logits(self) -> NDArray[np.float32]:
        """The expected tumour logits of the golden patches, (G,)."""
        return np.array([patch.logit for patch in self.card.golden.files], np.float32)


@dataclass(frozen=True, eq=False)
class ValidationScores:
    """Scores of patches that the model was not trained on.

    Attributes:
        ids: (N,) patch ids.
        slides: (N,) slide or slide group, "" where unknown.
        labels: (N,) 1 tumour in the centre, 0 none.
        scores: (N,) calibrated probability of tumour, float64.
        sha256: Hash of the file they came from.
        folds: (N,) from 1, where each score is of a model that trained without its fold.
    """

    ids: NDArray[np.str_]
    slides: NDArray[np.str_]
    labels: NDArray[np.int8]
    scores: NDArray[np.float64]
    sha256: str
    folds: NDArray[np.int64] | None = None


def read_card(folder: Path) -> Card:
    """Return a bundle's card, checked against the schema.

    Raises:
        BundleError: There is none, or it does not follow the schema.
    """
    try:
        text = (folder / CARD_FILE).read_bytes()
    except OSError as error:
        raise BundleError(
            f"No model in {folder}: {CARD_FILE} cannot be read ({why(error)}). "
            "Name a folder made by `python -m training export`."
        ) from None
    try:
        content = json.loads(text)
        if isinstance(content, dict) and content.get("schema_version") == 1:
            text = json.dumps(upgraded(content)).encode()
        return Card.model_validate_json(text)
    except ValidationError as error:
        raise BundleError(
            f"The model card does not follow the schema: {first_fault(error)}. "
            "Export the bundle again."
        ) from None
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise BundleError(
            f"The model card is not valid JSON ({in_a_line(error)}). Export the bundle again."
        ) from None


def read_bundle(folder: Path) -> Bundle:
    """Return a bundle with every part checked against its hash.

    The golden patches are not scored here; `core.scoring.open_classifier` does that.

    Raises:
        BundleError: A part is missing, altered or not what the card says.
    """
    card = read_card(folder)
    data = _checked(folder / WEIGHTS_FILE, card.weights_sha256)
    try:
        safetensors.deserialize(data)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise BundleError(
            f"{WEIGHTS_FILE} is not a safetensors file ({error}). Export the bundle again."
        ) from None
    images = []
    for patch in card.golden.files:
        picture = _checked(folder / GOLDEN_FOLDER / patch.file, patch.sha256)
        try:
            images.append(decode_patch(picture).image_rgb_u8)
        except PatchError as error:
            raise BundleError(f"Golden patch {patch.file}: {error}") from None
    domain = None
    if card.domain is not None:
        domain = domain_of(_checked(folder / DOMAIN_FILE, card.domain.sha256))
    return Bundle(folder, card, data, np.stack(images), domain)


def _checked(path: Path, sha256: str | None) -> bytes:
    """Return a part's bytes, which must have this hash unless it is None."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"{path.name} is missing from the bundle ({why(error)}). Copy the whole folder again."
        ) from None
    checksum = hashlib.sha256(data).hexdigest()
    if sha256 is not None and checksum != sha256:
        raise BundleError(
            f"{path.name} was altered: its SHA-256 is {checksum[:12]}…, the card says "
            f"{sha256[:12]}…. Copy the whole folder again."
        )
    return data


def read_validation(folder: Path, sha256: str | None = None) -> ValidationScores:
    """Return a bundle's validation scores.

    Args:
        folder: The bundle.
        sha256: What the card says of the file; None skips the check.

    Raises:
        BundleError: The file is missing, altered or malformed.
    """
    path = folder / VALIDATION_FILE
    checksum = hashlib.sha256(_checked(path, sha256)).hexdigest()
    table = read_table(path, required=["id", "slide", "label", "score"]).rows
    try:
        labels = np.array([int(cell) for cell in table["label"]], np.int8)
        scores = np.array([float(cell) for cell in table["score"]], np.float64)
        folds = np.array([int(cell) for cell in table["fold"]]) if "fold" in table else None
    except ValueError as error:
        raise BundleError(
            f"{VALIDATION_FILE} contains a label, score or fold that is not a number ({error})."
        ) from None
    if not (np.isin(labels, (0, 1)).all() and ((scores >= 0) & (scores <= 1)).all()):
        raise BundleError(
            f"{VALIDATION_FILE} has labels other than 0 and 1 or scores outside 0 to 1. "
            "Export the bundle again."
        )
    return ValidationScores(
        ids=table["id"].to_numpy(np.str_),
        slides=table["slide"].to_numpy(np.str_),
        labels=labels,
        scores=scores,
        sha256=checksum,
        folds=folds,
    )


def write_validation(
    folder: Path,
    *,
    ids: Sequence[str],
    slides: Sequence[str],
    labels: Sequence[int],
    scores: Sequence[float],
    folds: Sequence[int] | None = None,
) -> str:
    """Write `validation.csv` (id, slide, label, score, and fold if any) and return its SHA-256.

    Scores are calibrated probabilities, written so that reading them gives the same float64.
    """
    import pandas as pd  # noqa: PLC0415 - whoever scores does without

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / VALIDATION_FILE
    table = pd.DataFrame({"id": ids, "slide": slides, "label": labels, "score": scores})
    if folds is not None:
        table["fold"] = folds
    table.to_csv(path, index=False, lineterminator="\n")
    return sha256_of(path)


def write_weights(folder: Path, weights: "Mapping[str, torch.Tensor]") -> str:
    """Write `weights.safetensors` and return its SHA-256."""
    import safetensors.torch  # noqa: PLC0415 - loads PyTorch, which a card does without

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / WEIGHTS_FILE
    plain = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    with told_of_disk(path):
        safetensors.torch.save_file(plain, path)
    path.chmod(0o644)  # the library leaves it readable to its maker only
    return sha256_of(path)


def write_golden(
    folder: Path, images_rgb_u8: ImageU8, logits: NDArray[np.float32]
) -> tuple[GoldenPatch, ...]:
    """Write the golden patches as PNG and return what the card says of them.

    Args:
        folder: The bundle.
        images_rgb_u8: (G, 96, 96, 3), drawn patches, never patients' ones.
        logits: (G,) tumour logits that the exported network gives them.
    """
    golden = folder / GOLDEN_FOLDER
    golden.mkdir(parents=True, exist_ok=True)
    patches = []
    for number, (image, logit) in enumerate(zip(images_rgb_u8, logits, strict=True)):
        path = golden / f"drawn-{number:02d}.png"
        Image.fromarray(image).save(path, optimize=True)
        patches.append(GoldenPatch(file=path.name, sha256=sha256_of(path), logit=float(logit)))
    return tuple(patches)


def write_card(folder: Path, card: Card) -> None:
    """Write `card.json`, the last part of a bundle: without it the folder is no bundle."""
    content: dict[str, Any] = card.model_dump(mode="json")
    (folder / CARD_FILE).write_text(
        json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8"
    )


_HALVED: Final = re.compile(
    r"^Validation slides were halved by core\.statistics\.split_slides with seed (\d+)\.$"
)


def upgraded(content: dict[str, Any]) -> dict[str, Any]:
    """Return what a card of version 1 says as a card of version 2.

    The sentence among its notes that gave the seed of the halves becomes `split_seed`; where its
    weights started stays the one sentence that it was.

    Raises:
        KeyError: It has no validation, or its parts are not where version 1 has them.
        TypeError: Likewise.
    """
    validation = dict(content["validation"])
    notes = list(validation.get("notes", ()))
    seeds = [hit for note in notes if (hit := _HALVED.match(note))]
    return {
        **content,
        "schema_version": 2,
        "initial_weights": {"description": content["initial_weights"]},
        "validation": {
            **validation,
            "notes": [note for note in notes if not _HALVED.match(note)],
            "split_seed": int(seeds[0][1]) if seeds else None,
        },
    }
