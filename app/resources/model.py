"""The model, its operating points and its validation scores; keyed by the hash of its card."""

import hashlib
from collections.abc import Hashable
from pathlib import Path

from app.resources.caching import cached_by
from core.bundle import Card, OperatingPoint, read_card, read_validation
from core.bundle.bundle import CARD_FILE
from core.engine import Precision
from core.local import DecisionStore
from core.scoring import Classifier, apply_locked_point, open_classifier
from core.settings import Settings
from core.statistics import Evidence, OperatingTable
from core.thresholds import OperatingPointStore


def _of_model(chosen: Settings) -> Hashable:
    """Return what decides the model: its folder, the content of its card, where and how it runs."""
    try:
        card = hashlib.sha256((chosen.model_dir / CARD_FILE).read_bytes()).hexdigest()
    except OSError:
        card = ""
    return chosen.model_dir, card, chosen.device, chosen.precision


@cached_by(_of_model, spinner="Opening the model and testing it on its golden patches …")
def shipped_classifier(chosen: Settings) -> Classifier:
    """Return the self-tested model at the operating point that it was shipped with.

    Raises:
        NodelensError: There is no usable model; nothing is cached then.
    """
    return open_classifier(
        chosen.model_dir,
        device=chosen.device,
        precision=Precision(chosen.precision),
        graphs=chosen.graphs_dir,
    )


def classifier(chosen: Settings) -> Classifier:
    """Return the model at the operating point in force: shipped, or locked and put in force.

    Raises:
        NodelensError: There is no usable model, or the lock in force was damaged.
    """
    shipped = shipped_classifier(chosen)
    locked = operating_points(chosen).in_force(shipped.bundle.card.weights_sha256)
    return shipped if locked is None else apply_locked_point(shipped, locked)


def card_in_force(chosen: Settings) -> tuple[Card, OperatingPoint]:
    """Return what the model says of itself, unopened, and the operating point in force.

    Raises:
        NodelensError: There is no readable card, or the lock in force was damaged.
    """
    card = read_card(chosen.model_dir)
    locked = operating_points(chosen).in_force(card.weights_sha256)
    return card, card.operating_point if locked is None else locked.operating_point


def operating_points(chosen: Settings) -> OperatingPointStore:
    """Return the store of locked operating points."""
    return OperatingPointStore(chosen.operating_points_dir)


def local_decisions(chosen: Settings) -> DecisionStore:
    """Return the store of decisions on whether the model is used here."""
    return DecisionStore(chosen.local_decisions_dir)


def model_key(classifier: Classifier) -> str:
    """Return what decides scores, calls and maps: model, temperature, operating point, engine."""
    point = classifier.operating_point
    parts = (
        classifier.model_id,
        classifier.bundle.card.weights_sha256,
        repr(classifier.temperature),
        point.model_dump_json(),
        classifier.engine.description,
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@cached_by(lambda folder, card: (folder, card.validation.scores_sha256), entries=4)
def validation_table(folder: Path, card: Card) -> OperatingTable:
    """Return the bundle's validation scores, checked against its card, at every threshold."""
    scores = read_validation(folder, card.validation.scores_sha256)
    return OperatingTable.of(Evidence.of(scores.labels, scores.scores))
