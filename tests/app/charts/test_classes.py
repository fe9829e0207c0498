from app import charts
from app.charts.audit import class_bars


def test_shares_stand_on_bars_as_everywhere_else() -> None:
    figure = class_bars({"no tumour": 32, "tumour": 28, "unknown": 0}, colours=charts.LIGHT)
    assert list(figure.data[0].text) == ["32 (53\u00a0%)", "28 (47\u00a0%)"]
