"""The commands that bring data and train networks."""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Final, TypeVar

from core.command_line import Flat
from training.commands.stopping import say_loading, until_stopped
from training.options import (
    AverageOptions,
    CourseOptions,
    CrossvalOptions,
    CurveOptions,
    DistillOptions,
    FetchOptions,
    FitOptions,
    SearchOptions,
)
from training.recipes.changes import RecipeChanges

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
    from training.search import BY_LUCK, TrialPlan, run_search

    plan = TrialPlan.of(_changed(options, changes))

    def work(should_stop: Callable[[], bool]) -> None:
        study = run_search(plan, should_stop=should_stop)
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
    from training.course.kept import run_course

    changed = replace(options, recipe=changes.applied(options.recipe))
    done = run_course(changed)
    best = done.candidates[done.chosen]
    sys.stdout.write(
        f"Chosen: {done.chosen}, out-of-fold AUROC {best.auroc:.4f}; that of the centre's label in "
        f"foreign surroundings {best.centre:.2f}\n{options.out / 'chosen'}\n"
    )
    return 0
