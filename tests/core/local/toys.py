"""Scored rows of a laboratory that never was."""

import numpy as np

from core.bundle import Card
from core.scoring import ScoreRow
from tests.toys import toy_row


def local_rows(
    card: Card, *, slides: int | None = 12, patches: int = 300, seed: int = 3, unlike: int = 0
) -> list[ScoreRow]:
    """Return labelled rows of a model whose scores tell the classes apart fairly well."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, patches)
    logits = rng.normal(1.8 * (2 * labels - 1), 2.0)
    probabilities = 1 / (1 + np.exp(-logits))
    point = card.operating_point
    return [
        toy_row(
            id=f"p{n:04d}",
            path=f"p{n:04d}.tif",
            sha256=f"{n:064x}",
            label=int(labels[n]),
            prob_tumour=float(probabilities[n]),
            predicted_label=int(probabilities[n] >= point.threshold),
            threshold=point.threshold,
            operating_point=point.name,
            model_id=card.model_id,
            temperature=card.temperature,
            slide=None if slides is None else f"L{n % slides:02d}",
            domain_distance=2.0 if n < unlike else 0.5,
            unlike_training=int(n < unlike),
        )
        for n in range(patches)
    ]
