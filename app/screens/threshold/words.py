"""What the threshold page says."""

from typing import Final

TITLE: Final = "Threshold"
LEAD: Final = (
    "At what score should a patch be flagged? Try thresholds on patches with known labels, see "
    "what is missed and what is flagged unnecessarily (false alarms), then lock one."
)
SOURCES: Final = {
    "part": "Validation scores of this model",
    "all": "Validation scores of this model, all slides",
    "run": "A training run on the server",
    "csv": "My own CSV",
}
SOURCE_HELP: Final = "Patches with a label and a score that were not used to train the model."
RUN_PLACEHOLDER: Final = "a folder that contains validation_scores.csv"
CSV_LABEL: Final = "CSV with label and score, ideally also id and slide"
CSV_EXAMPLE: Final = (
    "id,slide,label,score\npatch-1,slide-07,1,0.93\npatch-2,slide-07,0,0.12\npatch-3,slide-11,0,0.4"
)
CSV_FORMAT: Final = (
    "label: 1 for tumour in the centre, 0 for none. score: probability from 0 to 1. slide: needed "
    "for valid intervals. The table that Batch scoring writes can be used as it is if its patches "
    "have labels. The file stays in memory for this session and is not stored on disk."
)
CSV_WANTED: Final = (
    "This setting was made on a file whose SHA-256 begins with {digest}. Upload that file to see "
    "the same numbers."
)
CSV_OTHER: Final = "This is not the file that the setting was made on ({digest}…)."
PREVALENCE_HELP: Final = (
    "Proportion of tumour patches where the model will be used. The proportion in a validation set "
    "is not a clinical prevalence: such sets are enriched with tumour."
)
COST_HELP: Final = "In any unit; only the ratio to the cost of a false alarm matters."
RULES: Final = (
    ("fixed:0.5", "0.5", "Not chosen on any data"),
    ("youden", "Youden", "Maximises sensitivity + specificity"),
    ("f1", "Best F1", "Depends on the prevalence in this set"),
    ("cost", "Lowest cost", "At the costs and the prevalence stated above"),
)
BY_HELP: Final = (
    "The lower bound of the 95 % interval over slides also holds for new slides; the estimate does "
    "not."
)
STABILITY: Final = (
    "On other slides, the same rule would choose between {low} (95 % of {draws:,} slide-bootstrap "
    "draws). Without slide {slide}, the most influential one, it would choose {without:.3f}."
)
NO_STABILITY_GREY: Final = "Not available for a grey zone."
TOO_FEW_SLIDES: Final = "There are too few slides to estimate this."
BY_HAND: Final = "Chosen by hand."
CURRENT: Final = "Current threshold for new scores:"
IS_CURRENT: Final = "This is the current threshold."
NOT_COMPARABLE: Final = (
    "The current threshold does not mean the same on these scores, so it is not marked."
)
NOTHING_CHANGES: Final = "Nothing changes until you lock a threshold."
NO_SLIDES: Final = (
    "Slides unknown.",
    "Add a column “slide” to the table of scores to see which slides the errors come from.",
)
RUN_NO_BATCH: Final = (
    "These scores come from a training run. They say nothing about a batch scored by the current "
    "model."
)
NO_BATCH: Final = (
    "No finished batch.",
    "Score patches under Batch scoring to see how many calls would change.",
)
NO_SCORED_PATCH: Final = "No patch in this batch has a score."
BATCH_OTHER_MODEL: Final = (
    "This batch was scored by {model}, not by the current model. Re-score it to compare."
)
FIGURES: Final = (
    "{name}, {patches:,} patches. Circle and line: the threshold you are trying; ◇ and dots: the "
    "current one. Click a curve, bar or point to try its threshold."
)
LOCK_HELP: Final = "Saves a version that never changes. New scores refer to it."
LOCK_POINTS: Final = (
    "- Chosen on {name}: {patches:,} patches of {slides} slides\n- {rule}\n- For the model "
    "`{model}`, for everyone who uses this installation\n- Each lock is a separate file that is "
    "never changed; a later lock is a new version."
)
LOCK_OWN: Final = "These scores come from the model {model}. The file does not say so."
LOCK_CONFIRM: Final = "First confirm above that the scores come from this model."
LOCK_NAME: Final = "Your name, as it will appear in the file"
NAME_NEEDED: Final = "Enter your name: the record shows who decided."
NAME_NEEDED_TEST: Final = "Enter your name: the record shows who opened a test set."
LOCKED: Final = "Locked as {version} at {threshold:.4f}."
IN_USE: Final = "New scores now use {version}."
SPENT: Final = (
    "These scores were opened as a test set at {version}. They can no longer be used to test a "
    "threshold that is chosen on them."
)
KEPT_VERSIONS: Final = "Batches that are already scored keep the version given in their rows."
COMMAND: Final = "Command line: `python -m core score … --operating-point FILE`, with this file."
TEST_NOTE: Final = "opens only after a lock; each opening is recorded"
TEST_CLOSED: Final = (
    "Closed.",
    "If you look at a test set while you are still choosing the threshold, it is no longer a test. "
    "Lock a threshold first.",
)
TEST_CSV: Final = "CSV of the test set: label and score of this model, with id and slide"
TEST_HELP: Final = "Shows how the locked threshold performs on it and records that you looked."
OTHER_MODEL: Final = "These scores come from a different model, {model}."
NOT_VALID: Final = "These are not valid test results."
SHARES: Final = (
    ("sensitivity", "Sensitivity", "tumour patches that are flagged"),
    ("specificity", "Specificity", "tumour-free patches that are not flagged"),
    ("ppv", "PPV in this set", "flagged patches that contain tumour; not at a clinical prevalence"),
    ("npv", "NPV in this set", "unflagged patches without tumour; not at a clinical prevalence"),
    ("accuracy", "Accuracy in this set", "patches called as labelled"),
    ("balanced_accuracy", "Balanced accuracy", "mean of sensitivity and specificity"),
    ("f1", "F1 in this set", "harmonic mean of PPV and sensitivity"),
    ("flagged_share", "Flagged share", "of all patches in this set"),
)
RATIOS: Final = (
    ("mcc", "MCC", "Matthews correlation coefficient, −1 to 1"),
    ("lr_plus", "LR+", "factor by which a flag changes the odds of tumour"),
    ("lr_minus", "LR−", "factor by which the absence of a flag changes the odds of tumour"),
)
OVER_SLIDES: Final = "Treats whole slides as the random unit; rely on this one"
BY_PATCHES: Final = "Treats patches as independent, so it is too narrow"
DESIGN_EFFECT: Final = "How many times larger the variance is because patches share slides"
WITHIN_SLIDE: Final = "within the slide; the same at every threshold"
CALIBRATED: Final = "if the scores are calibrated and only the prevalence differs"
