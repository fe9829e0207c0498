"""Claims of the README and the changelog that a machine can check."""

import re
import tomllib
from pathlib import Path

import pytest

from core.bundle import card_table, read_card
from core.settings import SHIPPED_MODEL

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_validation_table_is_the_shipped_card() -> None:
    stated = README.split("<!-- card -->")[1].split("<!-- /card -->")[0].strip()
    assert stated == card_table(read_card(SHIPPED_MODEL)).strip()


@pytest.mark.parametrize(
    "path", ["assets/screenshots/batch.png", "tools/drawing", "assets/model/validation.csv"]
)
def test_what_the_readme_points_to_exists(path: str) -> None:
    assert path in README
    assert (ROOT / path).exists()


def test_the_changelog_begins_with_the_version_of_the_package() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert next(name for name in headings if name != "Unreleased") == version


def test_the_commands_of_ci_are_those_of_the_readme() -> None:
    run = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "pip install -r requirements.txt -r requirements-dev.txt && pytest" in README
    assert "pip install -q -r requirements.txt -r requirements-dev.txt" in run
    for command in ["ruff check .", "ruff format --check .", "mypy", "lint-imports", "pytest"]:
        assert f"\n{command}\n" in run
        assert command in README


def test_no_pickle_and_no_network_client_in_what_serves() -> None:
    banned = re.compile(
        r"(?<!safetensors\.)torch\.load\b|import pickle|joblib"
        r"|import requests|urllib\.request|httpx|allow_pickle=True"
    )
    for folder in ("app", "core"):
        for file in (ROOT / folder).rglob("*.py"):
            assert not banned.search(file.read_text("utf-8")), file
    config = (ROOT / ".streamlit" / "config.toml").read_text("utf-8")
    assert "gatherUsageStats = false" in config
