import os
from pathlib import Path

import pytest

from training.commands import main
from training.fetch import run_fetch
from training.options import FetchOptions


def test_kaggles_data_without_its_client_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    assert main(["fetch", "kaggle", "--to", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "pip install kaggle" in message or "GB free" in message


def test_pcams_archives_without_a_network_are_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("training.fetch.PCAM", refuse)
    monkeypatch.setattr("training.fetch._NEEDED_BYTES", 0)
    with pytest.raises(Exception, match="Connect this machine to the network"):
        run_fetch(FetchOptions("pcam", to=tmp_path))
