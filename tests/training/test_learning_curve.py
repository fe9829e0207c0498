from pathlib import Path

import pandas as pd
import pytest

from training.commands import main


def test_a_learning_curve_has_a_point_for_each_size(kaggle: Path, tmp_path: Path) -> None:
    asked = ["curve", "--data", str(kaggle), "--out", str(tmp_path), "--recipe", "tiny"]
    asked += ["--sizes", "all,16", "--device", "cpu", "--no-tensorboard"]
    assert main(asked) == 0
    table = pd.read_csv(tmp_path / "learning_curve.csv")
    assert table["train_patches"].tolist() == [16, 40]
    assert table["steps"].tolist() == [2, 4]
    assert "<script src=" not in (tmp_path / "learning_curve.html").read_text("utf-8")
    assert not (tmp_path / "train-all" / "tensorboard").exists()


@pytest.mark.parametrize("sizes", ["0,all", "ten", "16,16"])
def test_sizes_that_make_no_curve_are_told(
    sizes: str, kaggle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["curve", "--data", str(kaggle), "--out", str(tmp_path), "--recipe", "tiny"]
    assert main([*asked, "--sizes", sizes]) == 2
    assert "such as 100,300" in capsys.readouterr().err
