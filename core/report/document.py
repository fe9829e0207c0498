"""The report of a reviewed case drawn as PDF."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from io import BytesIO
from typing import Final, cast

from fpdf.enums import MethodReturnValue, XPos, YPos
from PIL import Image

from core.patches import PATCH_SIZE_PX, ImageU8
from core.report.content import COUNT_COLUMNS, TABLE_COLUMNS, FlaggedPatch, Report
from core.report.maps import ReportMaps
from core.report.sheets import FONT, INK, MARGIN_MM, MUTED, Sheets
from core.review.patches import PatchMap

ENLARGED: Final = 4
_PICTURE_MM: Final = 38.0
_MAP_QUALITY: Final = 90
"""Of JPEG; pixels of real patches under their maps move by 1 of 255 in the mean."""
_BETWEEN_MM: Final = 2.0
_GAP_MM: Final = 5.0
_SMALL_PT: Final = 5.5
_COUNT_WIDTHS: Final = (30, 13, 16, 16, 16, 19, 34, 30)
_COUNT_ALIGN: Final = ("LEFT", *["RIGHT"] * 5, "LEFT", "LEFT")
_TABLE_WIDTHS: Final = (8, 55, 30, 26, 30, 22, 12)
_TABLE_ALIGN: Final = ("RIGHT", *["LEFT"] * 5, "RIGHT")


def report_pdf(report: Report, picture: Callable[[str], ImageU8], maps: ReportMaps) -> bytes:
    """Return a report as PDF: the batch, the flagged patches, then every verdict.

    `picture` gives a patch (96, 96, 3) by its SHA-256.

    Raises:
        StoreError: A flagged patch is not among the kept ones.
    """
    sheets = Sheets(
        f"Review report: {report.title}",
        datetime.fromisoformat(report.last_at),
        foot=f"{report.title} · record {report.made_of[:24]}…",
    )
    _batch_page(sheets, report, maps)
    if report.flagged:
        sheets.add_page()
        sheets.heading(f"Patches to look at again: {len(report.flagged)}", size=14)
        for patch in report.flagged:
            _flagged_patch(sheets, patch, picture(patch.sha256), maps.of_patch.get(patch.sha256))
    sheets.add_page()
    sheets.heading(f"All verdicts: {len(report.table)}", size=14)
    sheets.rows((TABLE_COLUMNS, *report.table), _TABLE_WIDTHS, _TABLE_ALIGN)
    return bytes(sheets.output())


def _batch_page(sheets: Sheets, report: Report, maps: ReportMaps) -> None:
    sheets.add_page()
    sheets.kind("REVIEW REPORT")
    sheets.heading(report.title, size=20)
    for name, value in (*report.facts, ("Maps", maps.summary())):
        sheets.fact(name, value)
    sheets.ln(5)
    sheets.heading("Verdicts", size=12)
    sheets.rows((COUNT_COLUMNS, *report.counts), _COUNT_WIDTHS, _COUNT_ALIGN)
    sheets.ln(5)
    sheets.heading("Read with care", size=12)
    sheets.notes(report.notes)


def _flagged_patch(
    sheets: Sheets, patch: FlaggedPatch, image_rgb_u8: ImageU8, patch_map: PatchMap | None
) -> None:
    """Draw a patch and its map beside what was said of it."""
    lines = [
        *([("File", patch.source)] if patch.source else []),
        ("Why", patch.why),
        ("Model", patch.model),
        *([("Map", " ".join(patch_map.sentences))] if patch_map else []),
        ("Reference label", patch.label),
        *(("Reading", line) for line in patch.readings),
        ("", patch.mark),
    ]
    picture_beside(sheets, patch.title, lines, image_rgb_u8, patch_map)


def picture_beside(
    sheets: Sheets,
    title: str,
    lines: Sequence[tuple[str, str]],
    image_rgb_u8: ImageU8,
    patch_map: PatchMap | None,
) -> None:
    """Draw a patch (96, 96, 3) and its map beside some lines; never over the end of a page.

    Lines are names and values; what has no name is in small print.
    """
    pictures = _PICTURE_MM if patch_map is None else 2 * _PICTURE_MM + _BETWEEN_MM
    left = MARGIN_MM + pictures + _GAP_MM
    width = sheets.epw - pictures - _GAP_MM
    wrapped = list(_wrapped(sheets, title, lines, width))
    height = max(_PICTURE_MM, sum(high for _, _, high, _ in wrapped))
    if sheets.get_y() + height > sheets.page_break_trigger:
        sheets.add_page()
    top = sheets.get_y()
    _picture(sheets, image_rgb_u8, MARGIN_MM, top, title)
    if patch_map is not None:
        beside = MARGIN_MM + _PICTURE_MM + _BETWEEN_MM
        _picture(sheets, patch_map.picture_rgb_u8, beside, top, f"{title} under its map")
    sheets.set_left_margin(left)
    sheets.set_xy(left, top)
    for style, size, high, text in wrapped:
        sheets.set_font(FONT, style=style, size=size)
        sheets.set_text_color(*(INK if size > _SMALL_PT else MUTED))
        sheets.cell(0, high, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    sheets.set_left_margin(MARGIN_MM)
    sheets.set_xy(MARGIN_MM, top + height + _GAP_MM)


def _picture(sheets: Sheets, image_rgb_u8: ImageU8, left: float, top: float, caption: str) -> None:
    """Draw a patch without loss; a map, which is enlarged already, as JPEG of a tenth its size."""
    factor = ENLARGED * PATCH_SIZE_PX // len(image_rgb_u8)
    drawn: Image.Image | BytesIO
    if factor > 1:
        drawn = Image.fromarray(image_rgb_u8.repeat(factor, axis=0).repeat(factor, axis=1))
    else:
        drawn = BytesIO()
        Image.fromarray(image_rgb_u8).save(drawn, "JPEG", quality=_MAP_QUALITY)
    sheets.image(drawn, left, top, _PICTURE_MM, _PICTURE_MM, alt_text=caption)
    # A white and a black line around the centre, not on it.
    third = _PICTURE_MM / 3
    for colour, out in (((255, 255, 255), 0.15), ((0, 0, 0), 0.45)):
        sheets.set_draw_color(*colour)
        sheets.set_line_width(0.3)
        side = third + 2 * out
        sheets.rect(left + third - out, top + third - out, side, side)


def _wrapped(
    sheets: Sheets, title: str, lines: Sequence[tuple[str, str]], width: float
) -> Iterator[tuple[str, float, float, str]]:
    """Yield style, size in points, height in mm and text of each line on the page.

    fpdf2 takes its time to wrap, so it does that once, and not once more where it draws.
    """
    small = "", _SMALL_PT, 4.2
    paragraphs = [
        ("B", 9.0, 4.6, title),
        *(("", 8.0, 4.2, f"{name}: {value}") if name else (*small, value) for name, value in lines),
    ]
    for style, size, high, text in paragraphs:
        sheets.set_font(FONT, style=style, size=size)
        text_lines = sheets.multi_cell(
            width, high, text, align="L", dry_run=True, output=MethodReturnValue.LINES
        )
        for line in cast("list[str]", text_lines):
            yield style, size, high, line
