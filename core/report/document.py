"""A report drawn as PDF; no clock, no random identifier, no font from the machine."""

from collections.abc import Callable, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Final, cast

from fpdf import FPDF
from fpdf.enums import MethodReturnValue, XPos, YPos
from PIL import Image

from core.patches import PATCH_SIZE_PX, ImageU8
from core.report.content import COUNT_COLUMNS, FlaggedPatch, Report
from core.report.maps import ReportMaps
from core.review.patch_map import PatchMap
from core.settings import PROJECT

FONTS: Final = PROJECT / "assets" / "fonts"
NOTICE: Final = "Research software, not a medical device. Nothing in this report is a diagnosis."
ENLARGED: Final = 4
_FONT: Final = "report"
_INK: Final = (22, 36, 43)
_MUTED: Final = (86, 104, 112)
_FAINT: Final = (213, 221, 224)
_ACCENT: Final = (11, 107, 115)
_PICTURE_MM: Final = 38.0
_BETWEEN_MM: Final = 2.0
_GAP_MM: Final = 5.0
_MARGIN_MM: Final = 18.0
_NAME_MM: Final = 36.0
_COUNT_WIDTHS: Final = (30, 13, 16, 16, 16, 19, 34, 30)
_Pictures = Callable[[str], ImageU8]


class _Sheets(FPDF):
    """A4 pages with our foot."""

    foot: str = ""

    def footer(self) -> None:
        self.set_y(-14)
        self.set_font(_FONT, size=7)
        self.set_text_color(*_MUTED)
        self.cell(0, 4, NOTICE, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.cell(0, 4, self.foot)
        self.set_x(self.l_margin)
        self.cell(0, 4, f"{self.page_no()} / {{nb}}", align="R")


def report_pdf(
    report: Report, picture: _Pictures, maps: ReportMaps, *, fonts: Path = FONTS
) -> bytes:
    """Return a report as PDF: one page on the batch, then the flagged patches.

    Args:
        report: What it says.
        picture: Gives a patch (96, 96, 3) by its SHA-256.
        maps: Of the flagged patches.
        fonts: Folder with the fonts.

    Raises:
        StoreError: A flagged patch is not among the kept ones.
    """
    sheets = _Sheets(format="A4")
    sheets.set_creation_date(datetime.fromisoformat(report.last_at))
    sheets.set_title(f"Review report: {report.title}")
    sheets.set_creator("NodeLens")
    sheets.set_producer("NodeLens")
    sheets.foot = f"{report.title} · record {report.made_of[:24]}…"
    sheets.set_margins(_MARGIN_MM, _MARGIN_MM, _MARGIN_MM)
    sheets.c_margin = 0  # text begins where pictures do
    sheets.set_auto_page_break(auto=True, margin=_MARGIN_MM)
    sheets.add_font(_FONT, fname=fonts / "DejaVuSans.ttf")
    sheets.add_font(_FONT, style="B", fname=fonts / "DejaVuSans-Bold.ttf")
    _batch_page(sheets, report, maps)
    if report.flagged:
        sheets.add_page()
        _heading(sheets, f"Flagged patches: {len(report.flagged)}", size=14)
        for patch in report.flagged:
            _flagged_patch(sheets, patch, picture(patch.sha256), maps.of_patch.get(patch.sha256))
    return bytes(sheets.output())


def _heading(sheets: FPDF, text: str, *, size: float) -> None:
    sheets.set_text_color(*_INK)
    sheets.set_font(_FONT, style="B", size=size)
    sheets.multi_cell(0, size * 0.5, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    sheets.ln(2)


def _batch_page(sheets: FPDF, report: Report, maps: ReportMaps) -> None:
    sheets.add_page()
    sheets.set_font(_FONT, style="B", size=8)
    sheets.set_text_color(*_ACCENT)
    sheets.cell(0, 5, "NODELENS · REVIEW REPORT", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    _heading(sheets, report.title, size=20)
    for name, value in (*report.facts, ("Maps", maps.told())):
        _fact(sheets, name, value)
    sheets.ln(5)
    _heading(sheets, "Verdicts", size=12)
    _counts(sheets, report.counts)
    sheets.ln(5)
    _heading(sheets, "Read with care", size=12)
    sheets.set_font(_FONT, size=8.5)
    for note in report.notes:
        sheets.multi_cell(0, 4.6, f"– {note}", align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _fact(sheets: FPDF, name: str, value: str) -> None:
    top = sheets.get_y()
    sheets.set_font(_FONT, size=8.5)
    sheets.set_text_color(*_MUTED)
    sheets.cell(_NAME_MM, 4.8, name)
    sheets.set_text_color(*_INK)
    sheets.set_xy(_MARGIN_MM + _NAME_MM, top)
    sheets.multi_cell(0, 4.8, value, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    sheets.ln(0.8)


def _counts(sheets: FPDF, rows: Sequence[tuple[str, ...]]) -> None:
    sheets.set_draw_color(*_FAINT)
    sheets.set_font(_FONT, size=7.5)
    with sheets.table(
        col_widths=_COUNT_WIDTHS,
        line_height=4.4,
        padding=1,
        borders_layout="HORIZONTAL_LINES",
        text_align=("LEFT", *["RIGHT"] * 5, "LEFT", "LEFT"),
    ) as table:
        for row in (COUNT_COLUMNS, *rows):
            table.row(row)


def _flagged_patch(
    sheets: FPDF, patch: FlaggedPatch, image_rgb_u8: ImageU8, found: PatchMap | None
) -> None:
    """Draw a patch and its map beside what was said of it; never over the end of a page."""
    lines = [
        *([("File", patch.source)] if patch.source else []),
        ("Flagged", patch.why),
        ("Model", patch.model),
        *([("Map", " ".join(found.sentences))] if found else []),
        ("Reference label", patch.label),
        *(("Reading", line) for line in patch.readings),
        ("", patch.mark),
    ]
    pictures = _PICTURE_MM * (1 if found is None else 2) + (0 if found is None else _BETWEEN_MM)
    left = _MARGIN_MM + pictures + _GAP_MM
    height = max(_PICTURE_MM, _text_height(sheets, lines, sheets.epw - pictures - _GAP_MM))
    if sheets.get_y() + height > sheets.page_break_trigger:
        sheets.add_page()
    top = sheets.get_y()
    _picture(sheets, image_rgb_u8, _MARGIN_MM, top, patch.title)
    if found is not None:
        beside = _MARGIN_MM + _PICTURE_MM + _BETWEEN_MM
        _picture(sheets, found.picture_rgb_u8, beside, top, f"{patch.title} under its map")
    sheets.set_left_margin(left)
    sheets.set_xy(left, top)
    sheets.set_text_color(*_INK)
    sheets.set_font(_FONT, style="B", size=9)
    sheets.cell(0, 4.6, patch.title, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    for name, value in lines:
        sheets.set_font(_FONT, size=_size(name))
        sheets.set_text_color(*(_INK if name else _MUTED))
        sheets.multi_cell(
            0, 4.2, _line(name, value), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )
    sheets.set_left_margin(_MARGIN_MM)
    sheets.set_xy(_MARGIN_MM, top + height + _GAP_MM)


def _size(name: str) -> float:
    return 8 if name else 5.5


def _line(name: str, value: str) -> str:
    return f"{name}: {value}" if name else value


def _picture(sheets: FPDF, image_rgb_u8: ImageU8, left: float, top: float, told: str) -> None:
    factor = max(1, ENLARGED * PATCH_SIZE_PX // len(image_rgb_u8))  # a map is enlarged already
    large = image_rgb_u8.repeat(factor, axis=0).repeat(factor, axis=1)
    buffer = BytesIO()
    Image.fromarray(large).save(buffer, "PNG")
    sheets.image(buffer, left, top, _PICTURE_MM, _PICTURE_MM, alt_text=told)
    _box(sheets, left + _PICTURE_MM / 3, top + _PICTURE_MM / 3, _PICTURE_MM / 3)


def _text_height(sheets: FPDF, lines: Sequence[tuple[str, str]], width: float) -> float:
    total = 4.6
    for name, value in lines:
        sheets.set_font(_FONT, size=_size(name))
        wrapped = sheets.multi_cell(
            width, 4.2, _line(name, value), dry_run=True, output=MethodReturnValue.LINES
        )
        total += 4.2 * len(cast("list[str]", wrapped))
    return total


def _box(sheets: FPDF, left: float, top: float, side: float) -> None:
    """Draw a white and a black line around the centre, not on it."""
    for colour, distance in (((255, 255, 255), 0.15), ((0, 0, 0), 0.45)):
        sheets.set_draw_color(*colour)
        sheets.set_line_width(0.3)
        sheets.rect(left - distance, top - distance, side + 2 * distance, side + 2 * distance)
