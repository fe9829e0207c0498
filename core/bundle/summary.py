"""A card in words: the table that the README, the command line and the app show."""

from core.bundle.card import Card
from core.statistics.measured import Measured
from core.wording import interval_text

_NAMES = {
    "auroc": "AUROC",
    "auroc_by_patches": "AUROC, patches as if independent",
    "sensitivity_calibration_slides": "Sensitivity on the calibration slides",
    "specificity_calibration_slides": "Specificity on the calibration slides",
    "sensitivity_crossfitted": "Sensitivity, cross-fitted",
    "specificity_crossfitted": "Specificity, cross-fitted",
    "calibration_slope": "Calibration slope",
    "average_precision": "Average precision",
    "brier": "Brier score",
    "ece": "Expected calibration error",
    "log_loss": "Log-loss",
    "accuracy": "Accuracy",
}


def metric_name(name: str) -> str:
    """Return a metric's name as a reader knows it."""
    return _NAMES.get(name, name.replace("_", " ").capitalize())


def card_table(card: Card) -> str:
    """Return a Markdown table of what the card claims about the model, with 95 % intervals."""
    data, point = card.validation.data, card.operating_point
    share = data.positives / data.patches
    rows = [
        ("Model", f"`{card.model_id}` ({card.architecture.name})"),
        ("Weights", f"from {card.initial_weights.summary}"),
        (
            "Trained on",
            f"{card.training.patches:,} patches, {card.training.positives:,} with tumour",
        ),
        (
            "Validated on",
            f"{data.patches:,} patches of {data.slides} slide groups, {share:.1%} with tumour "
            "(not a clinical prevalence)",
        ),
    ]
    rows += [(metric_name(name), _measured(one)) for name, one in card.validation.metrics.items()]
    rows.append(
        (
            "Threshold",
            f"{point.threshold:.4f}: {point.rule.rstrip('.')}; chosen on {point.chosen_on}",
        )
    )
    rows += [
        (name, _measured(value))
        for name, value in (
            ("Sensitivity where it was chosen", point.sensitivity),
            ("Specificity where it was chosen", point.specificity),
        )
        if value is not None
    ]
    rows.append(("Temperature", f"{card.temperature:.3f}; fitted on {card.temperature_fitted_on}"))
    if card.domain is not None:
        rows.append(
            (
                "Unlike the training data",
                f"compared with {card.domain.patches:,} training patches; beyond the limit: "
                f"{card.domain.share:.0%} of {card.domain.judged_on}",
            )
        )
    lines = ["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)]
    return "\n".join(lines) + "\n"


def _measured(one: Measured) -> str:
    return f"{one.value:.3f} ({interval_text(one.low, one.high)}); {one.method}"
