"""`predict`: a Kaggle submission, `id,label` with probabilities, of a test folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from core.command_line import say
from core.errors import SourceError
from core.files import require_apart
from core.patches import PatchSource, open_source
from core.patches.colours import colour_notes
from core.patches.kaggle import is_kaggle_layout
from core.scoring import write_kaggle
from core.scoring.outputs import ids_in_order, read_scores
from training.bundling.scoring import open_model, score_patches
from training.options import PredictOptions
from training.runs.folder import CROSSVAL_FILE, ENSEMBLE_FILE, folds_of, read_facts

SAMPLE_FILE: Final = "sample_submission.csv"
TEST_FOLDER: Final = "test"


def run_predict(options: PredictOptions) -> int:
    """Write the submission and return how many patches got the share of tumour for want of a score.

    The scores of each model are kept in the folder OUT.scores; killed at any moment, the same
    call goes on from there.

    Raises:
        NodelensError: There is no test folder or no model, or the ids do not match.
    """
    members, tta = _members(options)
    beside = options.data / SAMPLE_FILE
    sample = options.sample_submission or (beside if beside.is_file() else None)
    require_apart((options.out,), (sample, options.data))
    with _test_source(options.data) as source:  # before an hour of scoring
        for note in (*source.remarks, *colour_notes(source)):
            say(f"Note: {note}")
        if sample is not None:
            ids_in_order({entry.id for entry in source.entries}, sample)
    work = options.out.with_name(options.out.name + ".scores")
    tables = []
    shares = []
    for number, member in enumerate(members):
        classifier = open_model(member, options.device)
        training = classifier.bundle.card.training
        shares.append(training.positives / training.patches if training.patches else 0.5)
        tables.append(work / f"{number + 1:02d}-{classifier.model_id}.csv")
        with _test_source(options.data) as source:
            counts = score_patches(
                source, classifier, tables[-1], tta=tta, batch_size=options.batch_size
            )
        if not counts["scored"]:
            raise SourceError(
                f"None of the {sum(counts.values()):,} patches has a score, so no submission was "
                f"written; the column `reason` of {tables[-1]} says why."
            )
    return write_kaggle(
        options.out,
        _means(tables),
        fill=sum(shares) / len(shares),
        sample_submission=sample,
    )


def _members(options: PredictOptions) -> tuple[list[Path], str]:
    if (options.model / CROSSVAL_FILE).is_file():
        return [run.root for run in folds_of(options.model)], options.tta or "none"
    if not (options.model / ENSEMBLE_FILE).is_file():
        return [options.model], options.tta or "none"
    content = read_facts(options.model)
    members = [(options.model / member).resolve() for member in content["members"]]
    return members, options.tta or str(content["tta"])


def _test_source(data: Path) -> PatchSource:
    if not data.is_dir() or not is_kaggle_layout(data):
        return open_source(data)
    if not (data / TEST_FOLDER).is_dir():
        raise SourceError(
            f"{data} has no folder {TEST_FOLDER}/; a submission scores the competition's test "
            "patches. Unpack test/ there, or name the folder of the patches with --data."
        )
    return open_source(data / TEST_FOLDER)


def _means(tables: list[Path]) -> Iterator[tuple[str, float | None]]:
    """Id and mean probability of each patch; None where a model has no score for it."""
    for rows in zip(*map(read_scores, tables), strict=True):
        values = [probability for _, probability in rows]
        known = [value for value in values if value is not None]
        yield rows[0][0], sum(known) / len(known) if len(known) == len(values) else None
