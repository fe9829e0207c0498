"""Who does not need PyTorch does not wait for it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.toys import write_patches

_RUN = """
import sys
from core.__main__ import main

for line in sys.stdin.read().splitlines():
    main(line.split())
    print("\\nran", line.split()[0], "torch" in sys.modules)
"""


def loaded_pytorch(lines: list[str]) -> dict[str, bool]:
    """Return whether PyTorch was loaded after each of some command lines, run one by one."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    ran = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("ran ")]
    return {name: loaded == "True" for name, loaded in ran}


def test_what_draws_and_scores_nothing_starts_without_pytorch(tmp_path: Path) -> None:
    write_patches(tmp_path / "patches", 4)
    loaded = loaded_pytorch(
        [
            "--help",
            "card",
            f"verify {tmp_path / 'none.sqlite'}",
            f"report case --out {tmp_path / 'report.pdf'} --data {tmp_path}",
            f"audit {tmp_path / 'patches'} --out {tmp_path / 'audit'}",
            f"score {tmp_path / 'none'} --out {tmp_path / 'scores.csv'}",
        ]
    )
    assert loaded == dict.fromkeys(["--help", "card", "verify", "report", "audit", "score"], False)
    assert (tmp_path / "audit" / "report.html").is_file()


@pytest.mark.parametrize("command", ["score", "card", "verify", "explain", "report", "audit"])
def test_help_loads_neither_pandas_nor_pytorch(command: str) -> None:
    code = (
        f"import sys\nfrom core.__main__ import main\nassert main(['{command}', '--help']) == 0\n"
        "sys.exit(any(heavy in sys.modules for heavy in ('torch', 'pandas', 'numpy')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Parameters:" in done.stdout


def test_the_first_page_does_not_wait_for_scipys_functions() -> None:
    code = (
        "import sys\nfrom app.screens.shared import model, shell\n"
        "from app.screens.overview import overview\n"
        "sys.exit(bool({'scipy.special', 'scipy.sparse', 'pandas', 'torch'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
