"""What is fuzzed, and what it starts from: each takes any bytes and may only refuse in words."""

import contextlib
import io
import json
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import h5py
import numpy as np
from PIL import Image

from core.bundle import Card
from core.errors import NodelensError, PatchError
from core.patches import Hdf5Source, ZipSource, decode_patch
from core.scoring import read_rows, read_spec
from core.settings import SHIPPED_MODEL
from core.tables import known_by_id, parse_table
from core.thresholds import read_locked_point

_PLACE: Final = Path(tempfile.mkdtemp(prefix="fuzz-")) / "input"


def _file(data: bytes, suffix: str = "") -> Path:
    path = _PLACE.with_suffix(suffix)
    path.write_bytes(data)
    return path


def decoder(data: bytes) -> None:
    """An image is (96, 96, 3) or refused."""
    assert decode_patch(data).image_rgb_u8.shape == (96, 96, 3)


def archive(data: bytes) -> None:
    """Every member of an archive is read or refused."""
    with ZipSource(_file(data, ".zip")) as source:
        for index in range(min(len(source), 20)):
            with contextlib.suppress(PatchError):
                source.read_bytes(index)


def hdf5(data: bytes) -> None:
    """Rows are read or refused, and the program lives."""
    with Hdf5Source(_file(data, ".h5")) as source:
        for index in range(min(len(source), 4)):
            source.read(index)


def tables(data: bytes) -> None:
    """Every row has as many cells as the header, and no cell controls a terminal or a page."""
    table = parse_table("input.csv", data)
    for cells in table.rows.to_numpy(str).tolist():
        assert len(cells) == len(table.rows.columns)
        kinds = {unicodedata.category(char) for char in "".join(cells)}
        assert kinds.isdisjoint({"Cc", "Cf", "Cs", "Zl", "Zp"})
    known_by_id(table, ["label", "slide", "split"])


def card(data: bytes) -> None:
    """A card follows the schema or is refused."""
    try:
        Card.model_validate_json(data)
    except ValueError:
        return


def journal(data: bytes) -> None:
    """Rows of a journal are whole, whatever the file holds."""
    path = _file(data)
    list(read_rows(path))
    read_spec(path)


def points(data: bytes) -> None:
    """A locked operating point has a threshold of 0 to 1, or is refused."""
    assert 0 <= read_locked_point(_file(data, ".json")).threshold <= 1


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "decoder": decoder,
    "zip": archive,
    "hdf5": hdf5,
    "tables": tables,
    "card": card,
    "journal": journal,
    "points": points,
}


def seeds(target: str) -> list[bytes]:
    """Return a small corpus to begin with, made here: no file of anybody's."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8))
    if target == "decoder":
        forms = ("TIFF", "PNG", "JPEG", "BMP", "WEBP")
        saved = [_saved(image, form) for form in forms]
        return saved + [_saved(image, "TIFF", compression=c) for c in ("tiff_lzw", "packbits")]
    if target == "zip":
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive_file:
            archive_file.writestr("a.png", _saved(image, "PNG"), zipfile.ZIP_DEFLATED)
            archive_file.writestr("b/train_labels.csv", "id,label\na,1\n", zipfile.ZIP_LZMA)
        return [out.getvalue()]
    if target == "hdf5":
        out = io.BytesIO()
        with h5py.File(out, "w") as file:
            pixels = np.asarray(image)[None].repeat(2, axis=0)
            file.create_dataset("x", data=pixels, compression="gzip")
            file.create_dataset("y", data=[0, 1])
        return [out.getvalue()]
    texts = {
        "tables": ["id,label,slide\na,1,s\n", "sep=;\nid;score\n'-1;0,5\n", '"id"\t"split"\n'],
        "card": [(SHIPPED_MODEL / "card.json").read_text("utf-8")],
        "journal": ['{"format":1,"spec":{},"columns":[]}\n{"start":0,"rows":[[]]}\n'],
        "points": [json.dumps({"version": "v1", "threshold": 0.5, "model_id": "m"})],
    }
    return [text.encode() for text in texts[target]]


def _saved(image: Image.Image, form: str, **options: str) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def run_once(target: str, data: bytes) -> None:
    """Run a target; a refusal in words is what it may do."""
    with contextlib.suppress(NodelensError):
        TARGETS[target](data)
