"""The benchmark in short: it must tell ways that compute the same from ways that do not."""

import sys
from pathlib import Path

import pytest

from core.engine import Precision
from core.scoring import Classifier, open_classifier
from core.settings import SHIPPED_MODEL
from tests.benchmarks import __main__ as command
from tests.benchmarks.__main__ import MARKS, PLAIN, table, ways_of, write_patches
from tests.benchmarks.scoring import EXACT_TOLERANCE, Way, compare, plain_loop


def shipped(precision: Precision = Precision.EXACT) -> Classifier:
    return open_classifier(SHIPPED_MODEL, device="cpu", precision=precision)


def test_every_way_gives_the_plain_loop_s_probabilities(tmp_path: Path) -> None:
    write_patches(tmp_path / "patches", 24, None)
    exact = shipped()
    plain, ways = ways_of(tmp_path / "patches", exact, shipped(Precision.FAST))
    timings = compare(plain, ways, rounds=1, threshold=exact.operating_point.threshold)
    assert [timing.fault for timing in timings.values() if timing.fault] == []
    assert timings["`core score`"].changed_calls == 0
    assert len(table(timings, 24)) == 2 + len(timings)


def test_a_fault_is_told_written_nowhere_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    page = tmp_path / "speed.md"
    page.write_text("".join(("before\n", *MARKS, "after\n")), "utf-8")
    monkeypatch.setattr(command, "PAGE", page)
    monkeypatch.setattr(command, "starts", lambda _: [])
    arguments = ["benchmarks", "--patches", "2", "3", "--rounds", "1", "--write"]
    monkeypatch.setattr(sys, "argv", arguments)
    monkeypatch.setattr(command, "MANY", 3)
    assert command.main() == 0
    written = page.read_text("utf-8")
    assert "2 uncompressed TIFF files, everything warm" in written
    assert "3 uncompressed TIFF files, one round" in written
    assert written.startswith("before\n")
    assert written.endswith("after\n")
    monkeypatch.setattr(command, "EXACT_TOLERANCE", 0.0)
    capsys.readouterr()
    assert command.main() == 1
    assert "NOT THE SAME: `core score`: probabilities differ" in capsys.readouterr().err
    assert page.read_text("utf-8") == written


def test_a_loop_at_another_input_size_is_found_out(tmp_path: Path) -> None:
    write_patches(tmp_path / "patches", 8, None)
    exact = shipped()
    files = sorted((tmp_path / "patches").iterdir())
    other = Way("at 96 px", plain_loop(files, exact, size_px=96), EXACT_TOLERANCE)
    plain = Way(PLAIN, plain_loop(files, exact), 0.0)
    timings = compare(plain, [other], rounds=1, threshold=exact.operating_point.threshold)
    assert "probabilities differ" in timings["at 96 px"].fault
