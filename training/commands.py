"""`python -m training`: the commands that bring data, train networks, judge them and use them.

What a command does is imported when it runs, so that --help does not wait for PyTorch.
"""

import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FrameType
from typing import Annotated, Final, TypeVar

from core.command_line import Flat, Program, run_program
from core.wording import percent
from training.options import (
    AverageOptions,
    CourseOptions,
    CrossvalOptions,
    CurveOptions,
    DistillOptions,
    DomainOptions,
    EnsembleOptions,
    EvaluateOptions,
    ExportOptions,
    FetchOptions,
    FitOptions,
    LeaderboardOptions,
    MeasureOptions,
    PredictOptions,
    RecipeChanges,
    SearchOptions,
)

Changes = Annotated[RecipeChanges, Flat]
NO_CHANGES: Final = RecipeChanges()
Trains = TypeVar("Trains", CrossvalOptions, SearchOptions, CurveOptions, DistillOptions)


def _changed(options: Trains, changes: RecipeChanges) -> Trains:
    """Return the options with the recipe as it is to be changed."""
    fit = replace(options.fit, recipe=changes.applied(options.fit.recipe))
    return replace(options, fit=fit)


def fetch(options: Annotated[FetchOptions, Flat]) -> int:
    """Download PCam or the Kaggle data.

    Download a data set from where it is published, check it, and record its SHA-256 in
    fetched.json. pcam: by torchvision, about 8 GB, needs `pip install gdown`. kaggle: by Kaggle's
    own client with your token, once you accepted the competition's rules. Only this command uses
    the network, and fit with --init imagenet or hf-hub:...
    """
    say_loading()
    from training.fetch import next_step, run_fetch

    folder = run_fetch(options)
    sys.stdout.write(next_step(folder) + "\n")
    return 0


def fit(options: Annotated[FitOptions, Flat], *, changes: Changes = NO_CHANGES) -> int:
    """Train a network into a run folder.

    Validate on slides that are not trained on. After a kill, the same command resumes and ends with
    the same weights.
    """
    say_loading()
    from training.fitting import run_fit

    changed = replace(options, recipe=changes.applied(options.recipe))
    return until_stopped(lambda should_stop: run_fit(changed, should_stop=should_stop))


def crossval(
    options: Annotated[CrossvalOptions, Flat],
    *,
    changes: Changes = NO_CHANGES,
) -> int:
    """Train k folds by whole slides and keep every out-of-fold score.

    Train one run per fold (OUT/fold-1, ...), stratified by label and grouped by slide. Write each
    patch's score, from the model that did not see its slide, to OUT/out_of_fold.csv and .parquet
    (id, label, slide, fold, prob_tumour). The data audit's search for label errors and the
    Threshold page read them. Patches of unknown slide train in every fold and are never scored (but
    see --teach-unknown); patches declared as test are left out. After a kill, the same command
    resumes.
    """
    say_loading()
    from training.crossval import run_crossval
    from training.judging.evaluate import shown

    def work(should_stop: Callable[[], bool]) -> None:
        crossval = run_crossval(_changed(options, changes), should_stop=should_stop)
        if crossval is None:
            return
        judged, folds = crossval.judged, crossval.auroc_by_fold
        lines = [
            f"Out-of-fold AUROC {shown(judged.metrics['auroc'], 4)} on {judged.patches:,} patches "
            f"of {judged.slides:,} slides; by fold {min(folds):.4f} to {max(folds):.4f}, mean "
            f"{sum(folds) / len(folds):.4f}",
            *(f"Note: {note}" for note in (*crossval.notes, *judged.notes)),
            str(options.fit.out / "out_of_fold.csv"),
        ]
        sys.stdout.write("\n".join(lines) + "\n")

    return until_stopped(work)


def search(options: Annotated[SearchOptions, Flat], *, changes: Changes = NO_CHANGES) -> int:
    """Try recipes by grid or by TPE (Optuna).

    Vary fields of a recipe and train one run for each trial (OUT/trial-001, ...). The trials stand
    in OUT/search.sqlite (Optuna's storage) and ranked in OUT/search.json; OUT/best.toml is the best
    recipe, for --recipe. Killed at any moment, the same command goes on with the same trials; a
    larger --trials adds to them. The best of many is too good by luck on the patches that chose it:
    judge it on other slides.
    """
    say_loading()
    from training.search import BY_LUCK, run_search

    def work(should_stop: Callable[[], bool]) -> None:
        study = run_search(_changed(options, changes), should_stop=should_stop)
        best = study.best_trial
        settings = ", ".join(f"{name} {value}" for name, value in best.params.items())
        sys.stdout.write(
            f"Best of {len(study.trials)} trials: validation AUC {best.value:.4f} with {settings}."
            f"\nNote: {BY_LUCK}\n{options.fit.out / 'best.toml'}\n"
        )

    return until_stopped(work)


def curve(options: Annotated[CurveOptions, Flat], *, changes: Changes = NO_CHANGES) -> int:
    """Train on more and more patches: would more data help?

    Train one run for each number of training patches, all validated on the same slides, and write
    AUROC with slide intervals to OUT/learning_curve.csv and .html. The patches of a smaller number
    are among those of a larger one; numbers above what there is are left out. The recipe's epochs
    stay, so few patches also mean few steps; the table says how many. Killed at any moment, the
    same command goes on.
    """
    say_loading()
    from training.learning_curve import run_curve

    def work(should_stop: Callable[[], bool]) -> None:
        for point in run_curve(_changed(options, changes), should_stop=should_stop):
            bounds = "" if point.low is None else f" ({point.low:.4f} to {point.high:.4f})"
            sys.stdout.write(f"{point.train_patches:,} patches: AUROC {point.auroc:.4f}{bounds}\n")

    return until_stopped(work)


def average(options: Annotated[AverageOptions, Flat]) -> int:
    """Make one network from the mean weights of several.

    Write a run folder whose weights are the mean of those of finished runs, one of which was
    fine-tuned from the other, or all from the same start; score its validation patches. It costs no
    more to serve than one. `export`, `evaluate` and `leaderboard` take it like any run.
    """
    say_loading()
    from training.average import run_average

    run_average(options)
    return 0


def distill(
    options: Annotated[DistillOptions, Flat],
    *,
    changes: Changes = NO_CHANGES,
) -> int:
    """Train a network on the scores of better ones.

    Collect the teacher's score of every training patch (OUT.teacher/teacher_scores.csv: id,
    prob_tumour) and train with it as `fit` does; --weight says how much it counts beside the
    labels. A cross-validation teaches with its out-of-fold scores, which is best: a model is too
    sure of patches that it trained on. Patches without a teacher's score follow their label alone.
    Killed at any moment, the same command goes on.
    """
    say_loading()
    from training.distill import run_distill

    return until_stopped(
        lambda should_stop: run_distill(_changed(options, changes), should_stop=should_stop)
    )


def course(options: Annotated[CourseOptions, Flat], *, changes: Changes = NO_CHANGES) -> int:
    """Train five folds and a refit side by side, in minutes on a large GPU.

    A trunk at 96 px, branches from it, the mean of their weights, and students that follow the
    branches: each stage for five folds by whole slides and for all patches at once. What is best
    out of fold and heeds the centre lies in OUT/chosen: `export OUT/chosen/refit --to DIR
    --calibrate-from OUT/chosen/folds`. It runs on a CPU too, far slower, and does not go on after a
    stop; what it has kept by then stays.
    """
    say_loading()
    from training.course.course import run_course

    changed = replace(options, recipe=changes.applied(options.recipe))
    done = run_course(changed)
    best = done.candidates[done.chosen]
    sys.stdout.write(
        f"Chosen: {done.chosen}, out-of-fold AUROC {best.auroc:.4f}; that of the centre's label in "
        f"foreign surroundings {best.centre:.2f}\n{options.out / 'chosen'}\n"
    )
    return 0


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
    for point in evaluation.thresholds:
        rates = ", ".join(
            f"{name} {shown(point.metrics[name], 4)}" for name in ("sensitivity", "specificity")
        )
        lines.append(f"{point.name}, threshold {point.threshold:.4f}: {rates}")
    notes = evaluation.notes
    if contest is not None and evaluation.against is not None:
        notes += [*evaluation.against.scores.notes, *contest.notes]
        lines += [
            f"Compared on the {contest.patches:,} patches of {contest.slides:,} known slides that "
            "both scored:",
            *(
                f"{name}, difference from {evaluation.against.name}: {shown(one.difference, 4)}"
                for name, one in contest.metrics.items()
            ),
        ]
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
    judged = measure_performance(subject.scores.evidence)
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
            f"{one.changed_calls} of {one.patches:,} calls; {percent(one.share)} are within that "
            "band."
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
        f"Compared with {reference.patches:,} training patches; {percent(reference.share)} of "
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


STOPPED: Final = 130


def say_loading() -> None:
    """Say that something happens: PyTorch and what goes with it take seconds to load."""
    sys.stderr.write("Loading PyTorch ...\n")
    sys.stderr.flush()


def until_stopped(work: Callable[[Callable[[], bool]], object]) -> int:
    """Do work that asks now and then whether to stop, and return the exit status.

    The first Ctrl-C or SIGTERM asks for a clean stop after the step under way, the second ends at
    once.

    Args:
        work: Called with the question; raises `Stopped` once it has stopped.
    """
    from training.learning.loop import Stopped

    requests: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if requests:
            raise KeyboardInterrupt
        requests.append(number)
        sys.stderr.write("\nStopping after this step ...\n")

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        work(lambda: bool(requests))
    except Stopped:
        sys.stderr.write("Stopped; the same command resumes from here.\n")
        return STOPPED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


PROGRAM: Final = Program(
    "python -m training",
    "Train networks on 96 × 96 lymph-node patches, judge them and export them as bundles. Research "
    "software, not a medical device.",
    (
        fetch,
        fit,
        crossval,
        search,
        curve,
        evaluate,
        ensemble,
        average,
        distill,
        course,
        export,
        measure,
        domain,
        predict,
        leaderboard,
    ),
    stopped="Stopped. The same command goes on from the last checkpoint; `course` begins anew.",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status; errors are sentences, not tracebacks."""
    return run_program(PROGRAM, arguments)
