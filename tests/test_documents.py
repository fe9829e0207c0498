"""What the documents for programmers show is run."""

import doctest
import re
from pathlib import Path

import pytest

from core.settings import PROJECT, SAMPLES_TABLE, SHIPPED_MODEL
from tests.browsing import served


def test_the_examples_in_python_give_what_they_say(tmp_path: Path) -> None:
    outcome = doctest.testfile(
        str(PROJECT / "docs" / "python.md"),
        module_relative=False,
        globs={"folder": str(tmp_path)},
        optionflags=doctest.NORMALIZE_WHITESPACE,
    )
    assert outcome.attempted > 10
    assert not outcome.failed


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the example is five lines
def test_the_example_over_http_works_beside_the_app(tmp_path: Path) -> None:
    text = (PROJECT / "docs" / "api.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    example: dict[str, object] = {}
    exec(compile(code, "docs/api.md", "exec"), example)  # noqa: S102 - our own document
    probabilities = example["probabilities"]
    assert callable(probabilities)
    paths = [str(path) for path in sorted((SAMPLES_TABLE.parent / "patches").iterdir())[:3]]
    with served(tmp_path / "data", SHIPPED_MODEL) as address:
        scores = probabilities(paths, address)
    assert len(scores) == 3
    assert all(0 <= score <= 1 for score in scores)
