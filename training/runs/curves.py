"""The curves of a run as one HTML file that needs no network."""

from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go
from plotly.subplots import make_subplots
from sklearn.metrics import precision_recall_curve, roc_curve

from core.files import replacing
from core.pages import dressed, figures_page
from core.tables import read_table
from training.runs.history import EpochRecord

_GREY = {"color": "#9a9a9a", "dash": "dot"}


def write_curves(path: Path, history: Sequence[EpochRecord], scores: Path) -> None:
    """Write learning, ROC and precision-recall curves.

    Args:
        path: The HTML file; the drawing library is inside.
        history: Finished epochs.
        scores: The run's validation_scores.csv.
    """
    with replacing(path) as file:
        figures = {"curves": run_figure(history, scores)}
        file.write_text(figures_page("Curves of the run", figures), "utf-8")


def run_figure(history: Sequence[EpochRecord], scores: Path) -> go.Figure:
    """Return the four panels: loss, AUC by epoch, ROC, precision-recall."""
    table = read_table(scores, required=["label", "logit"]).rows
    labels, logits = table["label"].astype(int), table["logit"].astype(float)
    fpr, tpr, _ = roc_curve(labels, logits)
    precision, recall, _ = precision_recall_curve(labels, logits)
    epochs = [record.epoch + 1 for record in history]
    figure = make_subplots(
        rows=2,
        cols=2,
        subplot_titles=(
            "Loss (nats)",
            "Validation AUC",
            "ROC on validation, best epoch",
            "Precision and recall on validation, best epoch",
        ),
    )

    def draw(name: str, x: Sequence[float], y: Sequence[float], row: int, column: int) -> None:
        figure.add_trace(go.Scatter(x=x, y=y, name=name, mode="lines"), row=row, col=column)

    draw("train (augmented)", epochs, [r.train_loss for r in history], 1, 1)
    draw("validation, raw", epochs, [r.raw_loss for r in history], 1, 1)
    draw("validation, averaged", epochs, [r.ema_loss for r in history], 1, 1)
    draw("raw weights", epochs, [r.raw_auc for r in history], 1, 2)
    draw("averaged weights", epochs, [r.ema_auc for r in history], 1, 2)
    draw("ROC", fpr, tpr, 2, 1)
    draw("precision", recall, precision, 2, 2)
    figure.add_trace(go.Scatter(x=[0, 1], y=[0, 1], line=_GREY, name="chance"), row=2, col=1)
    figure.update_xaxes(title_text="epoch", row=1)
    figure.update_xaxes(title_text="1 - specificity", row=2, col=1)
    figure.update_yaxes(title_text="sensitivity", row=2, col=1)
    figure.update_xaxes(title_text="recall", row=2, col=2)
    figure.update_yaxes(title_text="precision", row=2, col=2)
    return dressed(figure, 800)
