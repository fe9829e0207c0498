"""Claims about the shipped model on real patches; they need PCAM_DIR."""

from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from core.bundle import read_validation
from core.patches import open_source
from core.scoring import open_classifier
from core.settings import SHIPPED_MODEL


def test_the_shipped_scores_are_those_that_the_shipped_model_gives(pcam_dir: Path) -> None:
    classifier = open_classifier(SHIPPED_MODEL)
    scores = read_validation(SHIPPED_MODEL, classifier.bundle.card.validation.scores_sha256)
    expected = dict(zip(scores.ids.tolist(), scores.scores.tolist(), strict=True))
    source = open_source(pcam_dir)
    chosen = [i for i, entry in enumerate(source.entries) if entry.id in expected][:256]
    rows = classifier.score([source.read(index) for index in chosen])
    assert len(rows) == 256
    found = np.array([row.prob_tumour for row in rows], float)
    np.testing.assert_allclose(found, [expected[row.id] for row in rows], atol=1e-3)
    assert [row.label for row in rows] == [
        int(scores.labels[scores.ids == row.id][0]) for row in rows
    ]


def test_the_card_states_the_auroc_of_its_own_scores() -> None:
    classifier = open_classifier(SHIPPED_MODEL)
    scores = read_validation(SHIPPED_MODEL)
    stated = classifier.bundle.card.validation.metrics["auroc"].value
    assert abs(roc_auc_score(scores.labels, scores.scores) - stated) < 1e-9
