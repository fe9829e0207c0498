"""How a call, a score, a share and an interval are written: on pages, in figures and in reports.

One place, so that a sign means one thing everywhere and two pages never write one number in two
ways. Nothing in here is HTML; whoever draws a page escapes it.
"""

import math
import re
from typing import Final

SIGNS: Final = {
    "tumour": "▲",
    "grey zone": "◆",
    "no tumour": "▽",
    "withheld": "–",
    "unreadable": "×",
    "cannot judge": "?",
    "unknown": "?",
}
"""The sign of a call, a verdict or a label, so that none of them rests on colour alone."""
NOTHING: Final = "–"
"""Stands where there is no number."""
_SPACE: Final = "\u00a0"  # a number and its unit stay on one line
_FORMS: Final = re.compile(r"\[([^\[\]|]*)\|([^\[\]|]*)\]")


def agreeing(text: str, count: int) -> str:
    """Return a sentence about a count with the right one of its forms, as in "[is|are]"."""
    return _FORMS.sub(lambda forms: forms[1 if count == 1 else 2], text)


def call_text(call: str) -> str:
    """Return a call, a verdict or an outcome with its sign, "▲ tumour"."""
    return f"{SIGNS[call]} {call}"


def call_of(predicted_label: int | None) -> str:
    """Return what a patch was called: 1 tumour, 0 no tumour, None grey zone."""
    return {1: "tumour", 0: "no tumour", None: "grey zone"}[predicted_label]


def label_text(label: float | None) -> str:
    """Return a reference label with its sign; NaN and None are no label."""
    if label is None or math.isnan(label):
        return call_text("unknown")
    return call_text("tumour" if label == 1 else "no tumour")


def score_text(score: float | None) -> str:
    """Return a score with three digits; never 0.000 or 1.000 for one that is neither."""
    if score is None:
        return "no score"
    if 0 < score < 0.0005:
        return "< 0.001"
    if 0.9995 <= score < 1:
        return "> 0.999"
    return f"{score:.3f}"


def percent(share: float, digits: int = 1) -> str:
    """Return a share (0..1) in per cent; never 0 or 100 for one that is neither."""
    if math.isnan(share):
        return NOTHING
    text = f"{100 * share:.{digits}f}"
    if 0 < share < 1 and float(text) in {0, 100}:
        least = 10**-digits
        text = f"< {least:g}" if share < 0.5 else f"> {100 - least:g}"
    return f"{text}{_SPACE}%"


def number(value: float, digits: int = 3, *, signed: bool = False) -> str:
    """Return a number with a minus sign that is one, and no minus before zero.

    Args:
        value: NaN is "–", infinity is "∞".
        digits: After the point.
        signed: Whether a number above zero gets its plus.
    """
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    rounded = round(value, digits) + 0.0  # −0.0 becomes 0.0
    return f"{rounded:{'+' if signed else ''}.{digits}f}".replace("-", "−")


def interval_text(low: float, high: float, digits: int = 3) -> str:
    """Return the bounds of an interval, "0.914 to 0.997"; "–" where it is undefined."""
    if math.isnan(low) or math.isnan(high):
        return NOTHING
    return f"{number(low, digits)} to {number(high, digits)}"


def percent_interval(low: float, high: float, digits: int = 1) -> str:
    """Return the bounds of the interval of a share, "91.4 to 99.7 %"."""
    if math.isnan(low) or math.isnan(high):
        return NOTHING
    return f"{100 * low:.{digits}f} to {100 * high:.{digits}f}{_SPACE}%"
