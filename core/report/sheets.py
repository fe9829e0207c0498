"""The A4 pages that every report is drawn on: our fonts, foot, headings, facts, tables, notes."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, cast

from fpdf import FPDF
from fpdf.enums import MethodReturnValue, XPos, YPos

from core.settings import PROJECT

FONTS: Final = PROJECT / "assets" / "fonts"
NOTICE: Final = "Research software, not a medical device. Nothing in this report is a diagnosis."
FONT: Final = "report"
INK: Final = (22, 36, 43)
MUTED: Final = (86, 104, 112)
FAINT: Final = (213, 221, 224)
ACCENT: Final = (11, 107, 115)
MARGIN_MM: Final = 18.0
_NAME_MM: Final = 36.0
_NOTE_MM: Final = 4.6


class Sheets(FPDF):
    """A4 pages with our foot; no clock, no random identifier, no font from the machine."""

    def __init__(self, title: str, made_at: datetime, *, foot: str) -> None:
        """Begin a document without a page; `made_at` (aware) stands in its metadata."""
        super().__init__(format="A4")
        self.foot = foot
        self.set_creation_date(made_at)
        self.set_title(title)
        self.set_creator("NodeLens")
        self.set_producer("NodeLens")
        self.set_margins(MARGIN_MM, MARGIN_MM, MARGIN_MM)
        self.c_margin = 0  # text begins where pictures do
        self.set_auto_page_break(auto=True, margin=MARGIN_MM)
        self.add_font(FONT, fname=FONTS / "DejaVuSans.ttf")
        self.add_font(FONT, style="B", fname=FONTS / "DejaVuSans-Bold.ttf")

    def footer(self) -> None:
        """Draw the foot of a page."""
        self.set_y(-14)
        self.set_font(FONT, size=7)
        self.set_text_color(*MUTED)
        self.cell(0, 4, NOTICE, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.cell(0, 4, self.foot)
        self.set_x(self.l_margin)
        self.cell(0, 4, f"{self.page_no()} / {{nb}}", align="R")

    def kind(self, text: str) -> None:
        """Draw the line that says what kind of report this is."""
        self.set_font(FONT, style="B", size=8)
        self.set_text_color(*ACCENT)
        self.cell(0, 5, f"NODELENS · {text}", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def heading(self, text: str, *, size: float) -> None:
        """Draw a title, its size in points."""
        self.set_text_color(*INK)
        self.set_font(FONT, style="B", size=size)
        self.multi_cell(0, size * 0.5, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(2)

    def fact(self, name: str, value: str) -> None:
        """Draw a name and its value."""
        top = self.get_y()
        self.set_font(FONT, size=8.5)
        self.set_text_color(*MUTED)
        self.cell(_NAME_MM, 4.8, name)
        self.set_text_color(*INK)
        self.set_xy(MARGIN_MM + _NAME_MM, top)
        self.multi_cell(0, 4.8, value, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(0.8)

    def rows(
        self, rows: Sequence[Sequence[str]], widths: Sequence[int], align: Sequence[str]
    ) -> None:
        """Draw a table, its head first; widths in any unit, "LEFT" or "RIGHT" for each column."""
        self.set_draw_color(*FAINT)
        self.set_text_color(*INK)
        self.set_font(FONT, size=7.5)
        with self.table(
            col_widths=tuple(widths),
            line_height=4.4,
            padding=1,
            borders_layout="HORIZONTAL_LINES",
            text_align=tuple(align),
        ) as table:
            for row in rows:
                table.row(row)

    def notes(self, sentences: Sequence[str]) -> None:
        """Draw sentences, each on lines of its own."""
        self.set_text_color(*INK)
        self.set_font(FONT, size=8.5)
        for sentence in sentences:
            self._note(sentence)

    def notes_that_fit(self, sentences: Sequence[str], rest: Callable[[int], str]) -> None:
        """Draw the sentences that fit on this page, then what is said of the number of the rest."""
        self.set_text_color(*INK)
        self.set_font(FONT, size=8.5)
        end = self.h - MARGIN_MM - 2 * _NOTE_MM  # room for the last line
        for number, sentence in enumerate(sentences):
            lines = self._note(sentence, dry_run=True, output=MethodReturnValue.LINES)
            if self.get_y() + _NOTE_MM * len(cast("list[str]", lines)) > end:
                self._note(rest(len(sentences) - number))
                return
            self._note(sentence)

    def _note(self, sentence: str, **more: Any) -> object:  # noqa: ANN401 - what fpdf2 takes
        return self.multi_cell(
            0, _NOTE_MM, f"– {sentence}", align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT, **more
        )
