"""Patches scored by a bundle or a run: the app's own engine, resumable, with bounded memory."""

import sys
import tempfile
from pathlib import Path
from typing import Final

from core.bundle.bundle import CARD_FILE
from core.errors import RunError, SourceError
from core.patches import PatchSource, SelectedSource
from core.scoring import Classifier, TestTimeAugmentation, open_classifier, open_journal, specify
from core.scoring.command import finished_before, say_of_scored, score_into
from core.tables import split_name
from training.bundling.export import run_export
from training.data.labelled import open_labelled
from training.data.split import VAL_NAME
from training.options import ExportOptions
from training.runs.folder import RunFolder

ALL: Final = "all"


def labelled_source(data: Path, split: str = "") -> SelectedSource:
    """Return the labelled patches of a data set, for judging a model.

    Args:
        data: Kaggle's layout, PCam's, or a .csv with `path` and `label`.
        split: Which part; "" means what the data declare as validation, else every labelled
            patch; "all" means every one.

    Raises:
        SourceError: There is no labelled patch in that part.
    """
    source = open_labelled(data)
    source.require_consistent()
    labelled = [row for row, entry in enumerate(source.entries) if entry.label is not None]
    rows = labelled
    if split != ALL:
        name = split_name(split) or VAL_NAME
        rows = [row for row in labelled if split_name(source.entries[row].split or "") == name]
        if not rows and split == "":
            rows = labelled
    if not rows:
        known = sorted({source.entries[row].split or "no name" for row in labelled})
        source.close()
        raise SourceError(
            f"Found no labelled patch of split {split!r} in {data.name}; "
            + (f"it has {', '.join(known)}. " if known else "it has no labels at all. ")
            + "Name one of its splits with --split, or give a folder with train_labels.csv."
        )
    selection = SelectedSource(source, rows)
    if split == "" and len(rows) < len(labelled):
        selection.notes += (
            f"Judged: the declared validation part, {len(rows):,} of {len(labelled):,} labelled "
            "patches.",
        )
    return selection


def open_model(folder: Path, device: str) -> Classifier:
    """Return the self-tested model of a bundle, or of a finished run as it would be exported.

    Raises:
        NodelensError: It is neither, or does not reproduce its golden scores.
    """
    if (folder / CARD_FILE).is_file():
        return open_classifier(folder, device=device)
    if not (config := RunFolder(folder).config).is_file():
        raise RunError(
            f"{folder} is not a model: expected a bundle (with {CARD_FILE}) or the folder of a "
            f"finished run (with {config.name}). Check the path."
        )
    with tempfile.TemporaryDirectory() as temporary:
        bundle = Path(temporary) / "model"
        run_export(ExportOptions(folder, to=bundle))
        return open_classifier(bundle, device=device)


def score_patches(
    source: PatchSource,
    classifier: Classifier,
    out: Path,
    *,
    tta: str = "none",
    batch_size: int | None = None,
) -> dict[str, int]:
    """Score a source into a CSV or Parquet file and return the count of each status.

    Killed at any moment, the same call goes on and ends with the same bytes; once finished, it
    does nothing.

    Args:
        source: The inputs.
        classifier: The model.
        out: A .csv or .parquet file; the journal of a run under way stands beside it.
        tta: "none" or "d4".
        batch_size: Inputs per pass; None means 32.

    Raises:
        RunError: Another run stands unfinished there.
    """
    if batch_size is not None and batch_size < 1:
        raise RunError(f"Found --batch-size {batch_size}; expected 1 or more.")
    spec = specify(
        source,
        classifier,
        tta=TestTimeAugmentation(tta),
        batch_size=batch_size or classifier.engine.batch_size,
    )
    finished = finished_before(out, spec, source)
    if finished is not None:
        return finished
    out.parent.mkdir(parents=True, exist_ok=True)
    journal_path = out.with_name(out.name + ".journal")
    journal = open_journal(journal_path, spec, source, resume=True)
    counts = score_into(out, source, classifier, journal)
    say_of_scored(journal_path)
    journal_path.unlink()
    left_out = {name: count for name, count in counts.items() if name != "scored" and count}
    if left_out:
        counts_text = ", ".join(f"{count:,} {name}" for name, count in left_out.items())
        sys.stderr.write(f"{counts_text}: no score; the column `reason` of {out} says why.\n")
    return counts
