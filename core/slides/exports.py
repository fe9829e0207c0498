"""A slide's cells as tables, and cells and regions as GeoJSON for QuPath."""

import csv
import gzip
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.files import replacing
from core.slides.cells import NO_CALL, Cells, CellState
from core.slides.outlines import Region, Ring
from core.slides.run import cell_id
from core.slides.tissue import CELL_PX
from core.slides.view import SlideView

_ROWS_PER_GROUP: Final = 16_384
_CLASSES: Final = {
    1: {"name": "Tumour", "color": [213, 94, 0]},
    0: {"name": "No tumour", "color": [0, 114, 178]},
    -1: {"name": "No call", "color": [150, 150, 150]},
}
_FLAGGED: Final = {"name": "Region of flagged cells", "color": [213, 94, 0]}
SCHEMA: Final = pa.schema(
    [
        ("id", pa.string()),
        ("cell_row", pa.int32()),
        ("cell_column", pa.int32()),
        ("x_px", pa.float64()),
        ("y_px", pa.float64()),
        ("size_px", pa.float64()),
        ("x_um", pa.float64()),
        ("y_um", pa.float64()),
        ("size_um", pa.float64()),
        ("tissue_share", pa.float32()),
        ("status", pa.string()),
        ("prob_tumour", pa.float64()),
        ("logit", pa.float32()),
        ("predicted_label", pa.int8()),
        ("domain_distance", pa.float32()),
    ]
)
"""x and y are of a cell's upper left corner, in pixels of the slide's full resolution and in µm."""


@dataclass(frozen=True)
class Placing:
    """Where cells lie on their slide.

    Attributes:
        cell_px: Height and width of a cell in full-resolution pixels.
        um_px: Micrometres per full-resolution pixel.
        width_px: Of the slide; cells at its right and lower edge reach beyond.
        height_px: Of the slide.
    """

    cell_px: float
    um_px: float
    width_px: int
    height_px: int

    @classmethod
    def on(cls, view: SlideView) -> "Placing":
        """Return the placing of the cells of a view."""
        whole = view.file.levels[0]
        cell_px = CELL_PX * view.full_px
        return cls(cell_px, view.spacing.um_px, whole.width_px, whole.height_px)

    @property
    def cell_um(self) -> float:
        """Height and width of a cell in micrometres."""
        return self.cell_px * self.um_px

    @property
    def extent(self) -> tuple[float, float]:
        """Rows and columns of cells that the slide reaches, the last ones in part."""
        return self.height_px / self.cell_px, self.width_px / self.cell_px


def cell_tables(cells: Cells, placing: Placing) -> Iterator[pa.RecordBatch]:
    """Yield the rows of all cells that were scored or tried, in batches, row by row of the grid."""
    tried = np.argwhere(cells.state != CellState.UNSCORED)
    for start in range(0, len(tried), _ROWS_PER_GROUP):
        row, column = tried[start : start + _ROWS_PER_GROUP].T
        at = (row, column)
        x, y = column * placing.cell_px, row * placing.cell_px
        size = np.full(len(row), placing.cell_px)
        calls, state = cells.call[at], cells.state[at]
        names = [CellState(one).name.lower() for one in state]
        values = (
            [cell_id(*place) for place in zip(row.tolist(), column.tolist(), strict=True)],
            row,
            column,
            *(x, y, size),
            *(x * placing.um_px, y * placing.um_px, size * placing.um_px),
            cells.tissue_share[at],
            names,
            cells.prob_tumour[at],
            cells.logit[at],
            np.where(calls == NO_CALL, np.nan, calls),
            cells.domain_distance[at],
        )
        arrays = [_column(value, field.type) for value, field in zip(values, SCHEMA, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _column(values: Any, kind: pa.DataType) -> pa.Array:  # noqa: ANN401 - an array or names
    """Return values as a column; NaN is null. `pa.array` would load pandas, which takes longer."""
    if kind == pa.string():
        texts = [text.encode() for text in values]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        return pa.StringArray.from_buffers(
            len(texts), pa.py_buffer(ends), pa.py_buffer(b"".join(texts))
        )
    known = ~np.isnan(values)
    numbers = np.where(known, values, 0).astype(kind.to_pandas_dtype())
    marks = pa.py_buffer(np.packbits(known, bitorder="little"))
    return pa.Array.from_buffers(kind, len(numbers), [marks, pa.py_buffer(numbers)])


def write_tables(folder: Path, cells: Cells, placing: Placing) -> None:
    """Write `cells.parquet` and `cells.csv` into a folder; numbers keep all their digits."""
    with (
        replacing(folder / "cells.parquet") as parquet,
        replacing(folder / "cells.csv") as text,
        pq.ParquetWriter(parquet, SCHEMA) as writer,
        text.open("w", newline="", encoding="utf-8") as file,
    ):
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(SCHEMA.names)
        for batch in cell_tables(cells, placing):
            writer.write_batch(batch)
            for row in zip(*batch.to_pydict().values(), strict=True):
                rows.writerow("" if value is None else value for value in row)


def read_tables(folder: Path, cells: Cells) -> None:
    """Put what `write_tables` wrote into cells of the same slide."""
    table = pq.read_table(folder / "cells.parquet")
    at = table["cell_row"].to_numpy(), table["cell_column"].to_numpy()
    cells.state[at] = [CellState[name.upper()] for name in table["status"].to_pylist()]
    cells.logit[at] = table["logit"].to_numpy()
    cells.prob_tumour[at] = table["prob_tumour"].to_numpy()
    cells.call[at] = table["predicted_label"].fill_null(NO_CALL).to_numpy()
    cells.domain_distance[at] = table["domain_distance"].to_numpy()


def write_cell_features(
    path: Path, cells: Cells, placing: Placing, metadata: Mapping[str, str]
) -> None:
    """Write the cells as tiles for QuPath, a gzipped GeoJSON FeatureCollection, as a stream.

    Every tile carries the metadata: model, operating point, engine and spacing.
    """
    features = (
        _tile(row, placing, metadata)
        for batch in cell_tables(cells, placing)
        for row in batch.to_pylist()
    )
    with (
        replacing(path) as temporary,
        temporary.open("wb") as raw,
        # Neither name nor time in the header: the same cells give the same bytes.
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed,
    ):
        packed.writelines(_collection(features, metadata))


def write_region_features(
    path: Path, regions: Sequence[Region], placing: Placing, metadata: Mapping[str, str]
) -> None:
    """Write the regions of flagged cells as annotations for QuPath, in GeoJSON."""
    features = (
        _annotation(number, region, placing, metadata)
        for number, region in enumerate(regions, start=1)
    )
    with replacing(path) as temporary, temporary.open("wb") as raw:
        raw.writelines(_collection(features, metadata))


def _collection(
    features: Iterable[Mapping[str, Any]], metadata: Mapping[str, str]
) -> Iterator[bytes]:
    """Yield a FeatureCollection piece by piece, so that no more than one feature is held."""
    about = json.dumps(dict(metadata), ensure_ascii=False)
    yield f'{{"type":"FeatureCollection","metadata":{about},"features":['.encode()
    separator = "\n"
    for feature in features:
        line = json.dumps(feature, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        yield (separator + line).encode()
        separator = ",\n"
    yield b"\n]}\n"


def _tile(row: Mapping[str, Any], placing: Placing, metadata: Mapping[str, str]) -> dict[str, Any]:
    left, top, size = row["x_px"], row["y_px"], row["size_px"]
    right, bottom = min(left + size, placing.width_px), min(top + size, placing.height_px)
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    ring = [[round(x, 2), round(y, 2)] for x, y in corners]
    measured = {
        "Score": row["prob_tumour"],
        "Logit": row["logit"],
        "Tissue share": row["tissue_share"],
        "Domain distance": row["domain_distance"],
    }
    call = row["predicted_label"]
    properties = {
        "objectType": "tile",
        "classification": _CLASSES[-1 if call is None else call],
        "measurements": {name: value for name, value in measured.items() if value is not None},
        "metadata": {**metadata, "status": row["status"]},
    }
    return _feature(row["id"], {"type": "Polygon", "coordinates": [ring]}, properties)


def _annotation(
    number: int, region: Region, placing: Placing, metadata: Mapping[str, str]
) -> dict[str, Any]:
    polygons = [[_closed(ring, placing.cell_px) for ring in polygon] for polygon in region.polygons]
    geometry = (
        {"type": "Polygon", "coordinates": polygons[0]}
        if len(polygons) == 1
        else {"type": "MultiPolygon", "coordinates": polygons}
    )
    properties = {
        "objectType": "annotation",
        "name": f"Region of flagged cells {number}",
        "classification": _FLAGGED,
        "measurements": {
            "Area mm²": region.area_mm2,
            "Greatest diameter mm": region.diameter_mm,
            "Flagged cells": region.cells,
            "Highest score": region.highest,
        },
        "metadata": dict(metadata),
    }
    return _feature(f"region {number}", geometry, properties)


def _closed(ring: Ring, cell_px: float) -> list[list[float]]:
    """Return a ring in pixels, its end its beginning, and turned as RFC 7946 wants it."""
    corners = np.concatenate([ring, ring[:1]])[::-1] * cell_px  # OpenCV goes the other way round
    coordinates: list[list[float]] = corners.round(2).tolist()
    return coordinates


def _feature(
    name: str, geometry: Mapping[str, Any], properties: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a feature whose UUID is the same whenever the same run is written."""
    run = sorted(properties["metadata"].items())
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{run}/{name}")),
        "geometry": geometry,
        "properties": dict(properties),
    }
