"""What the command lines of `core` and `training` share: options, statuses, errors as sentences.

Cyclopts reads a command's options from its signature: a frozen dataclass marked `Flat` gives one
option per field, and the dataclass's docstring gives their help.
"""

import os
import sys
import textwrap
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, NoReturn, Self

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter, Token
from cyclopts.argument import Argument

from core.errors import ANOTHER_PLACE, DiskError, NodelensError, RunError, not_allowed, why
from core.settings import Device, Settings

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions
    from tqdm import tqdm

_NAMES: Final = 26
"""Characters of the column of options; longer ones have a line of their own."""
_WIDEST: Final = 100


class PlainHelp:
    """Writes a help page as plain text: a column of options beside a column of words.

    Cyclopts' own layouts break lines where the docstring does, and the ones that do not load a
    Markdown parser first.
    """

    def render_description(
        self, console: "Console", options: "ConsoleOptions", description: object
    ) -> None:
        """Write what a command is for; paragraphs stay apart."""
        for paragraph in _plain(description).split("\n\n"):
            if words := " ".join(paragraph.split()):
                filled = textwrap.fill(words, _width(console), break_on_hyphens=False)
                console.print(filled, markup=False, highlight=False, soft_wrap=True)
                console.print()

    render_usage = render_description

    def __call__(self, console: "Console", options: "ConsoleOptions", panel: "HelpPanel") -> None:
        """Write a panel's entries."""
        if not panel.entries:
            return
        lines = [f"{panel.title}:"]
        indent = " " * _NAMES
        for entry in sorted(panel.entries, key=lambda entry: not entry.required):
            names = "  " + ", ".join(entry.negative_names or entry.display_labels_with_metavar)
            fits = len(names) < _NAMES - 1
            if not fits:
                lines.append(names)
            lines += textwrap.wrap(
                _explained(entry),
                _width(console),
                initial_indent=names.ljust(_NAMES) if fits else indent,
                subsequent_indent=indent,
                break_on_hyphens=False,
            )
        console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
        console.print()


def _width(console: "Console") -> int:
    return min(console.width, _WIDEST)


def _plain(text: object) -> str:
    """The text of what may be one of rich's renderables."""
    return str(getattr(text, "primary_renderable", text) or "")


def _explained(entry: "HelpEntry") -> str:
    parts = [" ".join(_plain(entry.description).split())]
    if entry.choices:
        parts.append(f"[{', '.join(entry.choices)}]")
    if entry.required:
        parts.append("[required]")
    elif entry.default:
        parts.append(f"(default: {entry.default})")
    return " ".join(filter(None, parts))


WRONG_USAGE: Final = 2
UNEXPECTED: Final = 70
"""sysexits' EX_SOFTWARE: 1 means that some inputs have no result, so a fault must not say 1."""
INTERRUPTED: Final = 130

Flat: Final = Parameter(name="*")
"""Marks a dataclass whose fields are options of the command itself."""
Internal: Final = Parameter(parse=False)
"""Marks a field that programs set and the command line does not."""


def _whole(_: object, tokens: Sequence[Token]) -> int:
    """Cyclopts alone would round: 2.5 folds were two."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"found {text[:40]}; expected a whole number.") from None


Whole = Annotated[int, Parameter(converter=_whole)]
"""An option that is a whole number, and nothing that could be rounded to one."""


def no_flag(name: str) -> Parameter:
    """Return the mark of a field that is true unless its flag is given, such as --no-overlays."""
    return Parameter(name=(), negative=name, show_default=False)


def settings() -> Settings:
    """Return what this installation's environment variables say.

    Raises:
        SettingsError: One of them says something that cannot be done.
    """
    return Settings.from_environment(os.environ)


def device() -> Device:
    """Return NODELENS_DEVICE, "auto" where it is not set."""
    return settings().device


@dataclass(frozen=True)
class Program:
    """A command line.

    Attributes:
        name: As it is called.
        about: What it is for.
        commands: Each function is a command of its own name, and returns its exit status; its
            docstring is its help.
        stopped: What to say when somebody stops it by Ctrl-C.
    """

    name: str
    about: str
    commands: Sequence[Callable[..., int]]
    stopped: str = "Stopped."


def _app(program: Program, chosen: str) -> App:
    app = App(
        name=program.name,
        help=program.about,
        help_format="plaintext",
        help_formatter=PlainHelp(),
        version_flags=[],
        result_action="return_value",
        suppress_keyboard_interrupt=False,  # `run_program` says what to do
        default_parameter=Parameter(negative=(), show_default=_shown_default),
    )
    for order, command in enumerate(program.commands):
        name = command.__name__
        if name == chosen:
            app.command(command, name=name, sort_key=order)
        else:  # only its first line is shown, so its options need not be looked at
            first_line = (command.__doc__ or "").partition("\n")[0]
            place = f"{command.__module__}:{name}"
            app.command(place, name=name, help=first_line, sort_key=order)
    return app


def run_program(program: Program, arguments: Sequence[str] | None) -> int:
    """Run the command that the arguments name and return the exit status; errors are sentences."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    name = program.name
    try:
        if "" in given[1:]:  # which would name the folder one is in
            raise RunError("Found an empty argument. Is a shell variable not set?")
        app = _app(program, given[0] if given else "")
        status = app(given or ["--help"], exit_on_error=False, print_error=False)
        return int(status or 0) if given else WRONG_USAGE
    except CycloptsError as error:
        commands = [one.__name__ for one in program.commands]
        command = f" {given[0]}" if given and given[0] in commands else ""
        say(f"{name}: {_usage_fault(error)} See {name}{command} --help.")
        return WRONG_USAGE
    except NodelensError as error:
        say(f"{name}: {error}")
        return UNEXPECTED if isinstance(error, DiskError) else WRONG_USAGE
    except KeyboardInterrupt:
        say(f"\n{program.stopped}")
        return INTERRUPTED
    except OSError as error:
        sentence = f"{error.filename or 'A file'} cannot be used: {why(error)}. "
        status = WRONG_USAGE
        if isinstance(error, FileExistsError | NotADirectoryError):
            sentence = f"{error.filename} is a file; expected a folder. Give it another name."
        elif not_allowed(error):
            sentence += ANOTHER_PLACE
        else:
            sentence += "Check the path, its permissions and the free space."
            status = UNEXPECTED
        say(f"{name}: {sentence}")
        return status
    except Exception:  # noqa: BLE001 - the last frame: whatever it is must not look like status 1
        traceback.print_exc()
        say(f"{name}: this is an error of the program. Report it with the lines above.")
        return UNEXPECTED


def _usage_fault(error: CycloptsError) -> str:
    argument = error.argument if isinstance(error, MissingArgumentError) else None
    missing = sorted(_missing(argument)) if argument else []
    return f"{' and '.join(missing)} must be given." if missing else str(error)


def _missing(argument: Argument) -> set[str]:
    """Names of what is required of an argument, or of the fields of its dataclass."""
    if not argument.children:
        if argument.has_tokens or not argument.required:
            return set()
        place = argument.field_info.is_positional
        return {argument.name.lstrip("-").upper() if place else argument.name}
    return set().union(*map(_missing, argument.children))


def _shown_default(default: object) -> str:
    """What help says of a default: nothing of switches, of nothing and of the installation's."""
    plain = isinstance(default, str | int | float) and not isinstance(default, bool)
    return str(default) if plain else ""


def say(line: str) -> None:
    """Write a line for the person who waits."""
    sys.stderr.write(line + "\n")


_TELL_EVERY_S: Final = 30.0


class Bars:
    """How far a command is: one progress bar at a time, that of the step under way.

    In a log it is a line now and then, since nothing there can be overwritten.
    """

    def __init__(self) -> None:
        """Show none yet."""
        self._step = ""
        self._bar: tqdm[NoReturn] | None = None
        self._told = 0.0

    def show(self, step: str, done: int, total: int | None, unit: str = "it") -> None:
        """Show how far a step is; without a total, how fast."""
        from tqdm import tqdm  # noqa: PLC0415 - help does without

        if step != self._step or self._bar is None:
            self.__exit__()
            self._step, self._told = step, time.monotonic()
            self._bar = tqdm(
                total=total,
                initial=done,
                desc=step,
                unit=unit,
                dynamic_ncols=True,
                disable=not sys.stderr.isatty(),
            )
        if not self._bar.disable:
            self._bar.total = total
            self._bar.update(done - self._bar.n)
        elif time.monotonic() - self._told >= _TELL_EVERY_S:
            self._told = time.monotonic()
            say(f"{step}: {done:,}" + (f" of {total:,}." if total else "."))

    def say(self, line: str) -> None:
        """Write a line for the person who waits, above the bar if there is one."""
        from tqdm import tqdm  # noqa: PLC0415 - likewise

        tqdm.write(line, file=sys.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
