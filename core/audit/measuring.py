"""The one pass over the pixels: blocks of inputs in, one Parquet file per block out.

A block on disk is never measured again, so a kill costs one block. Blocks start at multiples of
the block size, whatever was interrupted before, so a resumed audit has the same rows.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.audit.columns import IDENTITY, MEASURES
from core.audit.folder import AuditFolder
from core.audit.measures import measure
from core.audit.relations.signatures import signatures
from core.errors import Fault
from core.files import replacing
from core.patches import PATCH_SIZE_PX, Patch, PatchEntry, PatchSource, UnreadablePatch
from core.patches.source import ahead

BLOCK: Final = 4096
"""Inputs per file; a multiple of `PIECE`."""
PIECE: Final = 128
"""Inputs that one thread reads and measures at a time; bounds the memory."""
WORKERS: Final = 2
_AHEAD: Final = 5
"""Pieces begun before the first of them is written."""


def measure_source(
    source: PatchSource,
    folder: AuditFolder,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Measure every input that has no block on disk; return whether all are measured.

    Args:
        source: The inputs.
        folder: Takes the blocks, and at the end the table.
        on_progress: Called with (inputs measured, inputs).
        should_stop: Asked after each piece; the block under way is then lost.
    """
    total = len(source)
    folder.parts.mkdir(parents=True, exist_ok=True)
    missing = [
        start for start in range(0, total, BLOCK) if not _block_file(folder, start).is_file()
    ]
    done = total - sum(min(BLOCK, total - start) for start in missing)
    on_progress(done, total)
    blocks = {start: range(start, min(start + BLOCK, total), PIECE) for start in missing}
    starts = (place for pieces in blocks.values() for place in pieces)
    with closing(ahead(partial(_measure_piece, source), starts, WORKERS, _AHEAD)) as measured:
        for start, pieces in blocks.items():
            batches = []
            for _ in pieces:
                batches.append(next(measured))
                done += batches[-1].num_rows
                on_progress(done, total)
                if should_stop():
                    return False
            with replacing(_block_file(folder, start)) as temporary:
                pq.write_table(pa.Table.from_batches(batches), temporary)
    return True


def join_blocks(folder: AuditFolder) -> None:
    """Move all blocks into the tables `patches` and `signatures`, one block in memory at a time."""
    own = [*IDENTITY.names, *MEASURES]
    files = folder.part_files()
    for table, with_identity in (("signatures", False), ("patches", True)):
        with replacing(folder.table(table)) as temporary:
            writer: pq.ParquetWriter | None = None
            try:
                for file in files:
                    block = pq.read_table(file)
                    names = [name for name in block.column_names if (name in own) is with_identity]
                    block = block.select(names if with_identity else ["row", *names])
                    writer = writer or pq.ParquetWriter(temporary, block.schema)
                    writer.write_table(block)
            finally:
                if writer is not None:
                    writer.close()
    for file in files:
        file.unlink()
    folder.parts.rmdir()


def _block_file(folder: AuditFolder, start: int) -> Path:
    return folder.parts / f"patches-{start:09d}.parquet"


def _measure_piece(source: PatchSource, start: int) -> pa.RecordBatch:
    stop = min(start + PIECE, len(source))
    inputs = [source.read(index) for index in range(start, stop)]
    readable = [number for number, item in enumerate(inputs) if isinstance(item, Patch)]
    patches = [item.image_rgb_u8 for item in inputs if isinstance(item, Patch)]
    images = np.array(patches, np.uint8).reshape(-1, PATCH_SIZE_PX, PATCH_SIZE_PX, 3)
    columns = _identity(inputs, source.entries[start:stop])
    measures = np.full((len(inputs), len(MEASURES)), np.nan, np.float32)
    measures[readable] = measure(images)
    for place, name in enumerate(MEASURES):
        columns[name] = pa.array(measures[:, place])
    # A piece without one readable patch needs the columns all the same.
    signature_columns = signatures(
        images if len(images) else np.zeros_like(images, shape=(1, 96, 96, 3))
    )
    for name, values in signature_columns.items():
        columns[name] = _spread(values, readable, len(inputs))
    return pa.RecordBatch.from_pydict(columns)


def _identity(
    inputs: list[Patch | UnreadablePatch], entries: Sequence[PatchEntry]
) -> dict[str, pa.Array]:
    """Return the columns `IDENTITY`; what is known of an input stands in the entries."""
    rows = [
        (
            item.index,
            entry.id,
            entry.path,
            entry.label,
            entry.slide,
            entry.split,
            item.sha256,
            str(Fault.NONE if isinstance(item, Patch) else item.kind),
            "" if isinstance(item, Patch) else item.reason,
            item.note if isinstance(item, Patch) else "",
        )
        for item, entry in zip(inputs, entries, strict=True)
    ]
    columns = zip(*rows, strict=True)
    return {
        field.name: pa.array(list(values), type=field.type)
        for field, values in zip(IDENTITY, columns, strict=True)
    }


def _spread(values: NDArray[Any], places: list[int], count: int) -> pa.Array:
    """Return values of some places as a column of `count`: whole numbers, or bytes of one length.

    Elsewhere numbers are 0, so that they stay whole when they are read, and bytes null.
    """
    if values.dtype.kind == "O":
        filled: list[bytes | None] = [None] * count
        for place, value in zip(places, values, strict=False):
            filled[place] = value
        return pa.array(filled, pa.binary(len(values[0])))
    spread = np.zeros(count, values.dtype)
    spread[places] = values[: len(places)]
    return pa.array(spread)
