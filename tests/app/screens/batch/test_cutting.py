"""The script's own arithmetic, read from it; QuPath itself is not run here."""

import math
import re

import pytest

from app.screens.batch.batches import SCRIPT
from core.patches import PATCH_SIZE_PX
from core.patches.patch import SPACING_UM_PX

TEXT = SCRIPT.read_text("utf-8")


def expression(name: str) -> str:
    found = re.search(rf"^(?:int|double|long) {name} = (.+)$", TEXT, re.MULTILINE)
    assert found is not None, name
    return found.group(1).replace("Math.round", "round")


def computed(slide_um_px: float) -> dict[str, float]:
    values: dict[str, float] = {"slideUmPx": slide_um_px}
    for name in ("patchPx", "spacingUmPx", "coarsestUmPx", "downsample", "slidePx"):
        values[name] = eval(expression(name), {"round": round}, values)  # noqa: S307 - our own file
    return values


def test_the_script_cuts_what_the_model_was_trained_on() -> None:
    values = computed(0.25)
    assert values["patchPx"] == PATCH_SIZE_PX
    assert values["spacingUmPx"] == SPACING_UM_PX
    assert ".tileSize(patchPx)" in TEXT
    assert ".downsample(downsample)" in TEXT


@pytest.mark.parametrize("slide_um_px", [0.2431, 0.25, 0.4991, 0.97])
def test_a_patch_covers_the_same_tissue_whatever_the_scanner(slide_um_px: float) -> None:
    values = computed(slide_um_px)
    side_um = values["slidePx"] * slide_um_px
    assert side_um == pytest.approx(PATCH_SIZE_PX * SPACING_UM_PX, abs=slide_um_px / 2 + 1e-9)


@pytest.mark.parametrize("slide_um_px", [0.93, 0.96, 0.97, 1.01])
def test_a_scan_that_is_near_enough_is_not_resampled(slide_um_px: float) -> None:
    assert "if (downsample < 1.05) {\n    downsample = 1 //" in TEXT
    assert computed(slide_um_px)["downsample"] < 1.05


@pytest.mark.parametrize(("slide_um_px", "refused"), [(0.25, False), (1.0, False), (1.94, True)])
def test_a_scan_that_is_too_coarse_is_not_blown_up(slide_um_px: float, refused: bool) -> None:
    assert "if (slideUmPx > coarsestUmPx)" in TEXT
    assert (slide_um_px > computed(slide_um_px)["coarsestUmPx"]) is refused
    assert "if (!Double.isFinite(slideUmPx))" in TEXT
    assert math.isclose(computed(slide_um_px)["coarsestUmPx"], 1.0185)
