"""What `pip install .` brings against what was tested together."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

CUDA = {"torch", "torchvision"}
"""Not in the lock for machines without a GPU where PyTorch's own index could not be asked."""
ROOT = Path(__file__).resolve().parents[1]


def _pinned(name: str = "requirements.txt") -> dict[str, str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)(?:\[[a-z]+\])?==(\S+)", text, re.M))


def test_every_dependency_is_pinned_at_a_version_that_it_admits() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    # Ray is large, and of use on a cluster only: pinned for the tests alone.
    pinned = _pinned() | {"ray": _pinned("requirements-dev.txt")["ray"]}
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    asked = [Requirement(line) for line in (*project["dependencies"], *extras)]
    assert {one.name for one in asked} == set(pinned)
    for one in asked:
        assert pinned[one.name] in one.specifier, one


def test_the_locks_hold_the_pinned_set_with_hashes_and_name_no_place_to_get_it_from() -> None:
    for name, left_out in (("requirements.lock", set()), ("requirements-cpu.lock", CUDA)):
        text = (ROOT / name).read_text(encoding="utf-8")
        locked = dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+).*?--hash=sha256:", text, re.M | re.S))
        for package, version in _pinned().items():
            if package not in left_out:
                assert locked[package].split("+")[0] == version, package
        assert "://" not in text
        assert text.count("--hash=sha256:") >= len(locked)


def test_the_changelog_names_the_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{project['version']}]" in changelog
