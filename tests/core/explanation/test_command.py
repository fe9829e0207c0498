import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.__main__ import main
from core.explanation import EXPLANATION_COLUMNS
from core.explanation.picture import picture_name
from core.files import alone_in
from core.scoring import COLUMNS
from tests.toys import stained_patches, write_patches


def explain(*arguments: object) -> int:
    return main(["explain", *map(str, arguments)])


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Good, broken, flat and wrongly sized files in one folder."""
    folder = tmp_path / "mixed"
    write_patches(folder, 5)
    (folder / "patch-001b.png").write_bytes(b"broken")
    Image.new("RGB", (96, 96), (240, 240, 240)).save(folder / "patch-002-flat.png")
    Image.new("RGB", (50, 96)).save(folder / "patch-003-small.png")
    return folder


def test_every_input_has_its_row_with_the_score_s_columns_as_the_scorer_writes_them(
    mixed: Path, toy_bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert explain(mixed, "--out", out, "--model", toy_bundle, "--batch-size", 3) == 1
    assert main(["score", str(mixed), "--out", str(tmp_path / "s.csv"), "--model", str(toy_bundle),
                 "--batch-size", "3"]) == 1  # fmt: skip
    table, scores = pd.read_csv(out / "explanations.csv"), pd.read_csv(tmp_path / "s.csv")
    assert tuple(table.columns) == EXPLANATION_COLUMNS
    numbers = ["prob_tumour", "logit"]
    pd.testing.assert_frame_equal(
        table[[c for c in COLUMNS if c not in numbers]],
        scores[[c for c in COLUMNS if c not in numbers]],
    )
    np.testing.assert_allclose(table[numbers], scores[numbers], atol=1e-6)
    scored = table["status"] == "scored"
    assert table.loc[~scored, "method":"overlay"].isna().all(axis=None)
    filled = ["centre_reliance", "d4_flips", "evidence_for", "decisive_region", "overlay"]
    assert table.loc[scored, filled].notna().all(axis=None)
    assert table.loc[scored, "reliable"].notna().all()  # a whole run tests every map


def test_each_scored_patch_has_its_picture_on_one_scale_and_the_run_is_described(
    mixed: Path, toy_bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "out"
    explain(mixed, "--out", out, "--model", toy_bundle, "--quick", "--zoom", 2, "--shared-scale")
    table = pd.read_csv(out / "explanations.csv")
    names = table["overlay"].dropna().tolist()
    assert sorted(path.name for path in out.glob("*.png")) == sorted(names)
    assert len(names) == 5
    with Image.open(out / names[0]) as picture:
        width, height = picture.size
        assert width == 192 * 2 + 4
        assert height > 192  # the caption says that a quick run's maps were not tested
    run = json.loads((out / "explanations.csv.run.json").read_text())
    assert run["counts"] == {"scored": 5, "failed": 2, "withheld": 1}
    assert run["overlay_scale"] > 0
    assert run["centre_test"] is None


def test_swapped_colours_are_told_before_they_are_explained(
    tmp_path: Path, toy_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    for number, image in enumerate(stained_patches(14)):
        swapped = Image.fromarray(np.ascontiguousarray(image[..., ::-1]))
        swapped.save(tmp_path / "in" / f"{number}.png")
    arguments = (tmp_path / "in", "--out", tmp_path / "o", "--model", toy_bundle, "--no-overlays")
    assert explain(*arguments) == 0
    assert "Red and blue look swapped" in capsys.readouterr().err


def test_pictures_that_an_earlier_run_left_are_told(
    tmp_path: Path, toy_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for count in (3, 1):
        write_patches(tmp_path / f"in-{count}", count)
        explain(
            tmp_path / f"in-{count}", "--out", tmp_path / "out", "--model", toy_bundle, "--quick"
        )
        is_told = "contains 2 pictures of an earlier run" in capsys.readouterr().err
        assert is_told is (count == 1)


def test_the_table_may_stand_elsewhere_and_methods_layers_and_targets_be_chosen(
    tmp_path: Path, toy_bundle: Path
) -> None:
    write_patches(tmp_path / "in", 2)
    write_patches(tmp_path / "donors", 2, seed=9)
    table = tmp_path / "t.csv"
    options = ["--method", "layer-cam", "--layer", "blocks.2", "--target", "no-tumour"]
    assert explain(tmp_path / "in", "--out", tmp_path / "o", "--csv", table, "--model", toy_bundle,
                   *options, "--donors", tmp_path / "donors",
                   "--no-overlays") == 0  # fmt: skip
    rows = pd.read_csv(table)
    assert rows["layer"].tolist() == ["blocks.2"] * 2
    assert rows["target"].tolist() == ["no-tumour"] * 2
    assert rows[["control_networks_beaten", "reliable"]].notna().all(axis=None)
    assert not list((tmp_path / "o").glob("*.png"))


def test_wrong_usage_writes_nothing_and_says_what_to_do(
    tmp_path: Path, toy_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_patches(tmp_path / "in", 1)
    cases: list[tuple[list[object], str]] = [
        (["--layer", "nowhere"], "no layer 'nowhere'"),
        (["--csv", tmp_path / "t.txt"], "ending in .csv"),
        (["--zoom", "0"], "whole zoom"),
        (["--batch-size", "0"], "1 or more"),
        (["--csv", tmp_path / "absent" / "t.csv"], "There is no folder"),
        (["--donors", tmp_path / "absent"], "no file or folder"),
    ]
    for options, complaint in cases:
        out = tmp_path / "out"
        assert explain(tmp_path / "in", "--out", out, "--model", toy_bundle, *options) == 2
        assert complaint in capsys.readouterr().err
        assert not out.exists()


def test_a_folder_of_results_takes_one_run_at_a_time(
    tmp_path: Path, toy_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_patches(tmp_path / "in", 2)
    out = tmp_path / "out"
    audit = ["audit", str(tmp_path / "in"), "--out", str(out)]
    maps = ["explain", *audit[1:], "--model", str(toy_bundle), "--quick"]
    with alone_in(out):
        for command in (audit, maps):
            assert main(command) == 2
            assert "out is being written by another run" in capsys.readouterr().err
        assert not list(out.iterdir())
    assert main(audit) == 0


def test_pictures_of_a_run_below_its_patches_are_no_inputs_of_the_next_and_tables_are_told(
    tmp_path: Path, toy_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    paths = write_patches(folder, 2)
    (folder / "labels.csv").write_text(f"id,label\n{paths[0].stem},1\n")
    (folder / "other.csv").write_text("a,b\n1,2\n")
    for _ in range(2):
        arguments = ["--out", folder / "maps", "--model", toy_bundle, "--quick"]
        assert explain(folder, *arguments) == 0
        message = capsys.readouterr().err
        assert "labels.csv: 1 of 2 inputs with a label" in message
        assert "other.csv is not used as labels" in message
    assert pd.read_csv(folder / "maps" / "explanations.csv")["label"].notna().tolist() == [1, 0]


def test_names_of_pictures_are_safe_and_never_collide() -> None:
    assert picture_name(7, "../=a b/ü") == "000007-..__a_b__.png"
    assert picture_name(1, "x" * 500) != picture_name(2, "x" * 500)
    assert len(picture_name(1, "x" * 500)) < 100
