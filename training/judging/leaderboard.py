"""`leaderboard`: the finished runs of a folder as one table, rebuilt from their own files."""

import json
import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Final

import pandas as pd
import safetensors
from safetensors import SafetensorError

from core.errors import RunError
from core.files import replacing
from training.bundling.performance import measure_performance
from training.judging.subject import open_subject
from training.options import ScoringOptions
from training.runs.folder import (
    CROSSVAL_FILE,
    ENSEMBLE_FILE,
    RecordedRun,
    RunFolder,
    read_config,
    read_facts,
)

BEGIN: Final = "<!-- leaderboard -->"
END: Final = "<!-- /leaderboard -->"
_NOT_LEARNT: Final = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the table.

    Attributes:
        run: Folder, relative to the one that was searched.
        kind: "run", "cross-validation" or "ensemble".
        recipe: Its name; "" for an ensemble.
        init: Where the weights started.
        parameters: Learnt numbers of the network; None where not one network.
        epochs: Trained, of those planned; None where not one run.
        train_patches: Patches that trained; None likewise.
        seed: Of the run; None likewise.
        patches_per_second: Trained, with validation in between, on `device`; None likewise.
        device: Where it was trained last.
        validation_patches: Patches behind the metrics.
        validation_slides: Their known slides, 0 where unknown.
        validation_sha256: Hash of their ids: only rows with the same one can be compared.
        random_split: Patches of one slide trained and validated; the metrics are too good.
        seen_pcam: Its initial weights were trained on PCam or CAMELYON.
        trained_patches: Judged patches of slides that trained a member of an ensemble; above 0 the
            entry is compared with nothing.
        auroc: On the validation patches, with bounds that resample slides.
        auroc_low: None where slides are unknown.
        auroc_high: Likewise.
        average_precision: On the same patches.
        ece: Expected calibration error, temperature applied where the run is calibrated.
    """

    run: str
    kind: str
    recipe: str
    init: str
    parameters: int | None = None
    epochs: int | None = None
    train_patches: int | None = None
    seed: int | None = None
    patches_per_second: float | None = None
    device: str = ""
    validation_patches: int
    validation_slides: int
    validation_sha256: str
    random_split: bool
    seen_pcam: bool = False
    trained_patches: int = 0
    auroc: float
    auroc_low: float | None
    auroc_high: float | None
    average_precision: float
    ece: float

    @property
    def set(self) -> tuple[str, bool]:
        """What it may be compared within: the same patches, of slides that trained nothing."""
        return self.validation_sha256, self.trained_patches > 0


def read_entries(root: Path) -> list[Entry]:
    """Return the finished runs, ensembles and cross-validations below a folder.

    Those judged on the same patches stand together, the largest such set first; within a set the
    highest AUROC comes first. The folds of a cross-validation are no lines of their own.

    Raises:
        RunError: There is no folder, or nothing finished in it.
    """
    if not root.is_dir():
        raise RunError(f"There is no folder {root}. Name the folder with the runs.")
    entries = [_entry(root, folder) for folder in _finished(root)]
    if not entries:
        raise RunError(
            f"Found no finished run below {root}; expected folders made by `python -m training "
            "fit`, `crossval` or `ensemble`. Finish one first."
        )
    size = Counter(entry.set for entry in entries)
    return sorted(
        entries, key=lambda e: (e.trained_patches > 0, -size[e.set], e.set, -e.auroc, e.run)
    )


def _finished(root: Path) -> list[Path]:
    folders = []
    for folder, below, names in os.walk(root):
        path = Path(folder)
        single = RunFolder(path)
        whole = {CROSSVAL_FILE, ENSEMBLE_FILE} & set(names)
        if whole or single.config.name in names:
            below.clear()  # folds and members are part of what holds them
            # A run in which every patch trained has no scores to be listed by.
            if whole or {single.outcome.name, single.scores.name} <= set(names):
                folders.append(path)
    return sorted(folders)


def _entry(root: Path, folder: Path) -> Entry:
    name = folder.relative_to(root).as_posix()
    subject = open_subject(folder, ScoringOptions(), folder)
    judged = measure_performance(subject.scores.evidence)
    ranking = judged.metrics["auroc"]
    crossval = (folder / CROSSVAL_FILE).is_file()
    of_several = crossval or (folder / ENSEMBLE_FILE).is_file()
    recorded = None if of_several else read_config(RunFolder(folder))
    facts = read_facts(folder) if recorded is None else {}
    entry = Entry(
        run=folder.name if name == "." else name,
        kind="cross-validation" if crossval else "ensemble",
        recipe=str(facts.get("recipe", "")),
        init=_short(str(facts.get("init", ""))),
        seed=facts.get("seed"),
        validation_patches=judged.patches,
        validation_slides=judged.slides,
        validation_sha256=str(facts.get("ids_sha256", subject.scores.sha256)),
        random_split=bool(facts.get("random_split", False)),
        trained_patches=subject.trained_patches,
        auroc=ranking.value,
        auroc_low=ranking.low if ranking.has_interval else None,
        auroc_high=ranking.high if ranking.has_interval else None,
        average_precision=judged.metrics["average_precision"].value,
        ece=judged.metrics["ece"].value,
    )
    return entry if recorded is None else _of_run(entry, RunFolder(folder), recorded)


def _of_run(entry: Entry, folder: RunFolder, recorded: RecordedRun) -> Entry:
    config = recorded.config
    outcome = json.loads(folder.outcome.read_text("utf-8"))
    epochs = int(outcome["epochs"])
    batch = config.recipe.batch_size
    patches = config.train.patches
    per_epoch = min(patches, max(1, patches // batch) * batch)
    seconds = float(outcome["training_seconds"])
    return replace(
        entry,
        kind="run",
        recipe=config.recipe.name,
        init="mean of the weights" if "mean_of" in outcome else _short(config.initial.description),
        parameters=count_parameters(folder.best),
        epochs=epochs,
        train_patches=patches,
        seed=config.seed,
        patches_per_second=round(epochs * per_epoch / seconds, 1) if seconds else None,
        device=str(recorded.sittings[-1].get("device", "")) if recorded.sittings else "",
        validation_sha256=config.val.ids_sha256,
        random_split=config.at_random or bool({*config.train.slides} & {*config.val.slides}),
        seen_pcam=config.initial.has_seen_pcam,
    )


def count_parameters(weights: Path) -> int | None:
    """Return how many numbers of a safetensors file were learnt, reading its header only."""
    try:
        with safetensors.safe_open(weights, framework="pt") as file:
            shapes: list[list[int]] = [
                file.get_slice(name).get_shape()
                for name in file.keys()  # noqa: SIM118 - no dict
                if not name.endswith(_NOT_LEARNT)
            ]
    except (OSError, SafetensorError):
        return None
    return sum(math.prod(shape) for shape in shapes)


def _short(description: str) -> str:
    """Return the first part of a description."""
    return description.split(",", maxsplit=1)[0]


def markdown_table(entries: Sequence[Entry]) -> str:
    """Return the table with its notes, one set of validation patches after the other."""
    sets = list(dict.fromkeys(entry.set for entry in entries))
    lines = []
    for one in sets:
        rows = [entry for entry in entries if entry.set == one]
        first = rows[0]
        slides = (
            f"{first.validation_slides:,} slides" if first.validation_slides else ("slides unknown")
        )
        lines += [
            f"Judged on {first.validation_patches:,} patches, {slides}"
            + (
                ", on which members were trained: these numbers are too good to be compared:"
                if first.trained_patches
                else ":"
            ),
            "",
            "| run | recipe | start | parameters | epochs | train patches | AUROC (95 %, slides) "
            "| AP | ECE | patches/s |",
            "|---|---|---|--:|--:|--:|---|--:|--:|--:|",
            *map(_row, rows),
            "",
        ]
    lines.append(
        "Generated by `python -m training leaderboard`. AUROC, average precision (AP) and expected "
        "calibration error (ECE) are of the epoch that validated best, so slightly too good. "
        "Patches/s is training with validation in between, on the machine named in the CSV."
    )
    if len(sets) > 1:
        lines.append("Only rows of one table were judged on the same patches.")
    if any(entry.seen_pcam for entry in entries):
        lines.append(
            "‡ Started from weights that were trained on PCam or CAMELYON: they may have seen "
            "these slides, so the scores may be too good."
        )
    if any(entry.random_split for entry in entries):
        lines.append(
            "† Split at random: patches of one slide trained and validated, so these scores are "
            "too good."
        )
    return "\n".join(lines) + "\n"


def _row(entry: Entry) -> str:
    bounds = (
        ""
        if entry.auroc_low is None or entry.auroc_high is None
        else f" ({entry.auroc_low:.3f} to {entry.auroc_high:.3f})"
    )
    cells = (
        entry.run + (" †" if entry.random_split else ""),
        entry.recipe or entry.kind,
        entry.init + (" ‡" if entry.seen_pcam else ""),
        "" if entry.parameters is None else f"{entry.parameters / 1e6:.2f} M",
        _whole(entry.epochs),
        _whole(entry.train_patches),
        f"{entry.auroc:.4f}{bounds}",
        f"{entry.average_precision:.4f}",
        f"{entry.ece:.3f}",
        _whole(entry.patches_per_second),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _whole(number: float | None) -> str:
    return "" if number is None else f"{number:,.0f}"


def put_between_markers(path: Path, table: str) -> bool:
    """Put the table between the markers of a Markdown file and return whether it changed.

    A file that is not there is made, with the markers.

    Raises:
        RunError: The file has no markers, or they are out of order.
    """
    before = path.read_text("utf-8") if path.is_file() else f"{BEGIN}\n{END}\n"
    start, end = before.find(BEGIN), before.find(END)
    if not 0 <= start < end or before.count(BEGIN) != 1 or before.count(END) != 1:
        raise RunError(
            f"{path} lacks the lines {BEGIN} and {END}, once each, in this order. Put them where "
            "the table belongs."
        )
    after = before[: start + len(BEGIN)] + "\n" + table + before[end:]
    if path.is_file() and after == before:
        return False
    with replacing(path) as file:
        file.write_text(after, "utf-8")
    return True


def write_entries(path: Path, entries: Sequence[Entry]) -> None:
    """Write the entries as .csv or .json, with every column.

    Raises:
        RunError: The name ends otherwise.
    """
    rows = [asdict(entry) for entry in entries]
    if path.suffix == ".json":
        text = json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
    elif path.suffix == ".csv":
        table = pd.DataFrame(rows, columns=[field.name for field in fields(Entry)], dtype=object)
        text = table.to_csv(index=False, lineterminator="\n")
    else:
        raise RunError(f"Found {path.name}; expected a name ending in .csv or .json.")
    with replacing(path) as file:
        file.write_text(text, "utf-8")
