"""Which column of a table is which, chosen where its names are not ours."""

from collections.abc import Mapping, Sequence
from typing import Final

import streamlit as st

from app.screens.shared import words
from core.tables import SLIDE_COLUMNS, guessed_columns

_AS_THEY_ARE: Final = frozenset({"prob_tumour", *SLIDE_COLUMNS})
"""Names besides our own that a table is read with."""
Called = dict[str, str]
"""Columns of a table by their names there, and what they are to be called here."""


def chosen_columns(
    key: str,
    there: Mapping[str, str],
    roles: Sequence[str],
    needed: Sequence[Sequence[str]],
    about: str = "",
) -> tuple[Called | None, bool]:
    """Draw the choice of columns where a table has other names; say whether it was drawn.

    What is called otherwise comes first, None while the choice cannot be used.

    Args:
        key: Of the widgets.
        there: The columns of the table, with their spelling in the file.
        roles: Names in `core.tables.COLUMNS`.
        needed: Groups of these, of each of which one is needed.
        about: Said above the choice.
    """
    chosen: dict[str, str | None] = guessed_columns(list(there), roles)
    usual = {role for role, name in chosen.items() if name in {role, *_AS_THEY_ARE}}
    odd = any(chosen[role] for role in chosen.keys() - usual)
    if drawn := odd or not _met(chosen, needed):
        if about:
            st.caption(about)
        must = {group[0] for group in needed}
        with st.container(horizontal=True):
            for role in roles:
                options = [None, *there]
                chosen[role] = st.selectbox(
                    words.COLUMNS[role] + ("" if role in must else words.OPTIONAL),
                    options,
                    index=options.index(chosen[role]),
                    format_func=lambda name: there.get(name, words.NO_COLUMN),
                    key=f"{key}-{role} in {list(there)}",  # another table is guessed anew
                    width=190,
                )
    named = {name: role for role, name in chosen.items() if name}
    if len(named) < sum(map(bool, chosen.values())):
        st.warning(words.COLUMN_TWICE, icon=":material/view_column:")
        return None, drawn
    if not _met(chosen, needed):
        return None, drawn
    return {n: role for n, role in named.items() if n not in {role, *_AS_THEY_ARE}}, drawn


def _met(chosen: Mapping[str, str | None], needed: Sequence[Sequence[str]]) -> bool:
    return all(any(chosen[role] for role in group) for group in needed)
