"""Patches as the files of an upload, so that they can be scored and read one by one."""

import csv
import io
from collections.abc import Iterable, Iterator

from PIL import Image

from core.patches import ImageU8


def as_files(patches: Iterable[tuple[str, ImageU8, str, str]]) -> Iterator[io.BytesIO]:
    """Yield each patch as PNG, and at last a table that tells labels and slides.

    Args:
        patches: Id, image, label and slide of each; "" where unknown.
    """
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["id", "label", "slide"])  # a table without labels would be taken for a patch
    for patch_id, image, label, slide in patches:
        rows.writerow([patch_id, label, slide])
        packed = io.BytesIO()
        Image.fromarray(image).save(packed, "PNG")
        yield _named(packed.getvalue(), f"{patch_id}.png")
    yield _named(table.getvalue().encode(), "slides.csv")


def _named(data: bytes, name: str) -> io.BytesIO:
    file = io.BytesIO(data)
    file.name = name
    return file
