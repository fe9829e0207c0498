from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.bundle import read_card
from core.errors import EvidenceError, SourceError
from core.jobs import rows_csv
from core.scoring import ScoreRow, Status, batch_scores
from core.thresholds import (
    UNKNOWN_SLIDE,
    Source,
    ThresholdStudy,
    bundle_scores,
    read_scores_csv,
    run_scores,
)
from core.thresholds.scores import slides_text
from tests.toys import toy_row


def test_a_csv_of_labels_and_scores_is_enough() -> None:
    scores = read_scores_csv("a.csv", b"label,score\n0,0.1\n1,0.30000000000000004\n")
    assert scores.evidence.scores.tolist() == [0.1, 0.30000000000000004]
    assert scores.evidence.labels.tolist() == [False, True]
    assert (scores.slides, scores.ids.tolist(), scores.temperature) == ((), ["2", "3"], None)


def test_the_temperature_is_the_one_that_is_written() -> None:
    data = b"label,score,temperature\n0,0.1,1.7\n1,0.9,1.7\n"
    assert read_scores_csv("a.csv", data).temperature == 1.7
    with pytest.raises(SourceError, match=r"2 temperatures \(1.7 to 1.8\)"):
        read_scores_csv("a.csv", data.replace(b"0.9,1.7", b"0.9,1.8"))
    with pytest.raises(SourceError, match=r"line 3: .0\.0.*above 0"):
        read_scores_csv("a.csv", data.replace(b"0.9,1.7", b"0.9,0.0"))
    old = read_scores_csv("a.csv", b"label,score,model_id\n0,0.1,m-1\n1,0.9,m-1\n")
    assert old.temperature is None
    assert any("states no temperature" in note for note in old.notes)


def test_the_apps_own_table_is_taken_and_unscored_inputs_are_counted() -> None:
    data = (
        b"id,status,prob_tumour,label,slide,model_id\n"
        b"a,scored,0.2,0,s1,m-1\nb,failed,,1,s1,m-1\nc,scored,0.9,1,,m-1\n"
    )
    scores = read_scores_csv("scores.csv", data)
    assert scores.ids.tolist() == ["a", "c"]
    assert scores.model_id == "m-1"
    assert scores.slides == ("s1",)
    assert slides_text(scores.evidence) == "1 known slide"
    assert scores.evidence.slide_names == (UNKNOWN_SLIDE, "s1")
    assert "1 input without a score is left out." in scores.notes


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\x00", "is not text"),
        (b"id,score\na,0.5\n", "expected label among them"),
        (b"label,score\n", "no rows"),
        (b"label,score\n0,0.5\n2,0.5\n", r"1 of 2 rows .*line 3: '2'.*expected 1 or tumour"),
        (b"label,score\n0,0.5\n1,\n", r"line 3: empty.*probability from 0 to 1"),
        (b"label,score\n0,-3.5\n1,4\n", r"2 of 2 rows .*line 2.*not a logit"),
        (b"label,score\n\n0,x\n", r"line 3: 'x'"),
        (b"label,score,model_id\n0,0.1,a\n1,0.2,b\n", "2 models"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_line(data: bytes, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        read_scores_csv("bad.csv", data)


def test_one_class_is_refused_in_words() -> None:
    scores = read_scores_csv("a.csv", b"label,score\n1,0.1\n1,0.3\n")
    with pytest.raises(EvidenceError, match="2 patches with tumour and 0 without"):
        ThresholdStudy.of(scores)


def test_the_bundles_scores_come_with_its_temperature(toy_bundle: Path) -> None:
    card = read_card(toy_bundle)
    scores = bundle_scores(toy_bundle, card)
    assert (len(scores.evidence), scores.temperature, scores.model_id) == (60, 1.5, card.model_id)
    assert scores.source is Source.BUNDLE


def test_scores_whose_temperature_was_fitted_on_half_of_them_say_so(toy_bundle: Path) -> None:
    card = read_card(toy_bundle)
    validation = card.validation.model_copy(update={"split_seed": 7})
    halved = card.model_copy(update={"validation": validation})
    said = [" ".join(bundle_scores(toy_bundle, one).notes) for one in (card, halved)]
    assert ["on half of these slides" in notes for notes in said] == [False, True]


def test_a_run_folder_gives_its_validation_scores(tmp_path: Path) -> None:
    (tmp_path / "validation_scores.csv").write_text("id,slide,label,logit,score\na,s,1,0.0,0.5\n")
    assert run_scores(tmp_path).source is Source.RUN
    with pytest.raises(SourceError, match="contains no validation_scores"):
        run_scores(tmp_path / "none")


def test_what_two_sets_share_is_said_once() -> None:
    mine = read_scores_csv("a.csv", b"id,slide,label,score\na,s1,0,0.1\nb,s2,1,0.3\n")
    test = read_scores_csv("b.csv", b"id,slide,label,score\na,s1,0,0.1\nc,s3,1,0.3\n")
    assert mine.shared_with(test) == "1 patch and 1 slide (s1) are in both sets."
    assert mine.shared_with(mine) == "2 patches and 2 slides (s1, s2) are in both sets."
    other = read_scores_csv("c.csv", b"id,slide,label,score\nd,s4,0,0.1\ne,s5,1,0.3\n")
    assert mine.shared_with(other) == ""


def labelled_rows(**changes: object) -> list[ScoreRow]:
    return [
        toy_row(
            id=f"p{n}",
            path=f"p{n}.tif",
            prob_tumour=n / 7,
            label=n % 2,
            temperature=1.5,
            **changes,
        )
        for n in range(6)
    ]


def test_a_labelled_batch_is_read_as_its_own_csv() -> None:
    rows = [replace(row, slide=f"S{n % 3}") for n, row in enumerate(labelled_rows())]
    scores, read = batch_scores("batch", rows), read_scores_csv("b.csv", rows_csv(rows))
    assert scores.evidence.labels.tolist() == read.evidence.labels.tolist()
    np.testing.assert_allclose(scores.evidence.scores, read.evidence.scores, atol=1e-9)
    assert (scores.slides, scores.ids.tolist()) == (read.slides, read.ids.tolist())
    assert (
        (scores.temperature, scores.model_id) == (read.temperature, read.model_id) == (1.5, "toy")
    )
    assert scores.source is Source.BATCH


def test_patches_without_label_or_score_do_not_count() -> None:
    unread = toy_row(label=1, prob_tumour=None, status=Status.FAILED)
    scores = batch_scores("batch", [*labelled_rows(), toy_row(), unread])
    assert len(scores.evidence) == 6
    assert scores.evidence.slides is None
    with pytest.raises(EvidenceError, match="No scored patch of batch has a label"):
        batch_scores("batch", [toy_row(), unread])


def test_rows_of_two_models_are_no_set() -> None:
    rows = labelled_rows()
    rows[0] = replace(rows[0], model_id="other")
    with pytest.raises(SourceError, match="2 models"):
        batch_scores("batch", rows)
