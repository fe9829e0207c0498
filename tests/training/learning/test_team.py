import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from core.errors import RunError
from training.commands import main
from training.learning.team import Team

SHIPPED = Path(__file__).parents[3] / "training" / "recipes" / "tiny.toml"


def write_recipe(folder: Path) -> Path:
    """A network with layer normalisation and no dropout: nothing in it sees the batch."""
    text = SHIPPED.read_text("utf-8").replace("test_efficientnet", "test_convnext")
    text = re.sub(r"^arguments = .*$", "arguments = {}", text, flags=re.MULTILINE)
    recipe = folder / "plain.toml"
    recipe.write_text(text, "utf-8")
    return recipe


def test_two_processes_train_what_one_trains_with_the_same_batch(
    kaggle: Path, tmp_path: Path
) -> None:
    asked = ["fit", "--data", str(kaggle), "--recipe", str(write_recipe(tmp_path))]
    asked += ["--device", "cpu", "--threads", "1", "--no-tensorboard"]
    assert main([*asked, "--out", str(tmp_path / "one")]) == 0
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    launcher += ["--nproc-per-node", "2", "-m", "training", *asked, "--out", str(tmp_path / "two")]
    process = subprocess.run(launcher, capture_output=True, text=True, check=False, timeout=500)
    assert process.returncode == 0, process.stderr
    one, two = (pd.read_csv(tmp_path / name / "metrics.csv") for name in ("one", "two"))
    assert len(one) == len(two) == 2
    np.testing.assert_allclose(
        one.drop(columns="seconds"), two.drop(columns="seconds"), rtol=1e-4, atol=1e-6
    )
    scores = [pd.read_csv(tmp_path / name / "validation_scores.csv") for name in ("one", "two")]
    assert scores[0]["id"].tolist() == scores[1]["id"].tolist()
    np.testing.assert_allclose(scores[0]["logit"], scores[1]["logit"], atol=1e-4)
    assert '"processes": 2' in (tmp_path / "two" / "config.json").read_text("utf-8")
    assert process.stderr.count("Finished after 2 of 2 epochs") == 1


def test_a_process_by_itself_exchanges_nothing() -> None:
    batch = torch.arange(6)
    team = Team()
    assert team.share(batch) is batch
    assert team.mean(batch) is batch
    assert team.any(wish=True, device=torch.device("cpu"))


def test_the_shares_of_a_batch_are_the_batch() -> None:
    batch = torch.arange(12).reshape(6, 2)
    shares = [Team(rank, 3).share(batch) for rank in range(3)]
    assert torch.equal(torch.cat(shares), batch)
    with pytest.raises(RunError, match="multiple"):
        Team(0, 4).require_equal_shares(6, 100)
