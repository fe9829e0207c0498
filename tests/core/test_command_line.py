from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args, get_type_hints

import pytest

from core.__main__ import main
from core.command_line import Flat, Program, Whole, run_program
from core.errors import RunError
from core.explanation import EXPLAIN_BATCH, Method, OverlayStyle, Target
from core.explanation.picture import TABLE_NAME
from core.options import ExplainOptions
from core.settings import SHIPPED_MODEL


@dataclass(frozen=True, kw_only=True)
class Inner:
    """Options of a part.

    Attributes:
        data: Where the
            data are.
        seed: A number.
    """

    data: Path
    seed: Whole = 3


@dataclass(frozen=True, kw_only=True)
class Outer:
    """Options of the whole.

    Attributes:
        inner: The part.
        name: A word.
    """

    inner: Annotated[Inner, Flat]
    name: str = ""


def work(options: Annotated[Outer, Flat]) -> int:
    """Do the work.

    In a paragraph
    of two lines.
    """
    if options.name == "wrong":
        raise RunError("Found wrong; expected right.")
    if options.name in {"full", "kept"}:
        raise OSError(28 if options.name == "full" else 13, "No", "file.bin")
    if options.name == "broken":
        raise ZeroDivisionError
    if options.name == "interrupted":
        raise KeyboardInterrupt
    return options.inner.seed


def run(*arguments: str) -> int:
    return run_program(Program("toy", "A toy.", [work]), arguments)


def test_a_dataclass_gives_the_options_and_its_docstring_their_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("work", "--data", "d") == 3
    assert run("work", "--data", "d", "--seed", "5") == 5
    assert run("work", "--help") == 0
    help_page = capsys.readouterr().out
    assert "In a paragraph of two lines." in help_page
    assert "Where the data are. [required]" in help_page
    assert "A number. (default: 3)" in help_page


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], 2, ""),
        (["wrok"], 2, 'Did you mean "work"?'),
        (["work"], 2, "--data must be given. See toy work --help."),
        (["work", "--data"], 2, "--data"),
        *(
            (["work", "--data", "d", "--seed", one], 2, f"found {one}; expected a whole number.")
            for one in ("x", "2.5", "2.0", "1e1", "nan")
        ),
        (["work", "--data", "d", "--colour", "x"], 2, "Unknown option: --colour"),
        (["work", "--data", "d", "--name", "wrong"], 2, "toy: Found wrong; expected right.\n"),
        (
            ["work", "--data", "d", "--name", "full"],
            70,
            "file.bin cannot be used: the disk is full.",
        ),
        (
            ["work", "--data", "d", "--name", "kept"],
            2,
            "file.bin cannot be used: this user has no permission. Name another place",
        ),
        (["work", "--data", ""], 2, "Found an empty argument"),
        (["work", "--data", "d", "--name", "broken"], 70, "an error of the program"),
    ],
)
def test_wrong_usage_is_2_and_the_unexpected_70(
    arguments: list[str], status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == status
    error = capsys.readouterr().err
    assert words in error
    assert ("Traceback" in error) == ("broken" in arguments)


def test_the_options_of_explain_are_those_of_the_engine() -> None:
    hints = get_type_hints(ExplainOptions)
    assert set(get_args(get_args(hints["method"])[0])) == {str(one) for one in Method}
    assert set(get_args(hints["target"])) == {str(one) for one in Target}
    options = ExplainOptions(Path("in"), out=Path("out"))
    style = OverlayStyle()
    assert (options.zoom, options.smooth) == (style.zoom, style.smooth)
    assert options.batch_size == EXPLAIN_BATCH


def test_help_names_the_engine_s_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    main(["score", "--help"])
    assert "default: chosen for the engine, or" in " ".join(capsys.readouterr().out.split())
    main(["explain", "--help"])
    assert f"default: {TABLE_NAME} in" in capsys.readouterr().out


def test_the_model_and_device_of_the_installation_hold_for_the_command_line(
    toy_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NODELENS_MODEL", str(toy_bundle))
    assert main(["card"]) == 0
    assert SHIPPED_MODEL.name not in capsys.readouterr().out.splitlines()[2]
    monkeypatch.setenv("NODELENS_DEVICE", "gpu")
    assert main(["score", "patches", "--out", "scores.csv"]) == 2
    assert "expected auto, cpu or cuda" in capsys.readouterr().err


def test_whoever_stops_a_command_is_told_how_it_resumes(capsys: pytest.CaptureFixture[str]) -> None:
    toy = Program("toy", "A toy.", [work], stopped="Stopped. It continues with --resume.")
    assert run_program(toy, ["work", "--data", "x", "--name", "interrupted"]) == 130
    assert "Stopped. It continues with --resume." in capsys.readouterr().err
