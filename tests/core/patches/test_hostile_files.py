"""Files that are meant to harm: they cost themselves, and a sentence; never the program."""

import io
import os
import signal
import struct
import time
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from core.errors import PatchError, SourceError
from core.patches import Patch, UnreadablePatch, ZipSource, decode_patch, open_source
from core.patches.reader import Reader, ReaderEndedError, read_image
from tests.core.patches.tiffs import chained, ramp, saved, tiff_of
from tests.toys import noise_patches, write_patches

SHAPE = (96, 96, 3)


def write_chunk(
    file: Path, data: bytes, *, rows: int = 4, chunk: int = 4, filters: str | None = "gzip"
) -> None:
    """Write `x` (rows, 96, 96, 3) of which the first chunk holds these very bytes."""
    with h5py.File(file, "w") as opened:
        dataset = opened.create_dataset(
            "x", (rows, *SHAPE), np.uint8, chunks=(chunk, *SHAPE), compression=filters
        )
        dataset[:] = noise_patches(rows)
        dataset.id.write_direct_chunk((0, 0, 0, 0), data)


@pytest.mark.parametrize(
    "data",
    [
        zlib.compress(b"\x01" * 1000),
        zlib.compress(bytes(4 * 27_648 + 1)),
        zlib.compress(bytes(4 * 27_648))[:-20],
        b"no deflate at all",
        b"",
        zlib.compress(bytes(200_000_000)),
    ],
)
def test_a_chunk_of_another_size_is_damaged_and_shows_no_memory(
    tmp_path: Path, data: bytes
) -> None:
    write_chunk(tmp_path / "a.h5", data or b"\0", rows=8)
    with open_source(tmp_path / "a.h5") as source:
        found = [source.read(index) for index in range(8)]
    assert all(isinstance(one, UnreadablePatch) for one in found[:4])
    for index, one in enumerate(found[4:], 4):
        assert isinstance(one, Patch)
        np.testing.assert_array_equal(one.image_rgb_u8, noise_patches(8)[index])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": (3, 40, 96, 2)},
        {"chunks": (1, *SHAPE), "compression": "gzip"},
        {"chunks": (5, 96, 50, 3), "compression": "gzip", "shuffle": True, "fletcher32": True},
    ],
)
def test_every_ordinary_way_to_store_rows_gives_the_same_pixels(
    tmp_path: Path, options: dict[str, object]
) -> None:
    images = noise_patches(11)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=images, **options)
        file.create_dataset("y", data=np.arange(11).reshape(-1, 1, 1, 1) % 2, **_few(options))
    with open_source(tmp_path / "a.h5") as source:
        found = list(source.stream())
        assert [entry.label for entry in source.entries] == [n % 2 for n in range(11)]
    for patch, image in zip(found, images, strict=True):
        assert isinstance(patch, Patch)
        np.testing.assert_array_equal(patch.image_rgb_u8, image)


def _few(options: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in options.items() if name != "chunks"}


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"shape": (2_000_000_000, *SHAPE), "chunks": (1, *SHAPE)}, "rows"),
        ({"shape": (10_000, *SHAPE), "chunks": (1, *SHAPE)}, "0 stored bytes"),
        ({"data": noise_patches(3), "compression": "lzf"}, "compressed with LZF"),
    ],
)
def test_a_header_that_promises_too_much_is_refused_at_once(
    tmp_path: Path, options: dict[str, object], refusal: str
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", dtype=np.uint8, **options)
    with pytest.raises(SourceError, match=refusal):
        open_source(tmp_path / "a.h5")


def test_a_chunk_of_half_a_gigabyte_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset(
            "x", (20_000, *SHAPE), np.uint8, chunks=(20_000, *SHAPE), compression="gzip"
        )
        dataset.id.write_direct_chunk((0, 0, 0, 0), zlib.compress(bytes(5_000_000)) * 200)
    with pytest.raises(SourceError, match="in pieces of 527 MiB"):
        open_source(tmp_path / "a.h5")


def test_damaged_files_never_end_the_program(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "good.h5", "w") as file:
        file.create_dataset("x", data=noise_patches(4), compression="gzip", chunks=(1, *SHAPE))
        file.create_dataset("y", data=[0, 1, 0, 1])
    good = (tmp_path / "good.h5").read_bytes()
    rng = np.random.default_rng(3)
    for number in range(8):
        data = bytearray(good)
        for place in rng.integers(0, 4096, 12):
            data[place] = rng.integers(256)
        file = tmp_path / f"{number}.h5"
        file.write_bytes(data[: rng.integers(2000, len(data))] if number % 5 == 0 else data)
        try:
            with open_source(file) as source:
                for item in source.stream():
                    assert isinstance(item, Patch | UnreadablePatch)
        except SourceError:
            continue


def test_a_reader_that_crashed_or_hung_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader()
    reader.ask("decode", saved(ramp(), "PNG"), seconds=2)
    process = reader._process
    assert process is not None
    process.kill()
    with pytest.raises(ReaderEndedError):
        reader.ask("decode", saved(ramp(), "PNG"), seconds=2)
    _, pixels = reader.ask("decode", saved(ramp(), "PNG"), seconds=2)
    assert pixels == ramp().tobytes()
    stopped = reader._process
    assert stopped is not None
    os.kill(stopped.pid, signal.SIGSTOP)
    monkeypatch.setattr("core.patches.reader._PATIENCE", 0.1)
    with pytest.raises(ReaderEndedError):
        reader.ask("decode", saved(ramp(), "PNG"), seconds=2)
    reader.close()


def test_an_image_that_takes_too_long_is_given_up_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask(*_: object, **__: object) -> None:
        raise ReaderEndedError

    monkeypatch.setattr(Reader, "ask", ask)
    with pytest.raises(PatchError, match="took more than 2 seconds or too much memory"):
        read_image(saved(ramp(), "PNG"))


def test_images_read_in_the_other_process_are_those_of_the_decoder() -> None:
    for data in (saved(ramp(), "PNG"), saved(ramp(), "JPEG"), saved(ramp(), "TIFF")):
        apart, here = read_image(data), decode_patch(data)
        np.testing.assert_array_equal(apart.image_rgb_u8, here.image_rgb_u8)
        assert apart.note == here.note
    with pytest.raises(PatchError, match="Not a readable image") as refusal:
        read_image(b"nothing")
    assert refusal.value.kind == "not-an-image"


def png_of_empty_chunks(count: int) -> bytes:
    whole = saved(ramp(), "PNG")
    empty = struct.pack(">I", 0) + b"teXt" + struct.pack(">I", zlib.crc32(b"teXt"))
    return whole[:33] + empty * count + whole[33:]


def jpeg_of_segments(count: int) -> bytes:
    whole = saved(ramp(), "JPEG")
    return whole[:2] + b"\xff\xe1\x00\x08ABCDEF" * count + whole[2:]


@pytest.mark.parametrize(
    "data",
    [
        chained(tiff_of(ramp()), 50_000),
        png_of_empty_chunks(500_000),
        jpeg_of_segments(500_000),
        b"RIFF\0\0\0\0WEBP" + b"VP8X\0\0\0\0" * 800_000,
    ],
    ids=["directories", "chunks", "segments", "webp"],
)
def test_many_small_parts_cost_no_time(data: bytes) -> None:
    started = time.process_time()
    with pytest.raises(PatchError):
        decode_patch(data)
    assert time.process_time() - started < 0.5


def test_members_that_share_bytes_are_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}.png", bytes(1_000_000))
    data = bytearray(out.getvalue())
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    data[second + 42 : second + 46] = struct.pack("<I", 0)
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(SourceError, match="overlap"):
        ZipSource(tmp_path / "a.zip")


def test_an_archive_is_refused_by_its_end_before_its_contents_are_read(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.png", b"")
    data = bytearray(out.getvalue())
    end = data.rindex(b"PK\x05\x06")
    data[end + 12 : end + 16] = struct.pack("<I", 300 * 2**20)
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(SourceError, match="at most 1,000,000 are read"):
        ZipSource(tmp_path / "a.zip")


def test_a_member_that_cannot_be_unpacked_costs_itself_only(tmp_path: Path) -> None:
    good = saved(ramp(), "PNG")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("good.png", good)
        archive.writestr("lzma.png", good, zipfile.ZIP_LZMA)
        archive.writestr("bad.png", good, zipfile.ZIP_LZMA)
        archive.writestr("deflate64.png", good, zipfile.ZIP_DEFLATED)
    data = bytearray(out.getvalue())
    start = data.index(b"bad.png") + len("bad.png")
    data[start + 9 : start + 200] = b"\xff" * 191
    listed = data.rindex(b"deflate64.png") - 46
    data[listed + 10 : listed + 12] = struct.pack("<H", 9)
    (tmp_path / "a.zip").write_bytes(data)
    with open_source(tmp_path / "a.zip") as source:
        found = [source.read(index) for index in range(4)]
    assert isinstance(found[0], Patch)
    assert isinstance(found[1], Patch)
    assert isinstance(found[2], UnreadablePatch)
    assert "damaged" in found[2].reason
    assert isinstance(found[3], UnreadablePatch)
    assert "Deflate64" in found[3].reason
    assert "damaged" not in found[3].reason
    assert found[3].kind == "unsupported"


def test_a_member_without_a_name_is_no_input(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("x", b"nothing")
        archive.writestr("a.png", saved(ramp(), "PNG"))
    data = out.getvalue()
    central = data.index(b"PK\x01\x02")
    nameless = bytearray(data[: central + 46] + data[central + 47 :])
    nameless[central + 28 : central + 30] = b"\0\0"
    end = nameless.rindex(b"PK\x05\x06")
    size = struct.unpack("<I", nameless[end + 12 : end + 16])[0]
    nameless[end + 12 : end + 16] = struct.pack("<I", size - 1)
    (tmp_path / "a.zip").write_bytes(nameless)
    with open_source(tmp_path / "a.zip") as source:
        assert [entry.path for entry in source.entries] == ["a.png"]


def test_mutants_of_archives_are_read_or_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, method in enumerate((0, 8, 12, 14)):
            archive.writestr(f"{number}.png", saved(ramp(), "PNG"), method)
    rng = np.random.default_rng(1)
    for _ in range(300):
        data = bytearray(out.getvalue())
        for place in rng.integers(0, len(data), 8):
            data[place] = rng.integers(256)
        (tmp_path / "a.zip").write_bytes(data)
        try:
            with ZipSource(tmp_path / "a.zip") as source:
                for index in range(len(source)):
                    try:
                        source.read_bytes(index)
                    except PatchError:
                        continue
        except SourceError:
            continue


def test_links_lead_nowhere_when_a_source_is_confined(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    write_patches(outside / "secret", 1)
    write_patches(root / "open", 1)
    (root / "open" / "link").symlink_to(outside / "secret")
    with open_source(root / "open", confine_to=root) as source:
        assert [entry.path for entry in source.entries] == ["patch-000.png"]
    for name in ("foo_meta.csv", "foo_y.h5"):
        with h5py.File(root / "foo_x.h5", "w") as file:
            file.create_dataset("x", data=noise_patches(2))
        (outside / name).write_bytes(b"PASSWORD=hunter2\n")
        link = root / name
        link.symlink_to(outside / name)
        with pytest.raises(SourceError, match="links to a place") as refusal:
            open_source(root / "foo_x.h5", confine_to=root)
        assert "PASSWORD" not in str(refusal.value)
        link.unlink()


def test_a_path_longer_than_the_system_knows_is_a_sentence() -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        open_source(Path("/" + "a" * 4000))


def test_a_grey_image_is_no_bomb() -> None:
    bomb = io.BytesIO()
    Image.new("1", (30_000, 3_000)).save(bomb, "PNG")
    with pytest.raises(PatchError, match="30000 × 3000 px"):
        decode_patch(bomb.getvalue())
