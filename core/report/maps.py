"""The maps of a report's patches, made anew from patches and model, or why none are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from core.errors import NodelensError
from core.explanation import Method
from core.explanation.words import METHODS
from core.patches import ImageU8
from core.review.patches import PatchMap

if TYPE_CHECKING:
    from core.review.maps import MapMaker  # loads the explanation room and PyTorch with it


@dataclass(frozen=True, slots=True)
class ReportMaps:
    """What a report shows of the model's maps.

    Attributes:
        of_patch: By SHA-256.
        why_none: Why there are none at all, "" if there are.
        engine: What computed them, in words.
    """

    of_patch: Mapping[str, PatchMap] = field(default_factory=lambda: MappingProxyType({}))
    why_none: str = ""
    engine: str = ""

    def summary(self) -> str:
        """Return how the maps were made, or why there are none, for the page on the batch."""
        if self.why_none:
            return f"none. {self.why_none}"
        if not self.of_patch:
            return "none: no patch needs one"
        shown = next(iter(self.of_patch.values())).shown
        return (
            f"{METHODS[Method(shown.method)]} at {shown.layer} of {shown.model_id} "
            f"({self.engine}), each on its own scale: yellow raised the score most, the line marks "
            "half of the highest value. Each square of a map has also seen tissue around it, so "
            "it does not prove which part decided. A map is not a finding."
        )


def report_maps(
    hashes: Sequence[str],
    model_id: str,
    maker: "Callable[[], MapMaker]",
    picture: Callable[[str], ImageU8],
    *,
    on_progress: Callable[[float], None] = lambda _: None,
) -> ReportMaps:
    """Return the maps of some patches by SHA-256; the same on the same machine each time.

    `maker` opens the model that makes maps and may fail as models can; `picture` gives a patch
    (96, 96, 3) by its SHA-256; `on_progress` is told the share that is made, 0..1.

    Raises:
        StoreError: A patch is not among the kept ones.
    """
    images = [picture(sha256) for sha256 in hashes]
    if not images:
        return ReportMaps()
    try:
        map_maker = maker()
        map_maker.require_model(model_id)
        made = []
        for image, sha256 in zip(images, hashes, strict=True):
            made.append(map_maker.map(image, sha256))
            on_progress(len(made) / len(images))
    except NodelensError as error:
        return ReportMaps(why_none=str(error))
    return ReportMaps(dict(zip(hashes, made, strict=True)), engine=map_maker.engine)
