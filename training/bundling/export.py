"""A finished run as a model bundle: weights, card, golden patches, validation scores."""

import hashlib
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from core import bundle
from core.bundle.bundle import CARD_FILE
from core.engine import TorchEngine
from core.errors import RunError
from core.files import require_writable
from core.scoring import open_classifier
from core.settings import SHIPPED_MODEL
from core.wording import percent
from training.bundling.calibration import Calibration, calibrate, clear_of_rounding, rule_named
from training.bundling.performance import rate_interval, validation_metrics
from training.bundling.validated import Validated, out_of_fold, own_validation
from training.options import ExportOptions
from training.recipes.recipe import recipe_values
from training.runs.config import SetFacts
from training.runs.device import library_versions
from training.runs.folder import CROSSVAL_FILE, ENSEMBLE_FILE, FinishedRun, read_finished

GOLDEN_TOLERANCE_LOGIT: Final = 2e-3
"""Float32 differs by about 1e-4 logits between processors, a wrong model by whole logits."""
LIMITS: Final = (
    "Research only; not a medical device and not for diagnosis.",
    "For H&E patches of lymph node, 96 × 96 px at 0.97 µm per pixel; other sizes, spacings, "
    "organs and stains were not tested.",
    "The score concerns the centre 32 × 32 px only: a patch with tumour only outside it counts as "
    "no tumour.",
    "Slides from other centres, scanners and staining protocols may score differently.",
    "A score for a patch is not a diagnosis of a slide or a patient.",
)


def run_export(options: ExportOptions) -> bundle.Card:
    """Write the bundle of a finished run, check it as the app will, and return its card.

    Raises:
        RunError: The run is not finished or damaged, or the folder is taken.
        NodelensError: The bundle cannot be made, or does not pass its own test.
    """
    to = options.to
    taken = to.exists() and (not to.is_dir() or any(to.iterdir()))
    if taken and not (options.replace and (to / CARD_FILE).is_file()):
        raise RunError(
            f"{to} already exists. Name a new folder, or add --replace if it is a bundle."
        )
    for name, what in ((ENSEMBLE_FILE, "an ensemble"), (CROSSVAL_FILE, "a cross-validation")):
        if (options.run / name).is_file():
            raise RunError(
                f"{options.run} is {what}, but a bundle contains one network. `average` makes one "
                "from runs with the same start; `distill` trains one on the scores of several."
            )
    run = read_finished(options.run)
    require_writable(to.parent)
    part = options.to.with_name(f".{options.to.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        card = _write_bundle(part, options, run)
        open_classifier(part, device="cpu")
        bundle.read_bundle(part)
        if options.to.exists():
            shutil.rmtree(options.to)
        part.rename(options.to)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return card


def _write_bundle(part: Path, options: ExportOptions, run: FinishedRun) -> bundle.Card:
    config, recipe = run.config, run.config.recipe
    engine = TorchEngine(recipe.network, recipe.preprocessing, run.weights, device="cpu")
    golden = bundle.read_bundle(SHIPPED_MODEL).golden_images
    calibrate_from = options.calibrate_from
    shown = out_of_fold(run, calibrate_from) if calibrate_from else own_validation(run)
    scores = shown.logits
    rule = rule_named(options.rule)
    calibration = calibrate(scores.labels, scores.logits, scores.slides, rule, scores.folds)
    card = bundle.Card(
        name=options.name or recipe.name,
        architecture=recipe.network,
        preprocessing=recipe.preprocessing,
        class_order=("no tumour in the centre", "tumour in the centre"),
        temperature=calibration.temperature,
        temperature_fitted_on=calibration.chosen_on if calibration.fitted else "nothing; it is 1",
        operating_point=_operating_point(calibration),
        training=_summary(f"{config.data}, training part", config.train),
        validation=bundle.Validation(
            data=_summary(shown.what, shown.facts),
            metrics=validation_metrics(calibration),
            scores_sha256=bundle.write_validation(
                part,
                ids=scores.ids,
                slides=scores.slides.tolist(),
                labels=scores.labels.tolist(),
                scores=calibration.everything.scores.tolist(),
                folds=None if calibration.folds is None else calibration.folds.tolist(),
            ),
            notes=(*_notes(shown, calibration), *options.note),
        ),
        recipe={**recipe_values(recipe), "run": _run_values(run)},
        initial_weights=bundle.StartingWeights(
            description=config.initial.description,
            source=options.init_source,
            parents=config.initial.parents,
        ),
        created=datetime.now(UTC).replace(microsecond=0),
        versions=library_versions(),
        weights_sha256=bundle.write_weights(part, run.weights),
        golden=bundle.GoldenPatches(
            files=bundle.write_golden(part, golden, engine.logits(golden)),
            tolerance_logit=GOLDEN_TOLERANCE_LOGIT,
        ),
        licence=options.licence,
        limits=LIMITS,
    )
    bundle.write_card(part, card)
    return card


def _operating_point(calibration: Calibration) -> bundle.OperatingPoint:
    chosen, judging = calibration.chosen, calibration.everything
    return bundle.OperatingPoint(
        version=bundle.SHIPPED,
        threshold=clear_of_rounding(chosen.threshold, calibration.everything.scores),
        rule=chosen.description,
        chosen_on=calibration.chosen_on,
        sensitivity=rate_interval(judging, "sensitivity", chosen.threshold),
        specificity=rate_interval(judging, "specificity", chosen.threshold),
    )


def _summary(name: str, facts: SetFacts) -> bundle.DataSummary:
    return bundle.DataSummary(
        name=name,
        patches=facts.patches,
        positives=facts.positives,
        slides=len(facts.slides),
        patches_without_slide=facts.without_slide,
        slides_sha256=tuple(hashlib.sha256(slide.encode()).hexdigest() for slide in facts.slides),
    )


def _notes(shown: Validated, calibration: Calibration) -> tuple[str, ...]:
    rates = "The rates at the shipped threshold are too good on the slides that it was chosen on"
    if (crossfitted := calibration.crossfitted) is not None:
        low, high = min(crossfitted.thresholds), max(crossfitted.thresholds)
        rates += (
            "; the cross-fitted ones do not have this bias. Without one of the folds the same rule "
            f"would have chosen {low:.3f} to {high:.3f}"
        )
    facts = shown.facts
    return (
        f"Validation patches come from {len(facts.slides)} slides or slide groups only.",
        f"{rates}.",
        f"{percent(facts.positives / facts.patches)} of the patches have tumour, by how the set "
        "was made; this is not a clinical prevalence, so predictive values do not carry over.",
        *shown.notes,
        *calibration.notes,
    )


def _run_values(run: FinishedRun) -> dict[str, Any]:
    config = run.config
    return {
        "config_sha256": run.digest,
        "seed": config.seed,
        "split": config.split,
        "pixels_sha256": config.pixels_sha256,
        "initial_sha256": config.initial.sha256,
        "outcome": run.outcome,
        "sittings": run.sittings,
    }
