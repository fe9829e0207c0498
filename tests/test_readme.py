"""Claims of the README and the changelog that a machine can check."""

import re
import tomllib
from pathlib import Path

import pytest

from core.bundle import card_table, read_card
from core.settings import SHIPPED_MODEL

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def rows(text: str) -> set[str]:
    return {line for line in text.splitlines() if line.startswith("| ") and line != "| | |"}


def test_the_validation_table_is_the_shipped_card() -> None:
    stated = (ROOT / "docs" / "model.md").read_text("utf-8")
    table = card_table(read_card(SHIPPED_MODEL))
    assert stated.split("<!-- card -->")[1].split("<!-- /card -->")[0].strip() == table.strip()


def test_the_rows_of_the_readme_are_of_the_whole_tables() -> None:
    board = (ROOT / "docs" / "leaderboard.md").read_text("utf-8")
    stated = rows(README)
    assert len(stated & rows(card_table(read_card(SHIPPED_MODEL)))) == 5
    assert len(stated & rows(board)) == 1 + 3  # the head, and three runs
    assert stated <= rows(card_table(read_card(SHIPPED_MODEL))) | rows(board)


@pytest.mark.parametrize(
    "page", ["README.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_every_page_that_is_pointed_to_exists(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_every_place_in_the_table_of_where_to_look_exists() -> None:
    table = (ROOT / "docs" / "ARCHITECTURE.md").read_text("utf-8").split("## Where to look")[1]
    places = re.findall(r"`((?:core|app|training)/[\w/.]+)`", table.split("## Words")[0])
    assert len(places) > 15
    assert [place for place in places if not (ROOT / place).exists()] == []


@pytest.mark.parametrize("package", ["app", "core", "training"])
def test_the_tree_names_every_room(package: str) -> None:
    tree = README.split("## The tree")[1].split(f"\n{package}/")[1].split("/  ", maxsplit=1)[0]
    rooms = {folder.parent.name for folder in (ROOT / package).glob("*/__init__.py")}
    assert rooms <= set(re.findall(r"\w+", tree))


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
