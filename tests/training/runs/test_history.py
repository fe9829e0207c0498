from pathlib import Path

import pandas as pd
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

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
