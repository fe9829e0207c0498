"""A batch with labels is the same evidence as its own CSV."""

from dataclasses import replace

import numpy as np
import pytest

from core.errors import EvidenceError, SourceError
from core.jobs import rows_csv
from core.scoring import ScoreRow, Status, batch_scores
from core.thresholds import Source, read_scores_csv
from tests.toys import toy_row


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
    found, read = batch_scores("batch", rows), read_scores_csv("b.csv", rows_csv(rows))
    assert found.evidence.labels.tolist() == read.evidence.labels.tolist()
    np.testing.assert_allclose(found.evidence.scores, read.evidence.scores, atol=1e-9)
    assert (found.slides, found.ids.tolist()) == (read.slides, read.ids.tolist())
    assert (found.temperature, found.model_id) == (read.temperature, read.model_id) == (1.5, "toy")
    assert found.source is Source.BATCH


def test_patches_without_label_or_score_do_not_count() -> None:
    unread = toy_row(label=1, prob_tumour=None, status=Status.FAILED)
    found = batch_scores("batch", [*labelled_rows(), toy_row(), unread])
    assert len(found.evidence) == 6
    assert found.evidence.slides is None
    with pytest.raises(EvidenceError, match="No scored patch of batch has a label"):
        batch_scores("batch", [toy_row(), unread])


def test_rows_of_two_models_are_no_set() -> None:
    rows = labelled_rows()
    rows[0] = replace(rows[0], model_id="other")
    with pytest.raises(SourceError, match="2 models"):
        batch_scores("batch", rows)
