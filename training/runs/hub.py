"""Weights from a hub of models: safetensors only, with their licence, and what they have seen."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import huggingface_hub

from core.errors import RunError

PREFIX: Final = "hf-hub:"
WEIGHTS_FILE: Final = "model.safetensors"
CONFIG_FILE: Final = "config.json"
PERMISSIVE: Final = frozenset(
    {
        "apache-2.0",
        "mit",
        "bsd",
        "bsd-2-clause",
        "bsd-3-clause",
        "cc0-1.0",
        "cc-by-4.0",
        "unlicense",
        "isc",
    }
)
_SEEN: Final = re.compile(r"pcam|patch[-_ ]?camelyon|camelyon", re.IGNORECASE)
"""A model whose card does not say what it was trained on cannot be told."""


@dataclass(frozen=True)
class HubWeights:
    """What a hub has of a model.

    Attributes:
        repository: Owner and name.
        architecture: timm's name of the network.
        file: The downloaded weights.
        licence: As the hub states it; "not stated" where it does not.
        has_seen_pcam: Its name, tags or card name PCam or CAMELYON as training data.
    """

    repository: str
    architecture: str
    file: Path
    licence: str
    has_seen_pcam: bool

    @property
    def description(self) -> str:
        """Where the weights are from, for the card."""
        seen = "; trained on PCam or CAMELYON" if self.has_seen_pcam else ""
        return f"{PREFIX}{self.repository}, licence {self.licence}{seen}"


def fetch_weights(init: str, *, accept_licence: bool) -> HubWeights:
    """Return a model's weights from the hub, downloaded once.

    Args:
        init: "hf-hub:OWNER/NAME".
        accept_licence: The licence may be any.

    Raises:
        RunError: There is no network or no such model, it has no safetensors, or its licence is
            not permissive and not accepted.
    """
    repository = init.removeprefix(PREFIX)
    try:
        info = huggingface_hub.model_info(repository)
    except Exception as error:  # noqa: BLE001 - hub, HTTP and DNS errors share no base class
        raise RunError(
            f"{repository} could not be downloaded from the hub ({type(error).__name__}). Check "
            "the name and the network, and sign in if the model requires it."
        ) from None
    card = info.card_data
    licence = str((card and card.get("license")) or "not stated")
    if licence.lower() not in PERMISSIVE and not accept_licence:
        link = (card and card.get("license_link")) or f"https://huggingface.co/{repository}"
        raise RunError(
            f"{repository} has the licence {licence}, which may limit the use of a model trained "
            f"from it. Read it ({link}), then add --accept-licence."
        )
    names = {sibling.rfilename for sibling in info.siblings or []}
    if not {WEIGHTS_FILE, CONFIG_FILE} <= names:
        raise RunError(
            f"{repository} has no {WEIGHTS_FILE} with a {CONFIG_FILE}; expected a timm network in "
            "safetensors. Pickled weights are not read, because they can run code."
        )
    # Tags repeat the card's data sets, as "dataset:NAME".
    words = " ".join([repository, *map(str, info.tags or [])])
    return HubWeights(
        repository,
        _architecture(repository),
        Path(huggingface_hub.hf_hub_download(repository, WEIGHTS_FILE)),
        licence,
        bool(_SEEN.search(words)),
    )


def _architecture(repository: str) -> str:
    config = Path(huggingface_hub.hf_hub_download(repository, CONFIG_FILE))
    try:
        return str(json.loads(config.read_text("utf-8"))["architecture"])
    except (ValueError, KeyError, TypeError):
        raise RunError(
            f"The {CONFIG_FILE} of {repository} names no timm architecture. Name weights of a timm "
            "network."
        ) from None
