"""`python -m core score`: a source in, one row per input out; killed at any moment, it resumes."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from core.bundle import DataSummary, read_bundle
from core.command_line import Bars, say
from core.engine import EngineKind, Precision
from core.errors import RunError
from core.files import require_apart, require_folder_of, sha256_of
from core.options import MergeOptions, ScoreOptions
from core.patches import PatchSource, open_source
from core.patches.colours import colour_notes
from core.scoring import apply_locked_point
from core.scoring.classifier import Classifier, TestTimeAugmentation, open_classifier
from core.scoring.journal import Journal, RunSpec, read_rows, read_spec
from core.scoring.outputs import (
    OUTPUT_SUFFIXES,
    metadata_path,
    read_digests,
    read_scores,
    write_kaggle,
    write_metadata,
    write_rows,
)
from core.scoring.results import remarks
from core.scoring.rows import ScoreRow
from core.scoring.run import open_journal, run_metadata, run_scoring, specify
from core.scoring.shards import Shard, merge_shards
from core.thresholds import read_locked_point

ALL_SCORED: Final = 0
SOME_NOT_SCORED: Final = 1


def score_command(options: ScoreOptions) -> int:
    """Run the command and return the exit status.

    Raises:
        NodelensError: Wrong usage, no usable model; nothing is written then.
    """
    out = options.out
    if out.suffix not in OUTPUT_SUFFIXES:
        raise RunError(f"Found --out {out.name}; expected a name ending in .csv or .parquet.")
    require_folder_of(out, options.kaggle)
    if options.sample_submission is not None and not options.sample_submission.is_file():
        raise RunError(f"There is no sample submission {options.sample_submission}.")
    require_apart(
        (out, options.kaggle),
        (options.source, options.sample_submission, options.operating_point, options.labels),
    )
    journal_path = _journal_path(out)
    shard = None if options.shard is None else Shard.parse(options.shard)
    if shard is not None and options.kaggle is not None:
        raise RunError("A submission needs every input; merge the shards first, without --kaggle.")
    if options.cluster is not None:
        return _cluster_command(options, options.cluster)
    with opened(options) as whole:
        for note in whole.remarks:
            say(f"Note: {note}")
        whole.require_consistent()
        classifier = chosen_classifier(options)
        batch_size = options.batch_size or classifier.engine.batch_size
        if options.batch_size is None and options.resume and journal_path.exists():
            batch_size = read_spec(journal_path).batch_size
        source = whole if shard is None else shard.of_source(whole, batch_size)
        tta = TestTimeAugmentation(options.tta)
        spec = specify(source, classifier, tta=tta, batch_size=batch_size)
        finished = finished_before(out, spec, source) if options.resume else None
        if finished is None:
            if not options.resume and journal_path.exists():
                say(f"An unfinished run ({journal_path.name}) is started again from the beginning.")
            journal = open_journal(journal_path, spec, source, resume=options.resume)
            of_whole = {} if shard is None else {"shard": shard.facts(whole)}
            counts = score_into(out, source, classifier, journal, of_whole)
            for note in colour_notes(source):
                say(f"Note: {note}")
            say_of_scored(journal_path)
        else:
            say(f"{out.name} is complete already.")
            counts = finished
        if options.kaggle is not None:
            _kaggle(options.kaggle, options, classifier.bundle.card.training)
        journal_path.unlink(missing_ok=True)
    return _say_counts(counts, f"by {classifier.model_id} ({classifier.engine.description}): {out}")


def _cluster_command(options: ScoreOptions, address: str) -> int:
    from core.scoring.cluster import score_on_cluster  # noqa: PLC0415 - an extra

    if options.resume or options.shard is not None:
        raise RunError("--cluster starts a whole run; leave out --resume and --shard.")
    card = read_bundle(options.model).card
    counts = score_on_cluster(options, address)
    if options.kaggle is not None:
        _kaggle(options.kaggle, options, card.training)
    return _say_counts(counts, f"by {card.model_id}: {options.out}")


def opened(options: ScoreOptions) -> PatchSource:
    """Return the source of a run, with its labels; what the run writes is no input."""
    out, given = options.out, options.labels
    own = [out, _journal_path(out), metadata_path(out), *filter(None, [options.kaggle, given])]
    added = [] if given is None else [(given.name, given)]
    return open_source(options.source, ignore=own, added=added, beside=given is None)


def chosen_classifier(options: ScoreOptions) -> Classifier:
    """Return the model that the options name, at the operating point that they name."""
    classifier = open_classifier(
        options.model,
        device=options.device,
        precision=Precision(options.precision),
        engine=EngineKind(options.engine),
    )
    if options.operating_point is None:
        return classifier
    return apply_locked_point(classifier, read_locked_point(options.operating_point))


def _journal_path(out: Path) -> Path:
    return out.with_name(out.name + ".journal")


def merge_command(options: MergeOptions) -> int:
    """Run the command and return the exit status.

    Raises:
        NodelensError: The parts are not all the shards of one run, or cannot be put together
            there.
    """
    require_folder_of(options.out)
    require_apart((options.out,), options.parts)
    return _say_counts(merge_shards(options.parts, options.out), f"together: {options.out}")


def _say_counts(counts: Mapping[str, int], where: str) -> int:
    say(", ".join(f"{count} {status}" for status, count in counts.items()) + f" {where}")
    return ALL_SCORED if counts["scored"] == sum(counts.values()) else SOME_NOT_SCORED


def say_of_scored(journal_path: Path) -> None:
    """Say what is to be thought of patches that were scored, with their number."""
    for note in _remarks(journal_path):
        say(f"Note: {note}")


def _remarks(journal_path: Path) -> Iterator[str]:
    unlike = 0

    def counted() -> Iterator[ScoreRow]:
        nonlocal unlike
        for row in read_rows(journal_path):  # once, and never all at once: there may be 200,000
            unlike += row.unlike_training or 0
            yield row

    yield from remarks(counted())
    if unlike:
        yield (
            f"{unlike:,} patch{'es' if unlike > 1 else ''}: unlike the training data, so the "
            "score means little."
        )


def finished_before(out: Path, spec: RunSpec, source: PatchSource) -> dict[str, int] | None:
    """Return the counts of a finished run of the same on the same, None if there is none.

    Every input is read again: what a file was called says nothing of what is in it now.
    """
    if out.with_name(out.name + ".journal").exists() or not out.is_file():
        return None
    try:
        metadata = json.loads(metadata_path(out).read_text("utf-8"))
        before = RunSpec(**metadata["spec"])
        if spec.differs_from(before) or metadata["output_sha256"] != sha256_of(out):
            return None
        changed = source.first_change(dict(enumerate(read_digests(out))))
        if changed is not None:
            say(f"{source.entries[changed].path} has changed since; all inputs are scored again.")
            return None
        return {str(status): int(count) for status, count in metadata["counts"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def score_into(
    out: Path,
    source: PatchSource,
    classifier: Classifier,
    journal: Journal,
    further: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, int]:
    """Score what the journal lacks, write output and metadata, return the count of each status.

    Args:
        out: A .csv or .parquet file.
        source: The inputs.
        classifier: The model.
        journal: Of this run; it is closed.
        further: What else the metadata say.
    """
    started = datetime.now(UTC)
    clock = time.perf_counter()
    resumed_at = journal.rows_done
    with closing(journal), Bars() as bars:

        def show(_: Sequence[ScoreRow] = ()) -> None:
            bars.show("Scoring", journal.rows_done, len(source), "patch")

        show()
        run_scoring(source, classifier, journal, on_rows=show)
    seconds = time.perf_counter() - clock
    counts = write_rows(out, read_rows(journal.path))
    write_metadata(
        out,
        run_metadata(classifier, journal.spec, counts)
        | dict(further)
        | {
            "started": started.isoformat(),
            "finished": datetime.now(UTC).isoformat(),
            "resumed_at_row": resumed_at,
            "seconds": round(seconds, 3),
            "patches_per_second": round((len(source) - resumed_at) / seconds, 1)
            if seconds
            else None,
        },
    )
    return counts


def _kaggle(file: Path, options: ScoreOptions, training: DataSummary) -> None:
    fill = training.positives / training.patches if training.patches else 0.5
    scores = read_scores(options.out)
    filled = write_kaggle(file, scores, fill=fill, sample_submission=options.sample_submission)
    if filled:
        say(
            f"{filled} inputs without a score got {fill:.3f} in {file.name}, the share of tumour "
            "patches in the training data."
        )
