"""What each command of `python -m training` is asked to do; the fields are its options.

Nothing here loads pandas or PyTorch, so that --help does not wait for them.
"""

from dataclasses import KW_ONLY, dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from cyclopts import Parameter, Token

from core.command_line import Flat, Internal, Whole, device, no_flag
from core.errors import RunError
from core.settings import Device
from training.recipes.recipe import (
    Choice,
    Recipe,
    load_recipe,
    recipe_names,
    value_of,
    vary_recipe,
)

DEFAULT_RECIPE: Final = "ours_lite0"
COURSE_RECIPE: Final = "ours_lite0_course"
Orientations = Literal["none", "d4"]


def _named_recipe(_: object, tokens: tuple[Token, ...]) -> Recipe:
    return load_recipe(tokens[0].value)


@cache
def _default_recipe(name: str = DEFAULT_RECIPE) -> Recipe:
    return load_recipe(name)


NamedRecipe = Annotated[
    Recipe,
    Parameter(
        converter=_named_recipe,
        accepts_keys=False,
        n_tokens=1,
        show_default=False,
        help=f"{', '.join(recipe_names())}, or a .toml file (default: {DEFAULT_RECIPE}; course: "
        f"{COURSE_RECIPE}).",
    ),
]
InstalledDevice = Annotated[Device, Parameter(show_default=False)]


@dataclass(frozen=True)
class Fold:
    """One part of a k-fold cross-validation.

    Attributes:
        number: From 0; this part validates, the others train.
        of: How many parts, 2 or more.
    """

    number: int
    of: int

    def __post_init__(self) -> None:
        if self.of < 2 or not 0 <= self.number < self.of:
            raise RunError(
                f"Found fold {self.number + 1} of {self.of}; expected 2 or more folds, and one of "
                "them."
            )


@dataclass(frozen=True, kw_only=True)
class MachineOptions:
    """Where to compute, and where decoded patches are kept.

    Attributes:
        device: Where to compute (default: NODELENS_DEVICE, else a GPU where PyTorch finds one).
        threads: CPU threads (default: PyTorch's own choice).
        cache: Folder for decoded patches, 27 kB each (default: in the output folder).
    """

    device: InstalledDevice = field(default_factory=device)
    threads: Whole | None = None
    cache: Path | None = None


@dataclass(frozen=True, kw_only=True)
class RunOptions(MachineOptions):
    """What every run is asked: recipe, start, seed, checkpoints.

    Attributes:
        recipe: How to train.
        init: Initial weights: a .safetensors file in timm's naming, imagenet (from timm's hub),
            hf-hub:OWNER/NAME (safetensors of a timm network) or none (random); default: the
            recipe's.
        accept_licence: Take weights from a hub whose licence is not permissive.
        seed: Random seed for order, augmentation, dropout, initial weights and split.
        checkpoint_minutes: Minutes between checkpoints, at most: what a kill can cost.
        checkpoint_steps: Steps between checkpoints, at most.
        deterministic: Fail rather than run an operation that is not repeatable on this device;
            slower on a GPU.
        tensorboard: Write no TensorBoard event files.
    """

    recipe: NamedRecipe = field(default_factory=_default_recipe)
    init: str = ""
    accept_licence: bool = False
    seed: Whole = 0
    checkpoint_minutes: float = 2.0
    checkpoint_steps: Whole | None = None
    deterministic: bool = False
    tensorboard: Annotated[bool, no_flag("--no-tensorboard")] = True

    def __post_init__(self) -> None:
        require_seed(self.seed)
        steps = 1 if self.checkpoint_steps is None else self.checkpoint_steps
        if not self.checkpoint_minutes > 0 or steps < 1:
            raise RunError("Found a checkpoint interval of 0 or less; expected more than 0.")


@dataclass(frozen=True, kw_only=True)
class RecipeChanges:
    """What a command changes of its recipe.

    Attributes:
        set: Change a field of the recipe, as FIELD=VALUE, such as augmentation.zoom=0.1; may be
            given again.
        epochs: Epochs (default: the recipe's); phases share them in proportion.
        lr: Learning rate (default: the recipe's); those of phases change in proportion.
        batch_size: Patches a step (default: the recipe's).
        model: Train this network of timm's with the recipe, instead of its own.
    """

    set: tuple[str, ...] = ()
    epochs: Whole | None = None
    lr: float | None = None
    batch_size: Whole | None = None
    model: str | None = None

    def applied(self, recipe: Recipe) -> Recipe:
        """Return the recipe with the changes.

        Raises:
            RunError: There is no such field, or its value is out of range.
        """
        changes: dict[str, Any] = dict(map(_setting, self.set))
        if self.model is not None:
            changes |= {"network.name": self.model, "network.arguments": {}}
            changes |= {"network.centre_stream": None}
        shortcuts = {
            "schedule.epochs": self.epochs,
            "schedule.learning_rate": self.lr,
            "batch_size": self.batch_size,
        }
        changes |= {path: value for path, value in shortcuts.items() if value is not None}
        return vary_recipe(recipe, changes) if changes else recipe


def _setting(text: str) -> tuple[str, Choice]:
    path, equals, value = text.partition("=")
    if not (path and equals):
        raise RunError(
            f"Found --set {text}; expected FIELD=VALUE, such as schedule.learning_rate=1e-4."
        )
    return path, value_of(value)


@dataclass(frozen=True, kw_only=True)
class FitOptions(RunOptions):
    """What `fit`, and every run of a command that trains with labels, is asked to do.

    Attributes:
        data: Kaggle's layout (train/, train_labels.csv; optionally patch_id_wsi.csv and split.csv),
            PCam's .h5 files, or a .csv with the columns path and label, optionally slide and split.
        out: Folder for the results; a run that stopped there resumes.
        random_split: Split regardless of slides; validation scores are then too good.
        all_slides: Train on every patch not declared as test, for all epochs of the recipe, without
            validation. For its card, name a cross-validation with `export --calibrate-from`.
        val_share: Share of the patches of known slide to validate on if no split is given.
        train_patches: Train on only this many patches; a smaller set is always part of a larger
            one.
        teacher_scores: CSV or Parquet with `id` and `prob_tumour` of the training patches, which
            the recipe's distillation follows.
        fold: Part of a cross-validation that validates; None means one split.
        teach_unknown: Leave a fold's share of the patches of unknown slide out of training, and
            score them for a student.
    """

    data: Path
    out: Path
    random_split: bool = False
    all_slides: bool = False
    val_share: float = 0.1
    train_patches: Whole | None = None
    teacher_scores: Annotated[Path | None, Internal] = None
    fold: Annotated[Fold | None, Internal] = None
    teach_unknown: Annotated[bool, Internal] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.teacher_scores is None) != (self.recipe.distillation.weight == 0):
            raise RunError(
                f"Found distillation.weight = {self.recipe.distillation.weight:g} in the recipe "
                f"and {'no' if self.teacher_scores is None else 'a'} teacher's scores; expected "
                "both or neither. Set a weight above 0 and name the scores, or leave both out."
            )
        if not 0 < self.val_share <= 0.5:
            raise RunError(f"Found --val-share {self.val_share:g}; expected above 0, up to 0.5.")
        if self.all_slides and (self.random_split or self.fold or self.train_patches):
            raise RunError(
                "Found --all-slides beside --random-split, --train-patches or folds; expected it "
                "alone, because no patch is left to validate on. Leave one out."
            )
        if self.all_slides and self.recipe.schedule.shape == "plateau":
            raise RunError(
                f"The recipe {self.recipe.name!r} lowers its rate where validation stops "
                "improving, and with --all-slides nothing validates. Add --set "
                "schedule.shape=cosine."
            )


@dataclass(frozen=True, kw_only=True)
class CrossvalOptions:
    """What `crossval` is asked to do.

    Attributes:
        fit: How each fold is trained; `out` is the folder that holds the folds.
        folds: Number of folds, 2 or more.
        fold: Train only this fold (from 1), so that several machines can share the work. Then run
            the command without it to gather the folds.
        teach_unknown: Also put patches of unknown slide into random folds, so that each has a score
            for `distill` (OUT/teaching.csv). They are never used to judge.
        go_on: A finished cross-validation in the same folds: each fold starts from its model there.
        follow: With --from: share of the loss that follows that model's mean score over eight
            orientations of each training patch; 0 follows the labels alone.
    """

    fit: Annotated[FitOptions, Flat]
    folds: Whole = 5
    fold: Whole | None = None
    teach_unknown: bool = False
    go_on: Annotated[Path | None, Parameter("--from")] = None
    follow: float = 0.0

    def __post_init__(self) -> None:
        Fold(0 if self.fold is None else self.fold - 1, self.folds)
        if self.fit.all_slides:
            raise RunError("Found --all-slides in a cross-validation; expected `fit` with it.")
        if self.follow and self.go_on is None:
            raise RunError("Found --follow without --from; expected a cross-validation to follow.")


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """What `search` is asked to do.

    Attributes:
        fit: How each trial is trained; `out` is the folder that holds the trials, `recipe` what
            they vary.
        vary: A recipe field with LOW..HIGH, LOW..HIGH:log or A,B,C, such as
            schedule.learning_rate=1e-4..1e-2:log or batch_size=32,64; may be given again.
        sampler: tpe learns from earlier trials; grid tries every combination.
        trials: Number of trials (default: 20; with grid: all combinations).
        folds: Judge each trial by the pooled out-of-fold AUROC of this many folds, each a run of
            its own (default: one split).
    """

    fit: Annotated[FitOptions, Flat]
    vary: tuple[str, ...] = ()
    sampler: Literal["tpe", "grid"] = "tpe"
    trials: Whole | None = None
    folds: Whole | None = None


@dataclass(frozen=True, kw_only=True)
class CurveOptions:
    """What `curve` is asked to do.

    Attributes:
        fit: How each point is trained; `out` is the folder that holds the runs.
        sizes: Numbers of training patches, separated by commas; "all" for all of them.
    """

    fit: Annotated[FitOptions, Flat]
    sizes: str = "100,300,1000,3000,all"


@dataclass(frozen=True, kw_only=True)
class DistillOptions:
    """What `distill` is asked to do.

    Attributes:
        fit: How the student is trained.
        teacher: A cross-validation (its out-of-fold scores), a table of scores (id, label,
            prob_tumour), a bundle, a run or an ensemble.
        teacher_tta: How a teacher model scores; d4: mean logit over eight orientations. A run of
            `fit --all-slides` has no temperature, because nothing validated it.
        weight: Share of the loss that follows the teacher, 0..1 (default: the recipe's, or 0.5).
        temperature: Divides both logits (default: the recipe's).
    """

    fit: Annotated[FitOptions, Flat]
    teacher: Path
    teacher_tta: Orientations = "none"
    weight: float | None = None
    temperature: float | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The stages of a course; steps are of one batch for each network.

    Attributes:
        trunk_steps: Steps of the trunk, at 96 px.
        branch_steps: Steps of each branch, at the recipe's size.
        branches: Number of networks that each student follows.
        student_steps: Steps of each student, at most.
        students: Share of transplants of each student; the students are averaged.
        small: Input sizes of further students, which follow the best.
        small_steps: Steps of each small student.
        seconds: Time limit of the whole course in seconds; the students' steps are cut to fit.
    """

    trunk_steps: Whole = 1400
    branch_steps: Whole = 1000
    branches: Whole = 3
    student_steps: Whole = 1500
    students: Annotated[tuple[float, ...], Parameter(consume_multiple=True)] = (0.0,)
    small: Annotated[tuple[Whole, ...], Parameter(consume_multiple=True)] = ()
    small_steps: Whole = 1500
    seconds: float | None = None

    def __post_init__(self) -> None:
        counts = (self.trunk_steps, self.branch_steps, self.branches, self.student_steps)
        if min(*counts, self.small_steps, len(self.students)) < 1:
            raise RunError("Found steps, branches or students of 0; expected 1 or more.")
        if not all(0 <= share < 1 for share in self.students):
            raise RunError("Found a share of transplants outside 0 to 1. Correct --students.")


@dataclass(frozen=True, kw_only=True)
class CourseOptions(MachineOptions):
    """What `course` is asked to do.

    Attributes:
        data: As for `fit`; known slides make five folds.
        out: New folder for folds, refit and scores.
        recipe: Of the students; trunk and branches take its variation, transplants and batches.
        init: As for `fit`.
        seed: Random seed for folds, order and variation.
        plan: How many steps of what.
    """

    data: Path
    out: Path
    recipe: NamedRecipe = field(default_factory=lambda: _default_recipe(COURSE_RECIPE))
    init: str = ""
    seed: Whole = 0
    plan: Annotated[Plan, Flat] = field(default_factory=Plan)

    def __post_init__(self) -> None:
        require_seed(self.seed)


@dataclass(frozen=True, kw_only=True)
class ScoringOptions:
    """How a model scores a data set.

    Attributes:
        data: Labelled patches to judge on: Kaggle's layout, PCam's .h5 files, or a .csv of paths
            (default: the scores that the model's folder holds).
        split: Part of the data, or of a table with that column, such as val or test; all for
            every labelled patch (default: what the data declare as validation, else all).
        tta: d4: mean logit over the eight orientations, at eight times the cost.
        device: Where to compute (default: NODELENS_DEVICE, else a GPU where PyTorch finds one).
        batch_size: Patches per pass (default: 32).
    """

    data: Path | None = None
    split: str = ""
    tta: Orientations = "none"
    device: InstalledDevice = field(default_factory=device)
    batch_size: Whole | None = None


@dataclass(frozen=True)
class MeasureOptions:
    """What `measure` is asked to do.

    Attributes:
        model: A bundle; its card is rewritten.
        data: Labelled patches that it was not trained on.
        split: Part of the data (default: what the data declare as validation, else all).
        crossval: Cross-validation of the same recipe, for a model that was trained on every patch:
            its folds' models are judged, each on the slides that it did not see.
        device: Where to compute.
    """

    model: Path
    _: KW_ONLY
    data: Path
    split: str = ""
    crossval: Path | None = None
    device: Device = "auto"


@dataclass(frozen=True)
class DomainOptions:
    """What `domain` is asked to do.

    Attributes:
        model: A bundle; its card is rewritten and `domain.safetensors` added.
        data: The patches that it was trained and validated on, with their splits.
        patches: Most training patches to use, drawn at random; for a model trained on every patch,
            that many besides those of its folds.
        share: Share of the validation patches beyond the limit.
        layers: Layers of the network (default: those that timm lists at a quarter, an eighth and a
            sixteenth of the input's side).
        seed: Random seed of the draw.
    """

    model: Path
    _: KW_ONLY
    data: Path
    patches: Whole = 3000
    share: float = 0.01
    layers: tuple[str, ...] = ()
    seed: Whole = 0


@dataclass(frozen=True)
class EvaluateOptions:
    """What `evaluate` is asked to do.

    Attributes:
        what: A bundle, run folder, ensemble, cross-validation, or table of scores.
        out: Folder for the results.
        scoring: Which data, and how a model scores them.
        against: Compare, patch by patch, with another of the same; the interval of the difference
            resamples slides.
        operating_point: A threshold locked in the app; may be given again.
        threshold: Another threshold, on the probability; may be given again.
    """

    what: Path
    _: KW_ONLY
    out: Path
    scoring: Annotated[ScoringOptions, Flat] = field(default_factory=ScoringOptions)
    against: Path | None = None
    operating_point: tuple[Path, ...] = ()
    threshold: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for threshold in self.threshold:
            if not 0 <= threshold <= 1:
                raise RunError(
                    f"Found --threshold {threshold:g}; expected a probability from 0 to 1."
                )


@dataclass(frozen=True)
class EnsembleOptions:
    """What `ensemble` is asked to do.

    Attributes:
        models: Bundles and finished run folders, 2 or more.
        out: The ensemble's folder.
        scoring: Which data they score, and how; without data the members' own validation scores.
    """

    models: tuple[Path, ...]
    _: KW_ONLY
    out: Path
    scoring: Annotated[ScoringOptions, Flat] = field(default_factory=ScoringOptions)

    def __post_init__(self) -> None:
        places = {model.resolve() for model in self.models}
        if len(places) < 2 or len(places) < len(self.models):
            raise RunError(
                f"Found {len(places)} different models; an ensemble needs at least 2, each once."
            )
        if self.scoring.data is None and self.scoring.tta != "none":
            raise RunError(
                f"Found --tta {self.scoring.tta} without data; the models' own validation scores "
                "are of the upright patch. Name the data with --data."
            )


@dataclass(frozen=True)
class AverageOptions:
    """What `average` is asked to do.

    Attributes:
        runs: Finished run folders, two or more; the first lends its recipe.
        data: The data set that they were trained on, to score its validation patches.
        out: The run folder to write.
        shares: Share of each run, above 0, summing to 1 (default: equal).
        machine: Where to compute.
    """

    runs: tuple[Path, ...]
    _: KW_ONLY
    data: Path
    out: Path
    shares: Annotated[tuple[float, ...], Parameter(consume_multiple=True)] = ()
    machine: Annotated[MachineOptions, Flat] = field(default_factory=MachineOptions)

    def __post_init__(self) -> None:
        if len(self.runs) < 2:
            raise RunError(f"Found {len(self.runs)} run; expected two or more to average.")
        if self.shares and (
            len(self.shares) != len(self.runs)
            or min(self.shares) <= 0
            or abs(sum(self.shares) - 1) > 1e-6
        ):
            raise RunError(
                f"Found the shares {', '.join(f'{share:g}' for share in self.shares)} for "
                f"{len(self.runs)} runs; expected one per run, above 0, summing to 1."
            )
        if self.out.is_dir() and any(self.out.iterdir()):
            raise RunError(f"{self.out} is not empty. Name a new folder.")

    @property
    def weighting(self) -> tuple[float, ...]:
        """Share of each run."""
        return self.shares or (1 / len(self.runs),) * len(self.runs)


@dataclass(frozen=True)
class PredictOptions:
    """What `predict` is asked to do.

    Attributes:
        model: A bundle, a finished run folder, an ensemble, or a cross-validation (the mean of its
            folds).
        data: The competition's folder, of which test/ is scored, or any folder, .zip or .h5 of
            patches.
        out: The submission, FILE.csv.
        sample_submission: File whose ids must match (default: the one in the competition's folder).
        tta: d4: mean logit over the eight orientations (default: none, or what the ensemble was
            judged with).
        device: Where to compute (default: NODELENS_DEVICE, else a GPU where PyTorch finds one).
        batch_size: Patches per pass (default: 32).
    """

    model: Path
    _: KW_ONLY
    data: Path
    out: Path
    sample_submission: Path | None = None
    tta: Orientations | None = None
    device: InstalledDevice = field(default_factory=device)
    batch_size: Whole | None = None

    def __post_init__(self) -> None:
        if self.out.suffix != ".csv":
            raise RunError(f"Found --out {self.out.name}; expected a name ending in .csv.")


@dataclass(frozen=True)
class ExportOptions:
    """What `export` is asked to do.

    Attributes:
        run: Folder of a finished run.
        to: The bundle's folder.
        name: Name of the model (default: the recipe's).
        licence: Licence of the weights.
        init_source: Origin and licence of the weights that --init FILE named, for the card.
        rule: How to choose the threshold: sensitivity:SHARE or specificity:SHARE (at least),
            youden, or f1 (default: sensitivity:0.95).
        calibrate_from: Cross-validation of the same recipe, whose out-of-fold scores temperature,
            threshold and metrics rest on (default: the run's own validation).
        note: What else limits this validation, one sentence; may be given again.
        replace: Replace an existing bundle.
    """

    run: Path
    _: KW_ONLY
    to: Path
    name: str = ""
    licence: str = "Apache-2.0"
    init_source: str = ""
    rule: str = ""
    calibrate_from: Path | None = None
    note: tuple[str, ...] = ()
    replace: bool = False


@dataclass(frozen=True)
class FetchOptions:
    """What `fetch` is asked to do.

    Attributes:
        data_set: pcam (by torchvision, CC0) or kaggle (by the competition's client and rules).
        to: Folder for the data.
        split: Part of PCam; may be given again (default: all three).
    """

    data_set: Literal["pcam", "kaggle"]
    _: KW_ONLY
    to: Path
    split: tuple[Literal["train", "val", "test"], ...] = ("train", "val", "test")


@dataclass(frozen=True)
class LeaderboardOptions:
    """What `leaderboard` is asked to do.

    Attributes:
        runs: Folder with the runs.
        to: FILE.md: put the table between its lines <!-- leaderboard --> and <!-- /leaderboard -->.
        csv: Also write every column to this CSV file.
        json: Also write every column to this JSON file.
    """

    runs: Path
    _: KW_ONLY
    to: Path | None = None
    csv: Path | None = None
    json: Path | None = None


def require_seed(seed: int) -> None:
    """Check a seed.

    Raises:
        RunError: It is negative.
    """
    if seed < 0:
        raise RunError(f"Found the seed {seed}; expected 0 or greater. Use a whole number.")
