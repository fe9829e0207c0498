"""What a running installation notes: enough to find a fault, and nobody's name."""

import json
import logging
from collections.abc import Iterator

import pytest

from core import log
from core.errors import SettingsError


@pytest.fixture
def restored() -> Iterator[None]:
    known = logging.getLogger("nodelens")
    before = known.handlers[:], known.propagate, known.level
    yield
    known.handlers[:], known.propagate = before[:2]
    known.setLevel(before[2])
    for name in log._TELL_FAULTS:
        logging.getLogger(name).filters.clear()


def test_events_are_json_objects_one_a_line(
    restored: None, capsys: pytest.CaptureFixture[str]
) -> None:
    log.begin({"NODELENS_LOG": "json"})
    log.event("job.ended", job="score-1", rows=3, seconds=0.5)
    content = json.loads(capsys.readouterr().err)
    assert {key: content[key] for key in ("event", "job", "rows", "seconds", "level")} == {
        "event": "job.ended",
        "job": "score-1",
        "rows": 3,
        "seconds": 0.5,
        "level": "INFO",
    }


def test_an_event_has_no_fact_that_could_be_a_name() -> None:
    with pytest.raises(ValueError, match="path"):
        log.event("job.ended", path="PATIENT_JONES.tif")


def test_faults_that_libraries_would_print_are_told_without_their_message(
    restored: None, capsys: pytest.CaptureFixture[str]
) -> None:
    log.begin({"NODELENS_LOG": "text"})
    try:
        raise FileNotFoundError("PATIENT_JONES.tif")
    except FileNotFoundError:
        logging.getLogger("streamlit.error_util").exception("Uncaught app execution")
    err = capsys.readouterr().err
    assert "fault error=FileNotFoundError at test_log.py:" in err
    assert "JONES" not in err


def test_no_message_of_a_fault_of_files_is_noted_where_no_log_is_asked_for(
    restored: None, capsys: pytest.CaptureFixture[str]
) -> None:
    log.begin({"NODELENS_LOG": "json"})
    log.begin({})
    for kind in (FileNotFoundError, SettingsError):
        try:
            raise kind("PATIENT_JONES.tif")
        except kind:
            logging.getLogger("streamlit.error_util").exception("Uncaught app execution")
        err = capsys.readouterr().err
        assert f"fault error={kind.__name__} at test_log.py:" in err
        assert "JONES" not in err


def test_nothing_but_faults_is_noted_unless_asked_for(
    restored: None, capsys: pytest.CaptureFixture[str]
) -> None:
    log.begin({})
    log.event("job.ended", rows=3)
    assert not capsys.readouterr().err
    with pytest.raises(SettingsError, match="NODELENS_LOG"):
        log.begin({"NODELENS_LOG": "loud"})
