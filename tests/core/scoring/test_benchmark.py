"""The benchmark in short: it must tell ways that compute the same from ways that do not."""

from pathlib import Path

from core.engine import Precision
from core.scoring import Classifier, open_classifier
from core.settings import SHIPPED_MODEL
from tests.benchmarks.__main__ import PLAIN, table, ways_of, write_patches
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


def test_a_loop_at_another_input_size_is_found_out(tmp_path: Path) -> None:
    write_patches(tmp_path / "patches", 8, None)
    exact = shipped()
    files = sorted((tmp_path / "patches").iterdir())
    other = Way("at 96 px", plain_loop(files, exact, size_px=96), EXACT_TOLERANCE)
    plain = Way(PLAIN, plain_loop(files, exact), 0.0)
    timings = compare(plain, [other], rounds=1, threshold=exact.operating_point.threshold)
    assert "probabilities differ" in timings["at 96 px"].fault
