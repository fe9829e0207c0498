import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training.commands import main
from training.fetch import run_fetch
from training.options import FetchOptions
from training.runs.device import prepare_device
from training.runs.folder import RunFolder
from training.runs.history import EpochRecord, open_event_log

KNOWN = "AUC/validation, averaged weights"


def record(epoch: int) -> EpochRecord:
    return EpochRecord(epoch, 1e-3, 0.5, 0.8, 0.8, 0.5, 0.8 + epoch / 100, 0.8, 0.5, 1.0)


def logged(folder: RunFolder) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder.events))
    events.Reload()
    return [(one.step, round(one.value, 6)) for one in events.Scalars(KNOWN)]


def test_a_finished_runs_events_are_its_epochs(finished_runs: Path) -> None:
    folder = RunFolder(finished_runs / "a")
    aucs = pd.read_csv(folder.metrics)["ema_auc"].tolist()
    assert logged(folder) == [(number, round(auc, 6)) for number, auc in enumerate(aucs, start=1)]


def test_events_of_a_resumed_run_stand_once_even_after_a_torn_record(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with open_event_log(folder, [], enabled=True) as log:
        log(record(0))
        log(record(1))
    (file,) = folder.events.iterdir()
    file.write_bytes(file.read_bytes()[:-7])
    with open_event_log(folder, [record(0)], enabled=True) as log:
        log(record(1))
        log(record(2))
    assert logged(folder) == [(1, 0.8), (2, 0.81), (3, 0.82)]
    assert len(list(folder.events.iterdir())) == 1


def test_no_events_are_written_where_none_are_wanted(tmp_path: Path) -> None:
    with open_event_log(RunFolder(tmp_path), [record(0)], enabled=False) as log:
        log(record(1))
    assert not list(tmp_path.iterdir())


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


def test_deterministic_mode_is_torchs_and_leaves_with_the_next_run() -> None:
    try:
        prepare_device("cpu", None, deterministic=True)
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        prepare_device("cpu", None)
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_deterministic_run_trains(kaggle: Path, tmp_path: Path) -> None:
    asked = ["fit", "--data", str(kaggle), "--out", str(tmp_path / "run"), "--recipe", "tiny"]
    try:
        assert main([*asked, "--deterministic", "--device", "cpu", "--train-patches", "16"]) == 0
    finally:
        prepare_device("cpu", None)


def test_help_does_not_load_pytorch() -> None:
    code = (
        "import sys\nfrom training.commands import main\n"
        "main(['fit', '--help'])\n"
        "sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert "--recipe" in found.stdout


def test_kaggles_data_without_its_client_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    assert main(["fetch", "kaggle", "--to", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "pip install kaggle" in told or "GB free" in told


def test_pcams_archives_without_a_network_are_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("training.fetch.PCAM", refuse)
    monkeypatch.setattr("training.fetch._NEEDED_BYTES", 0)
    with pytest.raises(Exception, match="Connect this machine to the network"):
        run_fetch(FetchOptions("pcam", to=tmp_path))
