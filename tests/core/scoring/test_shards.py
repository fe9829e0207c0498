import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.__main__ import main
from core.scoring.outputs import metadata_path
from tests.toys import write_patches


@pytest.fixture
def patches(tmp_path: Path) -> Path:
    write_patches(tmp_path / "patches", 11)
    (tmp_path / "patches" / "patch-004.png").write_bytes(b"no picture")
    return tmp_path / "patches"


def score(source: Path, model: Path, out: Path, *more: str) -> Path:
    given = ["score", str(source), "--model", str(model), "--out", str(out), "--batch-size", "3"]
    assert main([*given, *more]) in {0, 1}
    return out


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("count", [1, 2, 4, 7])
def test_merged_shards_are_the_bytes_of_one_run(
    patches: Path, toy_bundle: Path, tmp_path: Path, suffix: str, count: int
) -> None:
    whole = score(patches, toy_bundle, tmp_path / f"whole{suffix}")
    parts = [
        score(patches, toy_bundle, tmp_path / f"{number}{suffix}", "--shard", f"{number}/{count}")
        for number in range(1, count + 1)
    ]
    order = np.random.default_rng(0).permutation(count)
    out = tmp_path / f"merged{suffix}"
    assert main(["merge", *(str(parts[place]) for place in order), "--out", str(out)]) == 1
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    "refused",
    [
        (("1", "2"), "2 of 3 shards (missing: 3)"),
        (("1", "2", "3", "3"), "one appears twice"),
        (("1", "2", "3", "other"), "from different runs: tta d4 and none. Merge"),
        (("1", "2", "altered"), "was altered"),
        (("1", "2", "whole"), "not an output of `score --shard`"),
    ],
)
def test_what_is_not_all_the_shards_of_one_run_is_refused(
    patches: Path,
    toy_bundle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    refused: tuple[tuple[str, ...], str],
) -> None:
    chosen, complaint = refused
    for number in ("1", "2", "3"):
        score(patches, toy_bundle, tmp_path / f"{number}.csv", "--shard", f"{number}/3")
    score(patches, toy_bundle, tmp_path / "whole.csv")
    score(patches, toy_bundle, tmp_path / "other.csv", "--shard", "3/3", "--tta", "d4")
    altered = score(patches, toy_bundle, tmp_path / "altered.csv", "--shard", "3/3")
    altered.write_text(altered.read_text("utf-8") + "\n", "utf-8")
    parts = [str(tmp_path / f"{name}.csv") for name in chosen]
    assert main(["merge", *parts, "--out", str(tmp_path / "merged.csv")]) == 2
    assert complaint in capsys.readouterr().err
    assert not (tmp_path / "merged.csv").exists()


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3"])
def test_a_shard_is_named_by_its_number_and_their_count(
    patches: Path, toy_bundle: Path, tmp_path: Path, text: str
) -> None:
    out = tmp_path / "out.csv"
    given = ["score", str(patches), "--model", str(toy_bundle), "--out", str(out)]
    assert main([*given, f"--shard={text}"]) == 2
    assert not out.exists()


@pytest.mark.parametrize(
    "edit",
    [
        lambda told: [told],
        lambda told: {**told, "counts": "many"},
        lambda told: {**told, "shard": {**told["shard"], "number": "two"}},
        lambda told: {**told, "shard": {"number": 2, "of": 2}},
        lambda told: {name: value for name, value in told.items() if name != "spec"},
    ],
)
def test_a_shard_whose_account_was_edited_is_refused(
    patches: Path,
    toy_bundle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    edit: Callable[[Any], object],
) -> None:
    parts = [
        score(patches, toy_bundle, tmp_path / f"{number}.csv", "--shard", f"{number}/2")
        for number in (1, 2)
    ]
    account = metadata_path(parts[1])
    account.write_text(json.dumps(edit(json.loads(account.read_text("utf-8")))), "utf-8")
    assert main(["merge", *map(str, parts), "--out", str(tmp_path / "all.csv")]) == 2
    assert "not an output of `score --shard`" in capsys.readouterr().err


def test_shards_of_other_files_under_the_same_names_are_not_merged(
    patches: Path, toy_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = score(patches, toy_bundle, tmp_path / "1.csv", "--shard", "1/2")
    (patches / "patch-009.png").write_bytes((patches / "patch-001.png").read_bytes())
    second = score(patches, toy_bundle, tmp_path / "2.csv", "--shard", "2/2")
    assert main(["merge", str(first), str(second), "--out", str(tmp_path / "all.csv")]) == 2
    message = capsys.readouterr().err
    assert "2.csv and 1.csv are from different runs: contents of the files " in message
    assert "paths" not in message
    assert not (tmp_path / "all.csv").exists()


def test_copies_of_one_set_in_folders_of_other_names_are_one_source(
    patches: Path, toy_bundle: Path, tmp_path: Path
) -> None:
    whole = score(patches, toy_bundle, tmp_path / "whole.csv")
    copy = shutil.copytree(patches, tmp_path / "copy on another machine")
    first = score(patches, toy_bundle, tmp_path / "1.csv", "--shard", "1/2")
    second = score(copy, toy_bundle, tmp_path / "2.csv", "--shard", "2/2")
    assert main(["merge", str(first), str(second), "--out", str(tmp_path / "all.csv")]) == 1
    assert (tmp_path / "all.csv").read_bytes() == whole.read_bytes()
    assert main(["score", str(copy), "--model", str(toy_bundle), "--out", str(whole),
                 "--batch-size", "3", "--resume"]) == 1  # fmt: skip
    assert metadata_path(whole).read_text("utf-8").count("copy on another") == 0


def test_a_shard_is_not_overwritten_by_the_whole(
    patches: Path, toy_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [
        score(patches, toy_bundle, tmp_path / f"{number}.csv", "--shard", f"{number}/2")
        for number in (1, 2)
    ]
    before = parts[0].read_bytes()
    out = tmp_path / "patches" / ".." / "1.csv"
    assert main(["merge", *map(str, parts), "--out", str(out)]) == 2
    assert "1.csv would be written over an input" in capsys.readouterr().err
    assert parts[0].read_bytes() == before
