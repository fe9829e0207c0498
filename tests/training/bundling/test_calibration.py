import numpy as np
import pytest
from scipy.special import expit

from core.errors import EvidenceError
from training.bundling.calibration import calibrate, clear_of_rounding
from training.bundling.performance import validation_metrics


def toy_logits(
    slides: int, per_slide: int = 40, heat: float = 3.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels drawn from true probabilities, logits `heat` times too extreme, and slides."""
    rng = np.random.default_rng(5)
    true_logits = rng.normal(0, 2, slides * per_slide)
    labels = (rng.random(len(true_logits)) < expit(true_logits)).astype(np.int8)
    names = np.array([f"s{number // per_slide}" for number in range(len(labels))], np.str_)
    return labels, true_logits * heat, names


def test_the_temperature_undoes_logits_that_are_too_extreme() -> None:
    calibration = calibrate(*toy_logits(slides=40))
    assert calibration.temperature == pytest.approx(3.0, rel=0.15)


def test_what_is_said_of_a_fold_is_chosen_without_it() -> None:
    labels, logits, slides = toy_logits(slides=11)
    calibration = calibrate(labels, logits, slides)
    assert calibration.folds is not None
    assert calibration.crossfitted is not None
    for slide in np.unique(slides):
        assert len(np.unique(calibration.folds[slides == slide])) == 1
    for fold in np.unique(calibration.folds):
        inside = calibration.folds == fold
        others = calibrate(labels[~inside], logits[~inside], slides[~inside])
        scores = expit(logits[inside] / others.temperature)
        np.testing.assert_allclose(calibration.crossfitted.scores.scores[inside], scores, atol=1e-9)
        calls = scores >= others.chosen.threshold - 1e-12
        assert (calibration.crossfitted.calls.scores[inside] == calls).all()


def test_the_folds_of_the_models_are_taken_where_they_are_given() -> None:
    labels, logits, slides = toy_logits(slides=12)
    folds = np.repeat([1, 2, 3], len(labels) // 3)
    calibration = calibrate(labels, logits, slides, folds=folds)
    assert calibration.crossfitted is not None
    assert len(calibration.crossfitted.thresholds) == 3
    assert calibration.folds is folds


def test_the_threshold_is_the_highest_with_the_promised_sensitivity_on_all_slides() -> None:
    calibration = calibrate(*toy_logits(slides=11))
    positives = calibration.everything.scores[calibration.everything.labels]
    assert (positives >= calibration.chosen.threshold).mean() >= 0.95
    assert (positives > calibration.chosen.threshold).mean() < 0.95
    assert "of 11 slides" in calibration.chosen_on


def test_every_metric_lies_in_its_interval_and_says_its_method() -> None:
    metrics = validation_metrics(calibrate(*toy_logits(slides=11)))
    assert {"auroc", "average_precision", "sensitivity_crossfitted", "brier", "ece"} <= set(metrics)
    for name, found in metrics.items():
        if name != "ece":  # resampled noise biases it upwards
            assert found.low <= found.value <= found.high, name
        assert "slide" in found.method or name == "auroc_by_patches"


@pytest.mark.parametrize("known", [True, False])
def test_too_few_or_unknown_slides_are_used_twice_and_it_is_said(known: bool) -> None:
    labels, logits, slides = toy_logits(slides=1)
    calibration = calibrate(labels, logits, slides if known else np.full_like(slides, ""))
    assert calibration.crossfitted is None
    assert any("same patches" in note for note in calibration.notes)
    assert "all 40" in calibration.chosen_on
    assert "sensitivity" in validation_metrics(calibration)


def test_scores_without_an_error_keep_temperature_1_and_say_why() -> None:
    labels = np.array([0, 1] * 20, np.int8)
    slides = np.array([f"s{n // 10}" for n in range(40)], np.str_)
    calibration = calibrate(labels, np.where(labels, 4.0, -4.0), slides)
    assert calibration.temperature == 1.0
    assert any("No temperature" in note for note in calibration.notes)


def test_one_class_alone_is_refused() -> None:
    with pytest.raises(EvidenceError):
        calibrate(np.zeros(10, np.int8), np.zeros(10), np.full(10, "s", np.str_))


def test_no_call_hangs_on_rounding_and_no_rate_changes() -> None:
    scores = np.array([0.2, 0.3, 0.300004, 0.7])
    for threshold in scores:
        clear = clear_of_rounding(float(threshold), scores)
        assert 0 < threshold - clear <= 1.001e-5
        assert (scores >= clear).tolist() == (scores >= threshold).tolist()
        assert np.abs(scores - clear).min() > 1e-6
