"""The limits of quality: each with how many patches it flags, in force as soon as it is moved."""

from typing import Final

import streamlit as st

from app.screens.audit import patches, words
from app.state import widgets
from core.audit import FLAGS, QualityLimits
from core.audit.browse import AuditView, PatchChoice

_DEFAULTS: Final = QualityLimits()
_SLIDERS: Final[dict[str, tuple[str, str, float, float, str]]] = {
    "flat_sd": ("flat", "SD of every channel below", 10.0, 0.1, "%.1f"),
    "blank_white_share": ("blank", "Share of white pixels from", 1.0, 0.01, "%.2f"),
    "blank_sd": ("blank", "… and SD of every channel below", 20.0, 0.5, "%.1f"),
    "dark_mean": ("dark", "Mean grey level below", 150.0, 1.0, "%.0f"),
    "low_saturation": (
        "low_saturation", "Highest saturation below", 0.5, 0.01, "%.2f",
    ),
    "low_tissue_share": ("low_tissue", "Share of tissue below", 1.0, 0.01, "%.2f"),
    "blur_detail_share": ("blurred", "Share of fine detail below", 1.0, 0.01, "%.2f"),
    "blur_guard_sd": ("blurred", "… unless the grey levels' SD is below", 30.0, 0.5, "%.1f"),
    "ink_share": ("pen", "Share of ink pixels from", 0.5, 0.005, "%.3f"),
    "stain_z": ("extreme_stain", "Robust SDs from the median, from", 12.0, 0.1, "%.1f"),
}  # fmt: skip


def limits_now() -> QualityLimits:
    """Return the limits that are set on the page."""
    held = widgets.chosen(_KEY)
    return held if isinstance(held, QualityLimits) else _DEFAULTS


_KEY: Final = "audit-limits"


def limits_panel(view: AuditView) -> None:
    """Draw a slider for each limit with the count of what it flags."""
    readable = int((view.patches["fault"] == "").sum())
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(words.LIMITS)
        st.button(
            "Reset to defaults",
            icon=":material/restart_alt:",
            on_click=_reset,
            disabled=view.limits == _DEFAULTS,
            key="audit-limits-reset",
        )
    for place, flag in enumerate(FLAGS):
        names = [name for name, slider in _SLIDERS.items() if slider[0] == flag]
        count = int(view.flags[flag].sum())
        with st.container(horizontal=True, vertical_alignment="center", key=f"nl-limit-{flag}"):
            name = words.FLAGS[flag]
            st.markdown(f"**{name[:1].upper()}{name[1:]}**: {count:,} of {readable:,}")
            st.button(
                "Show",
                key=f"audit-limit-show-{place}",
                on_click=patches.show,
                args=(PatchChoice("finding", flag),),
                disabled=not count,
            )
        for name in names:
            _slider(name, view.limits)
        if not names:
            st.caption(words.NO_LIMIT)


def _slider(name: str, limits: QualityLimits) -> None:
    _, label, most, step, text = _SLIDERS[name]
    default = getattr(_DEFAULTS, name)
    key = f"audit-limit-{name}"
    widgets.start(key, float(getattr(limits, name)))
    moved = getattr(limits, name) != default
    st.slider(
        label + (f" (default {text % default})" if moved else ""),
        0.0,
        most,
        step=step,
        format=text,
        key=key,
        on_change=_moved,
    )


def _moved() -> None:
    values = {
        name: float(str(widgets.chosen(f"audit-limit-{name}", getattr(_DEFAULTS, name))))
        for name in _SLIDERS
    }
    widgets.choose(_KEY, QualityLimits(**values))


def _reset() -> None:
    for name in _SLIDERS:
        widgets.choose(f"audit-limit-{name}", float(getattr(_DEFAULTS, name)))
    widgets.choose(_KEY, _DEFAULTS)
