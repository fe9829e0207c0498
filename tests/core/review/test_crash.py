import json
import subprocess
import sys
from pathlib import Path

import pytest

TORTURE = Path(__file__).parents[2] / "benchmarks" / "review_torture.py"


def torture(part: str, **numbers: int | str) -> dict[str, int]:
    """Run one part of the torture with small numbers and return its counts."""
    asked: dict[str, int | str] = {"kills": 0, "cuts": 0, "verdicts": 0, "flips": 0, **numbers}
    arguments = [word for name, value in asked.items() for word in (f"--{name}", str(value))]
    done = subprocess.run(
        [sys.executable, str(TORTURE), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=TORTURE.parents[2],
        env={"PYTHONPATH": str(TORTURE.parents[2])},
    )
    assert done.stdout, done.stderr
    counts: dict[str, int] = json.loads(done.stdout)[part]
    return counts


def test_no_acknowledged_verdict_is_lost_when_the_process_is_killed() -> None:
    counts = torture("kill -9", kills=15)
    assert counts["acknowledged"] > 0
    assert (counts["lost"], counts["broken"]) == (0, 0)


def test_no_acknowledged_verdict_is_lost_at_a_power_cut() -> None:
    pytest.importorskip("apsw")
    counts = torture("power cut", cuts=25)
    assert counts["acknowledged"] > 0
    assert (counts["lost"], counts["broken"]) == (0, 0)


def test_the_simulated_cut_loses_verdicts_of_a_store_that_syncs_less() -> None:
    pytest.importorskip("apsw")
    assert torture("power cut", cuts=25, synchronous="NORMAL")["lost"] > 0


def test_eight_readers_at_once_lose_and_double_nothing() -> None:
    counts = torture("crowd", verdicts=400)
    assert counts["verdicts"] == 400
    for trouble in ("lost", "doubled", "failed_processes", "broken"):
        assert counts[trouble] == 0
