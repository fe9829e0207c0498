"""What a run wrote of each epoch: `metrics.csv`, and its curves as HTML that needs no network."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots
from sklearn.metrics import precision_recall_curve, roc_curve

from core.files import replacing
from core.pages import dressed, figures_page
from core.tables import read_table


@dataclass(frozen=True)
class EpochRecord:
    """What an epoch cost and brought.

    Attributes:
        epoch: From 0.
        learning_rate: At its last step.
        train_loss: Mean over its steps, with smoothing, class weights and augmentation.
        raw_auc: Validation AUC of the weights as they are.
        raw_ap: Their average precision.
        raw_loss: Their cross-entropy on plain labels, in nats.
        ema_auc: Validation AUC of the averaged weights, which decides.
        ema_ap: Likewise.
        ema_loss: Likewise.
        seconds: Spent on training and validating it, in all sittings.
        ema_accuracy: At a probability of 0.5; NaN in runs from before it was noted, as all of
            these are where nothing validates.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    raw_auc: float
    raw_ap: float
    raw_loss: float
    ema_auc: float
    ema_ap: float
    ema_loss: float
    seconds: float
    ema_accuracy: float = math.nan

    @property
    def merit(self) -> float:
        """What the best epoch has most of: its AUC, or its number where nothing validates."""
        return self.ema_auc if math.isfinite(self.ema_auc) else float(self.epoch)

    @property
    def summary(self) -> str:
        """The epoch in a line."""
        if not math.isfinite(self.ema_auc):
            return f"train loss {self.train_loss:.4f}, {self.seconds:.0f} s"
        return (
            f"train loss {self.train_loss:.4f}, validation AUC {self.ema_auc:.4f} "
            f"(raw weights {self.raw_auc:.4f}), AP {self.ema_ap:.4f}, loss {self.ema_loss:.4f}, "
            f"{self.seconds:.0f} s"
        )


def write_metrics(path: Path, history: Sequence[EpochRecord]) -> None:
    """Write the history as CSV, whole or not at all."""
    columns = [field.name for field in fields(EpochRecord)]
    table = pd.DataFrame([asdict(record) for record in history], columns=columns)
    with replacing(path) as file:
        table.to_csv(file, index=False, lineterminator="\n")


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
