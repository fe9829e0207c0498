import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from core.bundle import build_network
from core.errors import RunError
from training.commands import main
from training.judging.leaderboard import BEGIN, END, read_entries
from training.recipes.recipe import load_recipe


def test_every_finished_run_is_a_line_with_the_numbers_of_its_own_files(
    finished_runs: Path,
) -> None:
    entries = read_entries(finished_runs)
    assert {entry.run for entry in entries} == {"a", "b"}
    assert entries[0].auroc >= entries[1].auroc
    entry = next(entry for entry in entries if entry.run == "a")
    scores = pd.read_csv(finished_runs / "a" / "validation_scores.csv")
    assert entry.auroc == pytest.approx(roc_auc_score(scores["label"], scores["logit"]))
    network = build_network(load_recipe("tiny").network)
    assert entry.parameters == sum(p.numel() for p in network.parameters())
    assert (entry.recipe, entry.epochs, entry.train_patches) == ("tiny", 2, 40)
    assert (entry.validation_patches, entry.validation_slides) == (20, 2)
    assert entry.patches_per_second is not None
    assert entry.patches_per_second > 0


def test_the_table_stands_between_the_markers_and_a_second_time_changes_nothing(
    finished_runs: Path, tmp_path: Path
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"# Mine\n\n{BEGIN}\nold\n{END}\n\nafter\n", "utf-8")
    command = ["leaderboard", str(finished_runs), "--to", str(readme)]
    command += ["--csv", str(tmp_path / "table.csv"), "--json", str(tmp_path / "table.json")]
    assert main(command) == 0
    first = readme.read_bytes()
    stamp = readme.stat().st_mtime_ns
    text = first.decode()
    assert "old" not in text
    assert text.startswith("# Mine\n\n" + BEGIN)
    assert text.endswith(END + "\n\nafter\n")
    assert "| a | tiny |" in text
    assert main(command) == 0
    assert readme.read_bytes() == first
    assert readme.stat().st_mtime_ns == stamp
    table = pd.read_csv(tmp_path / "table.csv")
    assert table["run"].tolist() == [
        row["run"] for row in json.loads((tmp_path / "table.json").read_text("utf-8"))
    ]


def test_an_unfinished_run_is_no_line(finished_runs: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        shutil.copytree(finished_runs / name, tmp_path / name)
    (tmp_path / "b" / "outcome.json").unlink()
    assert [entry.run for entry in read_entries(tmp_path)] == ["a"]


def test_a_file_without_markers_is_not_written_into(
    finished_runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("# Mine\n", "utf-8")
    assert main(["leaderboard", str(finished_runs), "--to", str(readme)]) == 2
    assert BEGIN in capsys.readouterr().err
    assert readme.read_text("utf-8") == "# Mine\n"


def test_a_folder_without_runs_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no finished run"):
        read_entries(tmp_path)
