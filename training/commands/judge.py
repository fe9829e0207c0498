"""The commands that judge networks, and put them to use."""

import sys
from typing import Annotated

from core.command_line import Flat
from training.commands.stopping import say_loading
from training.options import (
    DomainOptions,
    EnsembleOptions,
    EvaluateOptions,
    ExportOptions,
    LeaderboardOptions,
    MeasureOptions,
    PredictOptions,
)


def evaluate(options: Annotated[EvaluateOptions, Flat]) -> int:
    """Judge a model or a table of scores, alone or against another.

    Write every metric with an interval that resamples slides to OUT/evaluation.json, and curves and
    tables to OUT/evaluation.html. WHAT is a bundle, a run folder, an ensemble, a cross-validation,
    or a .csv or .parquet file with the columns id, label, score or prob_tumour, and slide where
    known. Without --data, the scores in WHAT are judged. With it, a model scores that data (after a
    kill, it resumes), and a table takes its labels and slides from it.
    """
    say_loading()
    from training.judging.evaluate import run_evaluate, shown

    evaluation = run_evaluate(options)
    performance, contest = evaluation.performance, evaluation.contest
    lines = [
        f"{evaluation.subject.name}: {performance.patches:,} patches, {performance.positives:,} "
        f"with tumour, {performance.slides:,} slides"
    ]
    lines += [f"{name}: {shown(one, 4)}" for name, one in performance.metrics.items()]
    for point in performance.points:
        rates = ", ".join(
            f"{name} {shown(point.metrics[name], 4)}" for name in ("sensitivity", "specificity")
        )
        lines.append(f"{point.name}, threshold {point.threshold:.4f}: {rates}")
    if contest is not None and evaluation.against is not None:
        lines += [
            f"Compared on the {contest.patches:,} patches of {contest.slides:,} known slides that "
            "both scored:",
            *(
                f"{name}, difference from {evaluation.against.name}: {shown(one.difference, 4)}"
                for name, one in contest.metrics.items()
            ),
        ]
    notes = [*evaluation.subject.scores.notes, *performance.notes]
    if contest is not None and evaluation.against is not None:
        notes += [*evaluation.against.scores.notes, *contest.notes]
    lines += [f"Note: {note}" for note in dict.fromkeys(notes)]
    sys.stdout.write("\n".join(lines) + f"\n{options.out / 'evaluation.html'}\n")
    return 0


def ensemble(options: Annotated[EnsembleOptions, Flat]) -> int:
    """Average several models.

    Write the plain mean of the models' calibrated probabilities to OUT/scores.csv and their names
    to OUT/ensemble.json. `evaluate`, `predict`, `distill` and `leaderboard` take OUT like a model.
    Without --data the models' own validation scores are averaged; they must be of the same
    patches.
    """
    say_loading()
    from training.average import run_ensemble
    from training.bundling.performance import measure_performance
    from training.judging.evaluate import shown

    subject = run_ensemble(options)
    judged = measure_performance(subject.scores.evidence, ())
    lines = [
        f"Mean of {len(options.models)} models: AUROC {shown(judged.metrics['auroc'], 4)} on "
        f"{judged.patches:,} patches.",
        *(f"Note: {note}" for note in dict.fromkeys((*subject.scores.notes, *judged.notes))),
        f"Next: python -m training evaluate {options.out} --out DIR",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def measure(options: Annotated[MeasureOptions, Flat]) -> int:
    """Measure what eight orientations and 16-bit arithmetic change, and write it to the card.

    The app then scores eight orientations where they can change a call, and says what the fast
    precision costs. Weights and scores of the bundle do not change.
    """
    say_loading()
    from training.bundling.serving import run_measure

    card = run_measure(options)
    lines = []
    if card.orientations is not None:
        one = card.orientations
        lines.append(
            f"Eight orientations move a logit by up to {one.band_logit:.3f} and change "
            f"{one.changed_calls} of {one.patches:,} calls; {one.share:.1%} are within that band."
        )
    if card.fast is not None:
        fast = card.fast
        lines.append(
            f"{fast.arithmetic} changes {fast.changed_calls} of {fast.patches:,} calls, the AUROC "
            f"by {fast.auroc_difference:+.5f}, a logit by up to "
            f"{fast.largest_difference_logit:.3f}."
        )
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def domain(options: Annotated[DomainOptions, Flat]) -> int:
    """Let a bundle recognise patches unlike its training data, and write that to its card.

    Weights and scores of the bundle do not change; its rows get an added distance.
    """
    say_loading()
    from training.bundling.domain import run_domain

    reference = run_domain(options)
    sys.stdout.write(
        f"Compared with {reference.patches:,} training patches; {reference.share:.1%} of "
        f"{reference.judged_on} are beyond the limit.\n"
    )
    return 0


def export(options: Annotated[ExportOptions, Flat]) -> int:
    """Make a model bundle of a finished run.

    Fit the temperature on the validation slides, choose the threshold by --rule, judge both on
    slides that had no part in them (cross-fitted), and write weights, card, golden patches and
    validation scores. A run of `fit --all-slides` has no validation scores and takes those of
    --calibrate-from.
    """
    say_loading()
    from training.bundling.export import run_export

    card = run_export(options)
    lines = [
        f"{card.model_id} in {options.to}: temperature {card.temperature:.3f}, threshold "
        f"{card.operating_point.threshold:.4f}. {card.operating_point.rule}"
    ]
    lines += [
        f"{name}: {interval.value:.4f} ({interval.low:.4f} to {interval.high:.4f}; "
        f"{interval.method})"
        for name, interval in card.validation.metrics.items()
    ]
    lines += [f"Note: {note}" for note in card.validation.notes]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def predict(options: Annotated[PredictOptions, Flat]) -> int:
    """Write a Kaggle submission.

    Score the test folder and write `id,label` with probabilities. The rows of every model are kept
    in OUT.scores/, so the same command resumes after a kill. A patch that cannot be scored gets the
    share of tumour in the training data, because a submission must be complete.
    """
    say_loading()
    from training.predict import run_predict

    filled = run_predict(options)
    if filled:
        sys.stderr.write(f"{filled:,} patches have no score and got the share of tumour.\n")
    sys.stdout.write(f"{options.out}\n")
    return 0


def leaderboard(options: Annotated[LeaderboardOptions, Flat]) -> int:
    """Make one table of all finished runs.

    Rebuild a Markdown table from the run folders, ensembles and cross-validations below RUNS, best
    first among those judged on the same patches. Without --to, --csv or --json the table goes to
    standard output. The same folders give the same bytes.
    """
    say_loading()
    from training.judging.leaderboard import (
        markdown_table,
        put_between_markers,
        read_entries,
        write_entries,
    )

    entries = read_entries(options.runs)
    table = markdown_table(entries)
    for path in filter(None, (options.csv, options.json)):
        write_entries(path, entries)
    if options.to is not None:
        changed = put_between_markers(options.to, table)
        sys.stderr.write(f"{len(entries)} lines, {options.to} {'' if changed else 'un'}changed.\n")
    if not any((options.to, options.csv, options.json)):
        sys.stdout.write(table)
    return 0
