"""What the threshold page says."""

from typing import Final

from markupsafe import Markup

TITLE: Final = "Threshold"
LEAD: Final = "Try a threshold on patches with known labels, see what it misses, then lock it."
SOURCES: Final = {
    "part": "Validation patches of this model",
    "run": "A training run on the server",
    "csv": "My own table (CSV)",
}
SOURCE_LABEL: Final = "Patches with known labels"
BATCH: Final = "Batch {name}, {when} ({patches:,} with labels)"
REVIEW: Final = "Review {name}, opened {when}"
GONE: Final = "These scores are gone, or belong to someone else. Choose others."
RUN_PLACEHOLDER: Final = "a folder that contains validation_scores.csv"
CSV_LABEL: Final = "CSV with label and score, ideally also id and slide"
CSV_EXAMPLE: Final = (
    "id,slide,label,score\npatch-1,slide-07,1,0.93\npatch-2,slide-07,0,0.12\npatch-3,slide-11,0,0.4"
)
CSV_FORMAT: Final = (
    "label: 1, tumour or yes; 0, normal or no. score: probability from 0 to 1. slide: needed for "
    "valid intervals. Tables saved by Excel with semicolons and decimal commas are read too, and "
    "columns with other names can be chosen. The results of a batch can be used as they are if "
    "its patches have labels. The file stays in memory for this session and is never stored."
)
CHOOSE_COLUMNS: Final = (
    "What does each column of this table contain? Label and score are needed. Labels without "
    "scores belong to a batch: add them there, in “Against labels”."
)
GOOD_ROWS: Final = "Use the {good:,} good rows"
CSV_WANTED: Final = (
    "This setting was made on a file that is not stored here (its SHA-256 begins with {digest}). "
    "Upload that file to see the same numbers."
)
CSV_OTHER: Final = "This link was made on a different file; the numbers below are for this one."
PREVALENCE_HELP: Final = (
    "Proportion of tumour patches where the model will be used. The proportion in a validation set "
    "is not a clinical prevalence: such sets are enriched with tumour."
)
COST_HELP: Final = "In any unit; only the ratio to the cost of a false alarm matters."
RULES: Final[tuple[tuple[str, str, tuple[str, ...], str], ...]] = (
    (
        "sensitivity:0.95:estimate",
        "Sensitivity",
        ("Find at least",),
        "% of tumour patches",
    ),
    (
        "specificity:0.95:estimate",
        "Specificity",
        ("Call at least",),
        "% of tumour-free patches no tumour",
    ),
    ("top:0.1", "Workload", ("Call the top",), "% of all patches tumour"),
    (
        "grey:0.02:0.02:estimate",
        "Grey zone",
        ("Miss at most", "% of tumour, false alarms at most"),
        "%; a reader decides between",
    ),
    ("youden", "Balanced", (), "Sensitivity + specificity is largest (Youden index)"),
    (
        "f1",
        "Best F1",
        (),
        "F1, the mean of sensitivity and positive predictive value; depends on how common tumour "
        "is in this set",
    ),
    ("cost", "Lowest cost", (), "At the prevalence and the costs stated below"),
    ("fixed:0.5", "0.5", (), "Not chosen on any data"),
)
"""Text of the rule to start with, name, what stands before each number, what stands behind."""
ON_SLIDES: Final = "also on other slides"
ON_SLIDES_HELP: Final = (
    "Not only the estimate but also the lower end of the 95 % interval over slides must reach the "
    "target."
)
WITH_TUMOUR: Final = Markup(
    'Of {base} patches with tumour, <b class="nl-tumour-ink">{count}</b> {verb} called tumour'
)
WITHOUT_TUMOUR: Final = Markup(
    'Of {base} patches without tumour, <b class="nl-no-tumour-ink">{count}</b> {verb}'
)
WORKLOAD: Final = Markup(
    "If {prevalence:g} % have tumour: of {base} patches, <b>{count}</b> {verb} called tumour, "
    "{hits} of them with tumour"
)
VERBS: Final = {
    "sensitivity": "[is|are]",
    "specificity": "[is a false alarm|are false alarms]",
    "workload": "[is|are]",
}
WORKLOAD_FROM: Final = "assumed"
NO_SUCH_PATCH: Final = {
    "sensitivity": "There are no patches with tumour, so there is no sensitivity.",
    "specificity": "There are no patches without tumour, so there is no specificity.",
}
STABILITY_OF_RULES: Final = "Choose the threshold by a rule to see how far it would move."
STABILITY: Final = (
    "On other slides, the same rule would choose a threshold between {low} (95 % of {draws:,} "
    "slide-bootstrap draws). Without slide {slide}, the most influential one, it would choose "
    "{without:.4f}."
)
NO_STABILITY_GREY: Final = "For a grey zone this cannot be estimated."
TOO_FEW_SLIDES: Final = "There are too few slides to estimate this."
BY_HAND: Final = "Chosen by hand."
IS_CURRENT: Final = "This is the current threshold."
NOT_COMPARABLE: Final = (
    "The current threshold does not mean the same thing for these scores, so it is not marked."
)
NOT_LOCKED: Final = "Not locked: new scores use"
NOT_IN_USE: Final = "but not in use; new scores use"
NO_SLIDES: Final = (
    "Slides unknown.",
    "Add a column “slide” to the table of scores to see which slides the errors are on.",
)
RUN_NO_BATCH: Final = (
    "These scores come from a training run. They say nothing about a batch scored by the current "
    "model."
)
BATCH_TITLE: Final = "My batch"
CHANGED: Final = Markup("{changed} of {patches:,} patches would be called differently")
NONE: Final = "None"
NEAREST: Final = "Nearest to the threshold; their calls change first if it moves:"
COMPARED: Final = "compared with {name}, {place}"
FOLLOWS: Final = "The batch still uses {version}."
APPLIED: Final = "{version} is applied to {batch}."
NO_BATCH: Final = (
    "No finished batch.",
    "Score patches under Batch scoring to see which calls would change.",
)
NO_SCORED_PATCH: Final = "No patch in this batch has a score."
BATCH_OTHER_MODEL: Final = (
    "This batch was scored by {model}, not by the current model. Score it again to compare."
)
NO_INTERVAL: Final = "no interval can be computed"
FIGURES: Final = (
    "Circle and line: the threshold you are trying; ◇ and dots: the current one. Click a curve, "
    "bar or point to try its threshold."
)
FOLDS: Final = {
    "measures": "All measures with their 95 % intervals",
    "use": "In use: prevalence, costs, decision curve",
    "calibration": "Calibration: is a score of 0.8 tumour in 8 of 10?",
    "slides": "Slide by slide, and how stable the choice is",
    "versions": "Locked thresholds",
    "test": "Test set",
}
LOCK_HELP: Final = "Saves a version that never changes. New scores refer to it."
LOCK_POINTS: Final = (
    "- Chosen on {name}: {patches:,} patches of {slides} slides\n- {rule}\n- For the model "
    "`{model}`, for everyone who uses this installation\n- Each lock is a separate file that is "
    "never changed; a later lock is a new version."
)
LOCK_OWN: Final = "These scores come from the model {model}. The file does not say so."
LOCK_CONFIRM: Final = "First confirm above that the scores come from this model."
LOCK_APPLY: Final = "Apply it to my batch {name} now (the scores stay)"
LOCK_NAME: Final = "Your name, as it will appear in the file"
NAME_NEEDED_TEST: Final = "Enter your name: the record shows who opened a test set."
LOCKED: Final = "Locked as {version} at {threshold:.4f}."
IN_USE: Final = "New scores now use {version}."
SPENT: Final = (
    "These scores were opened as a test set at {version}. They can no longer test a threshold "
    "chosen on them."
)
KEPT_VERSIONS: Final = (
    "Batches already scored keep their calls until you apply the new version to them."
)
COMMAND: Final = "Command line: `python -m core score … --operating-point FILE`, with this file."
TEST_NOTE: Final = "opens only once a threshold is locked; each opening is recorded"
TEST_CLOSED: Final = (
    "Closed.",
    "A test set that you see before you have chosen the threshold is no longer a test. Lock a "
    "threshold first.",
)
TEST_CSV: Final = "CSV of the test set: label and score of this model, with id and slide"
TEST_HELP: Final = "Shows how the locked threshold performs on it and records that you looked."
OTHER_MODEL: Final = "These scores come from a different model, {model}."
NOT_VALID: Final = "These are not valid test results."
PPV: Final = "Positive predictive value (PPV)"
NPV: Final = "Negative predictive value (NPV)"
PPV_WHY: Final = "patches called tumour that contain tumour"
NPV_WHY: Final = "patches not called tumour that contain none"
SHARES: Final = (
    ("sensitivity", "Sensitivity", "patches with tumour that are called tumour"),
    ("specificity", "Specificity", "patches without tumour that are not called tumour"),
    ("ppv", "PPV in this set", f"{PPV_WHY}; not at a clinical prevalence"),
    ("npv", "NPV in this set", f"{NPV_WHY}; not at a clinical prevalence"),
    ("accuracy", "Accuracy in this set", "calls that match the label"),
    ("balanced_accuracy", "Balanced accuracy", "mean of sensitivity and specificity"),
    ("f1", "F1 in this set", "harmonic mean of PPV and sensitivity"),
    ("flagged_share", "Share called tumour", "of all patches in this set"),
)
RATIOS: Final = (
    ("mcc", "Matthews correlation", "of call and label, −1 to 1"),
    (
        "lr_plus",
        "Likelihood ratio of a tumour call",
        "multiplies the odds of tumour by this factor",
    ),
    ("lr_minus", "Likelihood ratio of a no-tumour call", "multiplies them by this factor"),
)
INTERVALS: Final = (
    "Rely on the interval over slides, which resamples whole slides. The interval by patches "
    "treats them as independent and is too narrow. The design effect is the factor by which "
    "sharing slides raises the variance."
)
SLIDES: Final = (
    "AUROC: area under the ROC curve within the slide, the same at every threshold. † Fewer than "
    "10 patches of a class: its rate is imprecise."
)
CALIBRATED: Final = "if the scores are calibrated and only the prevalence differs"
