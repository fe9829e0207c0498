import numpy as np

from app import charts
from app.charts import LIGHT
from app.charts import audit as audit_charts
from app.charts.audit import class_bars


def test_the_scatter_has_every_patch_once_whatever_colours_it() -> None:
    rows = np.arange(60)
    x, y = np.random.default_rng(0).normal(size=(2, 60))
    labels = np.array(["tumour", "no tumour", "unknown"] * 20, object)
    slides = np.array([f"s{row % 11}" for row in rows], object)
    for groups in (labels, slides):
        figure = audit_charts.patch_scatter(x, y, rows, groups, titles=("", ""), colours=LIGHT)
        drawn = np.concatenate([trace.customdata for trace in figure.data])
        assert sorted(drawn) == list(rows)


def test_shares_stand_on_bars_as_everywhere_else() -> None:
    figure = class_bars({"no tumour": 32, "tumour": 28, "unknown": 0}, colours=charts.LIGHT)
    assert list(figure.data[0].text) == ["32 (53\u00a0%)", "28 (47\u00a0%)"]
