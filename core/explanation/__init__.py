"""Explanations that cannot fool their reader: raw maps, the centre marked, the centre tested."""

from core.explanation.archive import archive_bytes, picture_name, table_csv
from core.explanation.cam import CamBatch, CamMap, Method, Target, Unit
from core.explanation.centre import CentreMeasures, measure_centre
from core.explanation.distributions import Collected, distribution_table
from core.explanation.donors import choose_donors
from core.explanation.explainer import EXPLAIN_BATCH, Explainer, Explanation
from core.explanation.faithfulness import TwinTest, TwinTester
from core.explanation.fillers import DonorPool, FillerKind, shipped_donors
from core.explanation.layers import Layer
from core.explanation.overlay import (
    OverlayStyle,
    Palette,
    draw_overlay,
    draw_pair,
    draw_patch_box,
    draw_scale_bar,
    own_scale,
    png_bytes,
    shared_scale,
)
from core.explanation.picture import explained_picture
from core.explanation.plain import PlainFacts, Rests, plain_facts
from core.explanation.reliance import (
    CentreReliance,
    CentreTest,
    CentreTestSettings,
    Counterfactual,
    Decisive,
    FillerResult,
)
from core.explanation.rows import EXPLANATION_COLUMNS, ExplanationRow, MapState
from core.explanation.run import Measurement, explain_batch, explain_source
from core.explanation.views import D4Views, score_views

__all__ = [
    "EXPLAIN_BATCH",
    "EXPLANATION_COLUMNS",
    "CamBatch",
    "CamMap",
    "CentreMeasures",
    "CentreReliance",
    "CentreTest",
    "CentreTestSettings",
    "Collected",
    "Counterfactual",
    "D4Views",
    "Decisive",
    "DonorPool",
    "Explainer",
    "Explanation",
    "ExplanationRow",
    "FillerKind",
    "FillerResult",
    "Layer",
    "MapState",
    "Measurement",
    "Method",
    "OverlayStyle",
    "Palette",
    "PlainFacts",
    "Rests",
    "Target",
    "TwinTest",
    "TwinTester",
    "Unit",
    "archive_bytes",
    "choose_donors",
    "distribution_table",
    "draw_overlay",
    "draw_pair",
    "draw_patch_box",
    "draw_scale_bar",
    "explain_batch",
    "explain_source",
    "explained_picture",
    "measure_centre",
    "own_scale",
    "picture_name",
    "plain_facts",
    "png_bytes",
    "score_views",
    "shared_scale",
    "shipped_donors",
    "table_csv",
]
