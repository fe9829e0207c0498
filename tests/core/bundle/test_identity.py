"""One id over the whole card; records with the id over the weights alone still find their model."""

import pytest

from core.bundle import distinct_models, read_card, same_model
from core.bundle.card import Card
from core.settings import SHIPPED_MODEL
from core.thresholds.score_table import read_scores_csv


@pytest.fixture(scope="module")
def card() -> Card:
    return read_card(SHIPPED_MODEL)


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 2.0},
        {"limits": ("none",)},
        {"licence": "another"},
        {"centre_auroc": 0.9},
        {"recipe": {}},
    ],
)
def test_a_card_that_was_rewritten_has_another_id(card: Card, change: dict[str, object]) -> None:
    other = card.model_copy(update=change)
    again = Card.model_validate_json(other.model_dump_json())
    assert not same_model(card.model_id, again.model_id)
    assert again.model_id.split(".")[:-1] == card.model_id.split(".")[:-1]


def test_the_same_card_has_the_same_id_however_often_it_is_read(card: Card) -> None:
    assert Card.model_validate_json(card.model_dump_json(indent=2)).model_id == card.model_id
    assert Card.model_validate_json(card.model_dump_json(exclude_none=True)) == card


def test_an_id_of_before_is_the_same_model(card: Card) -> None:
    before = f"{card.name}-{card.weights_sha256[:12]}"
    assert same_model(before, card.model_id)
    assert same_model(card.model_id, before)
    assert not same_model(before, f"{card.name}-{'0' * 12}.00000000")
    assert not same_model("", card.model_id)
    assert distinct_models([before, card.model_id, "", "other-1"]) == [card.model_id, "other-1"]


def test_a_batch_that_was_resumed_across_the_change_is_of_one_model(card: Card) -> None:
    before, now = f"{card.name}-{card.weights_sha256[:12]}", card.model_id
    table = f"id,label,score,model_id\na,1,0.9,{before}\nb,0,0.1,{now}\n"
    assert read_scores_csv("t.csv", table.encode()).model_id == now
