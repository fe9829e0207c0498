from pathlib import Path

import pytest
import streamlit as st

from app.resources.caching import cached_by, file_stamp


@pytest.fixture(autouse=True)
def empty_caches() -> None:
    st.cache_resource.clear()
    st.cache_data.clear()


def test_a_result_is_made_once_for_each_key_whatever_the_arguments_are() -> None:
    made: list[str] = []

    @cached_by(lambda thing, name: name)
    def greeting(thing: object, name: str) -> str:
        made.append(name)
        return f"{thing} {name}"

    assert greeting("hello", "Ann") == "hello Ann"
    assert greeting("goodbye", "Ann") == "hello Ann"
    assert greeting("goodbye", name="Ben") == "goodbye Ben"
    assert made == ["Ann", "Ben"]


def test_two_functions_never_share_results_although_one_class_keeps_both() -> None:
    @cached_by(lambda name: name)
    def first(name: str) -> str:
        return f"first {name}"

    @cached_by(lambda name: name)
    def second(name: str) -> str:
        return f"second {name}"

    assert [first("x"), second("x"), first("x")] == ["first x", "second x", "first x"]
    first.clear()
    assert second("x") == "second x"


def test_an_error_is_not_kept() -> None:
    answers = [ValueError("not yet"), "there"]

    @cached_by(lambda: "the one")
    def flaky() -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(ValueError, match="not yet"):
        flaky()
    assert flaky() == flaky() == "there"


@pytest.mark.parametrize("copied", [True, False])
def test_a_copied_result_is_safe_from_whoever_changes_it(*, copied: bool) -> None:
    @cached_by(lambda: copied, copied=copied)
    def numbers() -> list[int]:
        return [1, 2]

    numbers().append(3)
    assert numbers() == ([1, 2] if copied else [1, 2, 3])


def test_the_stamp_of_a_file_changes_when_it_is_written_or_replaced(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    stamps = [file_stamp(file)]
    file.write_text("one\n")
    stamps.append(file_stamp(file))
    file.write_text("one\ntwo\n")
    stamps.append(file_stamp(file))
    (tmp_path / "new.csv").write_text("new\nnew\n")
    (tmp_path / "new.csv").replace(file)
    stamps.append(file_stamp(file))
    assert len(set(stamps)) == 4
