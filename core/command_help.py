"""How --help looks: what a command is for, and a column of options beside a column of words.

Cyclopts' own layouts break lines where the docstring does, and the ones that do not load a
Markdown parser first.
"""

import textwrap
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions

_NAMES: Final = 26
"""Characters of the column of options; longer ones have a line of their own."""
_WIDEST: Final = 100


class PlainHelp:
    """Writes the parts of a help page as plain text, filled to the terminal's width."""

    def render_usage(self, console: "Console", options: "ConsoleOptions", usage: object) -> None:
        """Write the usage line."""
        self._write(console, _words(usage))

    def render_description(
        self, console: "Console", options: "ConsoleOptions", description: object
    ) -> None:
        """Write what a command is for; paragraphs stay apart."""
        paragraphs = str(getattr(description, "primary_renderable", description)).split("\n\n")
        for paragraph in paragraphs:
            self._write(console, " ".join(paragraph.split()))

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

    def _write(self, console: "Console", text: str) -> None:
        if text:
            filled = textwrap.fill(text, _width(console), break_on_hyphens=False)
            console.print(filled, markup=False, highlight=False, soft_wrap=True)
            console.print()


def _width(console: "Console") -> int:
    return min(console.width, _WIDEST)


def _words(text: Any) -> str:  # noqa: ANN401 - a rich renderable
    renderable = getattr(text, "primary_renderable", text)
    return " ".join(str(renderable or "").split())


def _explained(entry: "HelpEntry") -> str:
    parts = [_words(entry.description)]
    if entry.choices:
        parts.append(f"[{', '.join(entry.choices)}]")
    if entry.required:
        parts.append("[required]")
    elif entry.default:
        parts.append(f"(default: {entry.default})")
    return " ".join(filter(None, parts))
