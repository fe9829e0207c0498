"""Claims about the shipped model on real patches; they need PCAM_DIR."""

from pathlib import Path

import numpy as np
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from sklearn.metrics import roc_auc_score

from core.bundle import read_validation
from core.explanation import Explainer, OverlayStyle, draw_overlay, draw_patch_box
from core.patches import Patch, open_source
from core.scoring import open_classifier
from core.settings import SHIPPED_MODEL


def test_the_shipped_scores_are_of_models_that_did_not_see_the_slide(pcam_dir: Path) -> None:
    # The shipped weights saw these patches: they rank them as well or better, and not alike.
    classifier = open_classifier(SHIPPED_MODEL)
    scores = read_validation(SHIPPED_MODEL, classifier.bundle.card.validation.scores_sha256)
    expected = dict(zip(scores.ids.tolist(), scores.scores.tolist(), strict=True))
    source = open_source(pcam_dir)
    chosen = [i for i, entry in enumerate(source.entries) if entry.id in expected][:256]
    rows = classifier.score([source.read(index) for index in chosen])
    assert len(rows) == 256
    labels = [row.label for row in rows]
    found = np.array([row.prob_tumour for row in rows], float)
    out_of_fold = np.array([expected[row.id] for row in rows])
    assert roc_auc_score(labels, found) > roc_auc_score(labels, out_of_fold) - 0.005
    assert 0.8 < np.corrcoef(found, out_of_fold)[0, 1] < 0.999
    assert [row.label for row in rows] == [
        int(scores.labels[scores.ids == row.id][0]) for row in rows
    ]


def test_the_card_states_the_auroc_of_its_own_scores() -> None:
    classifier = open_classifier(SHIPPED_MODEL)
    scores = read_validation(SHIPPED_MODEL)
    stated = classifier.bundle.card.validation.metrics["auroc"].value
    assert abs(roc_auc_score(scores.labels, scores.scores) - stated) < 1e-9


def test_every_real_patch_has_a_visible_grad_cam_that_is_the_library_s_own(pcam_dir: Path) -> None:
    classifier = open_classifier(SHIPPED_MODEL, device="cpu")
    source = open_source(pcam_dir)
    items = [source.read(at) for at in range(0, len(source), len(source) // 59)][:59]
    images = np.stack([item.image_rgb_u8 for item in items if isinstance(item, Patch)])
    assert len(images) == 59
    explainer = Explainer(classifier)
    assert explainer.brings_controls  # of the closed form
    maps = explainer.maps(images).values
    engine = classifier.engine.pytorch()
    layer = engine.network.get_submodule(explainer.layer.name)
    with GradCAM(model=engine.network, target_layers=[layer]) as cam:
        inputs = engine.transform(torch.from_numpy(images)).requires_grad_()
        expected = cam(inputs, [lambda output: output[0]] * len(images))
    side = expected.shape[1:][::-1]
    ours = scale_cam_image(scale_cam_image(np.maximum(maps, 0), side))
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-3)
    style = OverlayStyle(contour=False, centre_box=False)
    for image, explanation in zip(images, explainer.explain(images), strict=True):
        drawn = draw_overlay(image, explanation.cam, style=style, strength=explanation.strength)
        changed = (drawn != draw_patch_box(image, style)).any(axis=2)
        assert changed.any()
