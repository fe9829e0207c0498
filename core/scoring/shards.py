"""One run in several parts, on any machines: each scores its share, `merge` puts them together."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import RunError
from core.files import replacing, sha256_of
from core.patches import PatchSource, SelectedSource
from core.scoring.outputs import ROWS_PER_GROUP, metadata_path, write_metadata

_OF_A_PART: Final = ("source_fingerprint", "facts_sha256", "inputs")
"""What of a specification is a part's own."""
_HASHES: Final = {
    "source_fingerprint": "paths of the files",
    "facts_sha256": "ids, labels, slides or splits",
    "sample_sha256": "contents of the files",
    "card_sha256": "card of the model",
}
"""What is compared by a hash, in words."""
_OF_A_HASH: Final = 12


@dataclass(frozen=True)
class Shard:
    """One of several equal shares of a source, numbered from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Return the shard that "2/8" names.

        Raises:
            RunError: It names none.
        """
        number, slash, of = text.partition("/")
        if not (slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            raise RunError(f"Found --shard {text}; expected i/n, such as 2/8, with i from 1 to n.")
        return cls(int(number), int(of))

    def of_source(self, source: PatchSource, batch_size: int) -> SelectedSource:
        """Return the shard's inputs: neighbours, and whole batches of the undivided run."""
        batches = -(-len(source) // batch_size)
        first, last = ((batches * place) // self.of for place in (self.number - 1, self.number))
        rows = range(first * batch_size, min(last * batch_size, len(source)))
        return SelectedSource(source, rows)

    def facts(self, source: PatchSource) -> dict[str, Any]:
        """Return what the parts' metadata say of the whole, so that `merge` can tell."""
        return {
            "number": self.number,
            "of": self.of,
            "source_fingerprint": source.fingerprint(),
            "facts_sha256": source.facts_sha256(),
            "inputs": len(source),
            "sample_sha256": source.sample_sha256(),
        }


def merge_shards(parts: Sequence[Path], out: Path) -> dict[str, int]:
    """Write the outputs of all shards of a run as one, and return the count of each status.

    The bytes are those of the undivided run.

    Args:
        parts: Outputs of `score --shard`, in any order, each with its .run.json.
        out: Where to, with the parts' suffix.

    Raises:
        RunError: A part is missing, doubled, altered, of another run, or what is to be written.
    """
    outputs = [(path, _metadata(path)) for path in parts]
    outputs.sort(key=lambda pair: int(pair[1]["shard"]["number"]))
    whole = outputs[0][1]["shard"]
    _check(outputs, out)
    with replacing(out) as temporary:
        if out.suffix == ".parquet":
            _join_tables([path for path, _ in outputs], temporary)
        else:
            _join_lines([path for path, _ in outputs], temporary)
    counts = {
        status: sum(int(metadata["counts"].get(status, 0)) for _, metadata in outputs)
        for status in outputs[0][1]["counts"]
    }
    spec = {**outputs[0][1]["spec"], **{name: whole[name] for name in _OF_A_PART}}
    kept = {name: value for name, value in outputs[0][1].items() if name not in {"shard", "output"}}
    shards = [
        {name: metadata.get(name) for name in ("started", "finished", "seconds", "device")}
        for _, metadata in outputs
    ]
    write_metadata(out, {**kept, "spec": spec, "counts": counts, "shards": shards})
    return counts


def _metadata(path: Path) -> dict[str, Any]:
    try:
        metadata: dict[str, Any] = json.loads(metadata_path(path).read_text("utf-8"))
        shard = metadata["shard"]
        numbers = (*metadata["counts"].values(), shard["number"], shard["of"])
        if not (set(_OF_A_PART) <= set(shard) and all(isinstance(one, int) for one in numbers)):
            raise TypeError
        if metadata["output_sha256"] == sha256_of(path) and dict(metadata["spec"]):
            return metadata
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise RunError(
            f"{path.name} is not an output of `score --shard`, or {metadata_path(path).name} "
            "beside it is missing or changed. Name the files that --out named."
        ) from None
    raise RunError(f"{path.name} was altered after it was written. Score this shard again.")


def _check(outputs: Sequence[tuple[Path, dict[str, Any]]], out: Path) -> None:
    first_path, first = outputs[0]
    for path, metadata in outputs:
        if path.suffix != out.suffix:
            raise RunError(
                f"{path.name} and {out.name} are of different types; expected the same type for "
                "both."
            )
        if different := _differences(metadata, first):
            raise RunError(
                f"{path.name} and {first_path.name} are from different runs: {different}. Merge "
                "the shards of one run."
            )
    of = int(outputs[0][1]["shard"]["of"])
    numbers = [int(metadata["shard"]["number"]) for _, metadata in outputs]
    if numbers != list(range(1, of + 1)):
        missing = sorted(set(range(1, of + 1)) - set(numbers))
        problem = f"missing: {', '.join(map(str, missing))}" if missing else "one appears twice"
        raise RunError(f"Found {len(numbers)} of {of} shards ({problem}). Name each one once.")


def _differences(one: dict[str, Any], other: dict[str, Any]) -> str:
    """Return what of two parts should be the same and is not, with both values; "" if nothing."""
    was, now = _identity(one), _identity(other)
    return "; ".join(
        f"{_HASHES.get(name, name)} {_shown(name, was.get(name))} and {_shown(name, now.get(name))}"
        for name in {**was, **now}
        if was.get(name) != now.get(name)
    )


def _shown(name: str, value: object) -> str:
    return str(value)[:_OF_A_HASH] if name in _HASHES else str(value)


def _identity(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return what must be the same in every part: all that decides the rows of the whole.

    What the folder of the patches was called on each machine decides none.
    """
    spec = {k: v for k, v in metadata["spec"].items() if k not in {"source", *_OF_A_PART}}
    shard = {k: v for k, v in metadata["shard"].items() if k != "number"}
    identity: dict[str, Any] = {**spec, **shard, "arithmetic": metadata.get("arithmetic")}
    for name, value in dict(metadata.get("operating_point") or {}).items():
        identity[f"{name} of the operating point"] = value
    return identity


def _join_lines(parts: Sequence[Path], to: Path) -> None:
    with to.open("wb") as whole:
        for number, path in enumerate(parts):
            with path.open("rb") as part:
                header = part.readline()
                if number == 0:
                    whole.write(header)
                shutil.copyfileobj(part, whole)


def _join_tables(parts: Sequence[Path], to: Path) -> None:
    """Write the parts' rows in groups as large as those of an undivided run."""
    rest: pa.Table | None = None
    with pq.ParquetWriter(to, pq.read_schema(parts[0])) as writer:
        for path in parts:
            table = pq.read_table(path)
            rest = table if rest is None else pa.concat_tables([rest, table])
            while rest.num_rows >= ROWS_PER_GROUP:
                writer.write_table(rest.slice(0, ROWS_PER_GROUP).combine_chunks())
                rest = rest.slice(ROWS_PER_GROUP)
        if rest is not None and rest.num_rows:
            writer.write_table(rest.combine_chunks())
