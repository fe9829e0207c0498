"""Tables, GeoJSON by QuPath's rules, outlines against counted cells, pictures read back."""

import csv
import gzip
import json
import uuid
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openslide
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scipy.special import expit

from core.__main__ import main
from core.slides import CellResult, Cells, CellState, find_regions
from tests.core.slides.toys import CELL, green_cells, slide_of, tissue_image

OUTPUTS = {
    "cells.parquet",
    "cells.csv",
    "cells.geojson.gz",
    "regions.geojson",
    "heatmap.tif",
    "overview.png",
    "summary.json",
}


def regions(*arguments: object) -> int:
    return main(["regions", *map(str, arguments)])


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    image = tissue_image(green_cells(20, 24, (5, 5), (5, 6)))
    whole = image.repeat(2, axis=0).repeat(2, axis=1)  # 0.485 µm/px
    return slide_of(tmp_path_factory.mktemp("slide") / "node.tif", whole, 0.485)


@pytest.fixture(scope="module")
def out(slide: Path, toy_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "node"
    assert regions(slide, "--out", folder, "--model", toy_bundle, "--all-cells") == 0
    return folder


def test_one_folder_holds_everything(out: Path) -> None:
    assert {path.name for path in out.iterdir()} == OUTPUTS
    summary = json.loads((out / "summary.json").read_text())
    assert summary["cells"]["tissue"] == summary["cells"]["scored"] == 20 * 24
    assert summary["slide"]["um_per_px"] == pytest.approx(0.485)
    assert summary["slide"]["spacing_origin"] == "file"
    assert summary["in_words"].startswith(f"{summary['cells']['flagged']:,} of 480 cells")


def test_tables_place_cells_in_full_resolution_pixels_and_micrometres(out: Path) -> None:
    table = pd.read_parquet(out / "cells.parquet")
    assert len(table) == 480
    one = table[(table["cell_row"] == 7) & (table["cell_column"] == 3)].iloc[0]
    assert (one["x_px"], one["y_px"], one["size_px"]) == (192, 448, 64)
    assert one["x_um"] == pytest.approx(192 * 0.485)
    assert one["size_um"] == pytest.approx(31.04)
    with (out / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == table["id"].tolist()
    assert [float(row["prob_tumour"]) for row in rows] == table["prob_tumour"].tolist()
    assert {row["domain_distance"] for row in rows} == {""}


def check_feature(feature: dict[str, Any], kind: str) -> None:
    """What QuPath's reader demands of a feature, and what GeoJSON does."""
    assert feature["type"] == "Feature"
    assert str(uuid.UUID(feature["id"])) == feature["id"]
    polygons = feature["geometry"]["coordinates"]
    if feature["geometry"]["type"] == "Polygon":
        polygons = [polygons]
    for ring in (ring for polygon in polygons for ring in polygon):
        assert ring[0] == ring[-1]
        assert len(ring) >= 5
        assert len({tuple(corner) for corner in ring[:-1]}) == len(ring) - 1  # simple
    properties = feature["properties"]
    assert properties["objectType"] == kind
    colour = properties["classification"]["color"]
    assert len(colour) == 3
    assert all(type(channel) is int and 0 <= channel <= 255 for channel in colour)
    assert all(isinstance(value, int | float) for value in properties["measurements"].values())
    assert all(isinstance(value, str) for value in properties["metadata"].values())
    assert {"model", "operating point", "engine", "spacing"} <= set(properties["metadata"])


def test_cells_are_tiles_for_qupath(out: Path) -> None:
    with gzip.open(out / "cells.geojson.gz", "rt") as file:
        collection = json.load(file)
    assert collection["type"] == "FeatureCollection"
    table = pd.read_parquet(out / "cells.parquet")
    assert len(collection["features"]) == len(table)
    assert len({feature["id"] for feature in collection["features"]}) == len(table)
    for feature, (_, row) in zip(collection["features"], table.iterrows(), strict=True):
        check_feature(feature, "tile")
        assert feature["geometry"]["coordinates"][0][0] == [row["x_px"], row["y_px"]]
        assert feature["properties"]["measurements"]["Score"] == row["prob_tumour"]


def shoelace(ring: list[list[float]]) -> float:
    """Its area; less than nothing where it runs clockwise, x to the right and y upwards."""
    x, y = np.array(ring).T
    return float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) / 2


def test_regions_are_annotations_with_the_area_of_their_outlines(out: Path) -> None:
    collection = json.loads((out / "regions.geojson").read_text())
    flagged = (pd.read_parquet(out / "cells.parquet")["predicted_label"] == 1).sum()
    assert sum(
        f["properties"]["measurements"]["Flagged cells"] for f in collection["features"]
    ) == (flagged)
    for feature in collection["features"]:
        check_feature(feature, "annotation")
        polygons = feature["geometry"]["coordinates"]
        if feature["geometry"]["type"] == "Polygon":
            polygons = [polygons]
        signs = [np.sign(list(map(shoelace, rings))).tolist() for rings in polygons]
        assert all(outer == 1 and set(holes) <= {-1} for outer, *holes in signs)  # RFC 7946
        inside = sum(shoelace(ring) for rings in polygons for ring in rings)
        area_mm2 = inside * (0.485 / 1000) ** 2
        assert area_mm2 == pytest.approx(feature["properties"]["measurements"]["Area mm²"])


def test_what_qupath_reads_lies_on_the_slide(toy_bundle: Path, tmp_path: Path) -> None:
    image = tissue_image(np.ones((6, 8), np.bool_))[: 6 * CELL - 20, : 8 * CELL - 9]
    out = tmp_path / "o"
    assert regions(slide_of(tmp_path / "a.tif", image), "--out", out, "--model", toy_bundle) == 0
    with gzip.open(out / "cells.geojson.gz", "rt") as file:
        features = json.load(file)["features"]
    features += json.loads((out / "regions.geojson").read_text())["features"]
    shapes = [feature["geometry"] for feature in features]
    polygons = [
        s["coordinates"] if s["type"] == "MultiPolygon" else [s["coordinates"]] for s in shapes
    ]
    corners = np.array([c for many in polygons for rings in many for ring in rings for c in ring])
    assert corners.min() >= 0
    assert tuple(corners.max(axis=0)) == (8 * CELL - 9, 6 * CELL - 20)


def cells_flagged(flagged: NDArray[np.bool_]) -> Cells:
    cells = Cells(np.ones(flagged.shape, np.float32), np.ones(flagged.shape, np.bool_))
    cells.put(
        [
            CellResult(r, c, CellState.SCORED, 0.0, 0.9 if on else 0.1, int(on), float("nan"))
            for (r, c), on in np.ndenumerate(flagged)
        ]
    )
    return cells


def ring_area(ring: NDArray[np.float64]) -> float:
    return abs(shoelace(np.concatenate([ring, ring[:1]]).tolist()))


@settings(max_examples=80)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.9))
def test_outlines_are_simple_rings_within_the_flagged_cells(seed: int, share: float) -> None:
    flagged = np.random.default_rng(seed).random((9, 11)) < share
    regions = find_regions(cells_flagged(flagged), 1000.0)
    assert sum(region.cells for region in regions) == flagged.sum()
    quarters = np.s_[2::4, 2::4]  # middles of quarters of cells: no edge runs through one
    for region in regions:
        area = 0.0
        for outer, *holes in region.polygons:
            area += ring_area(outer) - sum(map(ring_area, holes))
            painted = np.zeros((9 * 16, 11 * 16), np.uint8)
            for ring, value in ((outer, 1), *((hole, 0) for hole in holes)):
                assert len({tuple(corner) for corner in ring.tolist()}) == len(ring)
                cv2.fillPoly(painted, [(ring * 16 * 16 - 8).astype(np.int32)], value, shift=4)
            assert (painted[quarters] <= flagged.repeat(4, axis=0).repeat(4, axis=1)).all()
        assert region.area_mm2 == pytest.approx(area)
        assert 0 < area <= region.cells  # all of them where tumour runs on beyond the slide


@pytest.mark.parametrize("radius_cells", [2.0, 3.5, 6.0])
def test_an_outline_has_the_area_of_what_lies_in_the_cells(radius_cells: float) -> None:
    errors, along_the_edges = [], []
    for seed in range(30):  # a cell is flagged as soon as any of the disc lies in it
        middle = np.random.default_rng(seed).uniform(9, 10, 2)
        row, column = np.mgrid[0:20:0.05, 0:20:0.05] + 0.025
        disc = np.hypot(row - middle[0], column - middle[1]) < radius_cells
        flagged = disc.reshape(20, 20, 20, 20).any(axis=(1, 3))
        (region,) = find_regions(cells_flagged(flagged), 1000.0)
        errors.append(region.area_mm2 / (np.pi * radius_cells**2) - 1)
        along_the_edges.append(region.cells / (np.pi * radius_cells**2) - 1)
    assert abs(np.mean(errors)) < 0.1
    assert np.mean(along_the_edges) > 0.2


def test_flagged_cells_beside_tumour_lie_outside_of_its_outline() -> None:
    row, column = np.mgrid[0:30, 0:30] + 0.5
    beyond = np.hypot(row - 15.3, column - 14.6) - 5.0  # the rim, in cells
    errors = {}
    # Scores fall off at the rim as the shipped model's do on drawn slides, and as if without error.
    for name, score in (("model", 0.03 + 0.7 * expit(1 - 2.6 * beyond)), ("exact", beyond < 0.5)):
        cells = Cells(np.ones((30, 30), np.float32), np.ones((30, 30), np.bool_))
        cells.put(
            [
                CellResult(r, c, CellState.SCORED, 0.0, score[r, c], int(score[r, c] > 0.112), 0.0)
                for r, c in np.ndindex(30, 30)
            ]
        )
        (region,) = find_regions(cells, 1000.0)
        errors[name] = region.area_mm2 / (np.pi * 5.0**2) - 1
        (flagged,) = find_regions(cells_flagged(cells.flagged), 1000.0)
        errors[f"{name}, all flagged"] = flagged.area_mm2 / (np.pi * 5.0**2) - 1
    assert abs(errors["exact"]) < 0.1
    assert abs(errors["model"]) < 0.1
    assert errors["model, all flagged"] > 0.2


def test_a_diameter_is_the_greatest_distance() -> None:
    flagged = np.zeros((16, 16), np.bool_)
    flagged[3:7, 2:14] = True  # of tumour 3 cells wide and 11 long
    (region,) = find_regions(cells_flagged(flagged), 1000.0)
    corners = np.concatenate(region.rings)
    farthest = max(np.hypot(*(a - b)) for a in corners for b in corners)
    assert region.diameter_mm == pytest.approx(farthest)
    assert farthest == pytest.approx(np.hypot(3, 11), rel=0.05)


def test_a_region_ends_with_the_slide() -> None:
    flagged = np.zeros((6, 8), np.bool_)
    flagged[1:, 5:] = flagged[0, 7] = True
    cells, extent = cells_flagged(flagged), (5.25 + 1 / 32, 7.25)  # in the last row and column
    (whole,), (region,) = find_regions(cells, 1000.0), find_regions(cells, 1000.0, extent)
    outer = region.polygons[0][0]
    assert tuple(outer.max(axis=0)) == (7.25, 5.25 + 1 / 32)
    assert ring_area(outer) == pytest.approx(region.area_mm2)
    assert tuple(whole.polygons[0][0].max(axis=0)) == (8, 6)
    for at in ((5, 3), (3, 7), (5, 7)):  # of a cell at the edge, no less than its part on the slide
        (one,) = find_regions(cells_flagged(green_cells(6, 8, at)), 1000.0, extent)
        assert 0 < one.area_mm2 <= 0.75


def test_the_heat_map_is_a_pyramid_of_the_right_scale(toy_bundle: Path, tmp_path: Path) -> None:
    path = slide_of(tmp_path / "wide.tif", tissue_image(green_cells(8, 140)))
    assert regions(path, "--out", tmp_path / "o", "--model", toy_bundle) == 0
    with openslide.OpenSlide(tmp_path / "o" / "heatmap.tif") as heat:
        assert heat.dimensions == (140 * 4, 8 * 4)
        assert heat.level_count == 2
        assert float(heat.properties["openslide.mpp-x"]) == pytest.approx(CELL * 0.97 / 4, rel=1e-3)
    with Image.open(tmp_path / "o" / "overview.png") as picture:
        assert picture.width > 800


def test_the_same_slide_again_is_known_and_another_does_not_take_its_folder(
    slide: Path, out: Path, toy_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (out / "summary.json").read_bytes()
    arguments = (slide, "--out", out, "--model", toy_bundle, "--resume")
    assert regions(*arguments, "--all-cells") == 0
    assert "complete already" in capsys.readouterr().err
    other = slide_of(tmp_path / "other.tif", tissue_image(green_cells(4, 4)))
    assert regions(other, "--out", out, "--model", toy_bundle) == 2
    assert f"the results of {slide.name}, another slide" in capsys.readouterr().err
    same_name = tmp_path / "new" / slide.name
    same_name.parent.mkdir()
    other.rename(same_name)
    assert regions(same_name, "--out", out, "--model", toy_bundle) == 2
    assert "as it was before" in capsys.readouterr().err
    assert (out / "summary.json").read_bytes() == before


def test_a_folder_gives_a_folder_for_each_slide_and_tells_of_those_it_cannot_read(
    slide: Path, toy_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "slides"
    folder.mkdir()
    (folder / "a.tif").write_bytes(slide.read_bytes())
    (folder / "b.svs").write_bytes(b"broken")
    slide_of(folder / "c.tif", tissue_image(green_cells(4, 4)), None)
    (folder / "notes.txt").write_text("not a slide")
    assert regions(folder, "--out", tmp_path / "out", "--model", toy_bundle) == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.tif"}
    told = capsys.readouterr().err
    assert "b.svs" in told
    assert "c.tif does not state its spacing" in told
    assert regions(folder / "c.tif", "--out", tmp_path / "c", "--model", toy_bundle) == 2
    assert "--um-per-px" in capsys.readouterr().err
    arguments = (folder / "c.tif", "--out", tmp_path / "c", "--model", toy_bundle)
    assert regions(*arguments, "--um-per-px", 0.97) == 0
    summary = json.loads((tmp_path / "c" / "summary.json").read_text())
    assert summary["slide"]["spacing_origin"] == "given"
