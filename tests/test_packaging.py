"""What `pip install .` brings against what was tested together."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]


def _pinned() -> dict[str, str]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if re.match(r"^[a-z0-9-]+==", line))


def test_every_dependency_is_pinned_at_a_version_that_it_admits() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = _pinned()
    asked = [Requirement(line) for line in project["dependencies"]]
    assert {one.name for one in asked} == set(pinned)
    for one in asked:
        assert pinned[one.name] in one.specifier, one


def test_the_changelog_names_the_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{project['version']}]" in changelog
