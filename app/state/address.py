"""What is looked at: it stands in the URL, where a reload or a colleague finds it."""

from typing import Final

import streamlit as st

from app.state import reading

_JOB: Final = "job"
_ROW: Final = "row"
_CASE: Final = "case"
_AUDIT: Final = "audit"
_AUDIT_PART: Final = "part"
_AUDIT_SHOWN: Final = "show"
_AUDIT_PATCH: Final = "patch"
_AUDIT_ROWS: Final = "audit-rows"


def job_id() -> str | None:
    """Return the batch that is looked at; it stands in the URL, where a reload finds it."""
    return _in_url(_JOB)


def look_at_job(job: str | None) -> None:
    """Look at another batch, or at the list of them."""
    st.session_state.pop(_ROW, None)
    _keep_in_url(_JOB, job)


def row() -> int | None:
    """Return the row of the batch whose patch is looked at."""
    found = st.session_state.get(_ROW)
    return int(found) if found is not None else None


def look_at_row(position: int | None) -> None:
    """Look at the patch of another row."""
    st.session_state[_ROW] = position


def case_id() -> str | None:
    """Return the case that is looked at; it stands in the URL, where a reload finds it."""
    return _in_url(_CASE)


def look_at_case(case: str | None) -> None:
    """Look at another case, or at the list of them."""
    reading.leave_desk()
    _keep_in_url(_CASE, case)


def audit_id() -> str | None:
    """Return the audit that is looked at; it stands in the URL, where a reload finds it."""
    return _in_url(_AUDIT)


def look_at_audit(audit: str | None) -> None:
    """Look at another audit, or at the list of them."""
    for key in (_AUDIT_PART, _AUDIT_SHOWN, _AUDIT_PATCH):
        _keep_in_url(key, None)
    st.session_state.pop(_AUDIT_ROWS, None)
    _keep_in_url(_AUDIT, audit)


def audit_part(default: str) -> str:
    """Return which part of the audit is looked at."""
    return _in_url(_AUDIT_PART) or default


def look_at_audit_part(part: str) -> None:
    """Look at another part of the audit."""
    _keep_in_url(_AUDIT_PART, part)


def audit_shown() -> tuple[str, tuple[int, ...]]:
    """Return what the patches of the audit are chosen by, and the rows of a choice by hand."""
    return _in_url(_AUDIT_SHOWN) or "", st.session_state.get(_AUDIT_ROWS, ())


def show_in_audit(shown: str | None, rows: tuple[int, ...] = ()) -> None:
    """Choose the patches of the audit; a choice by hand is too long for a URL."""
    st.session_state[_AUDIT_ROWS] = rows
    _keep_in_url(_AUDIT_SHOWN, shown)
    st.session_state[f"{_AUDIT_SHOWN}-page"] = 1


def audit_patch() -> int | None:
    """Return the row of the audit whose patch is looked at."""
    found = _in_url(_AUDIT_PATCH)
    return int(found) if found is not None and found.isascii() and found.isdigit() else None


def look_at_audit_patch(row: int | None) -> None:
    """Look at one patch of the audit, or at none."""
    _keep_in_url(_AUDIT_PATCH, None if row is None else str(row))


def _in_url(key: str) -> str | None:
    """Return what the URL holds under a key, else what this visit does, and let both hold it."""
    if key in st.query_params:
        st.session_state[key] = st.query_params[key]
    elif st.session_state.get(key):
        st.query_params[key] = st.session_state[key]
    found = st.session_state.get(key)
    return str(found) if found else None


def _keep_in_url(key: str, value: str | None) -> None:
    """Keep a value for this visit and in the URL; None forgets it."""
    if value is None:
        st.session_state.pop(key, None)
        st.query_params.pop(key, None)
    else:
        st.session_state[key] = st.query_params[key] = value
