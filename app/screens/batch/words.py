"""What the batch page says."""

from typing import Final

from core.explanation import Decisive

TITLE: Final = "Batch scoring"
LEAD: Final = "Score many patches, view each one, and download the scores."
NO_BATCH: Final = (
    "No batch yet.",
    "Add patches above, or open the drawn samples.",
)
DELETE: Final = "Permanently deletes the uploaded files and the scores of this batch."
PART_SO_FAR: Final = "The batch is not finished: the files contain the scores so far."
CONTRADICTORY: Final = "Correct the table, then add the batch again; nothing was scored."
NOTHING_READABLE: Final = (
    "None of these files can be scored, for the reasons listed above. Correct them and add them "
    "again."
)
OTHER_FILES: Final = "Delete this batch and add other files"
VIEWS_EIGHT: Final = (
    "Each patch is scored in all eight rotations and mirror images. This is more stable and shows "
    "how far the orientations agree, but takes eight times as long."
)
VIEWS_NEAR: Final = (
    "A patch that scores below {low:.4f} or above {high:.4f} is scored once. Nearer to the "
    "threshold, where the orientation can change the call, the average of all eight rotations and "
    "mirror images is used. On the validation patches, no call further away changed; {share} of "
    "them were within this range."
)
FAST: Final = (
    "Fast rounds the arithmetic: on {patches:,} validation patches it changed {changed:,} calls "
    "({share}). Use Exact where each call counts."
)
FAST_SCORED: Final = "Scored fast, with rounded arithmetic."
STOPPED: Final = (
    "Stopped at {done:,} of {total:,}. The scores so far are kept; scoring resumes from here."
)
RESCORE_HELP: Final = "Replaces the scores shown here. Download them first if you need them."
SCORED_BY: Final = "Called tumour at a score of {threshold:.4f} or above ({version})."
OTHER_MODEL: Final = "These scores come from a different model. The current model is {model}."
OTHER_THRESHOLD: Final = (
    "These calls were made at a different threshold. The current one is {threshold:.4f} "
    "({version})."
)
UNLIKE: Final = "{unlike:,} of {compared:,} patches [is|are] unlike the training data."
UNLIKE_MANY: Final = (
    "That is more than expected by chance: of patches from other slides, cut like the training "
    "data, about {expected} are unlike it. Do not rely on their scores; check organ, stain, "
    "focus and pixel size."
)
RESTS_ON: Final = {
    Decisive.CENTRE: "centre",
    Decisive.RING: "surroundings",
    Decisive.EITHER: "centre or surroundings",
    Decisive.TOGETHER: "centre and surroundings",
    Decisive.NO_CALL: "",
}
AROUND: Final = (
    "{around:,} of {measured:,} tumour calls [is|are] decided by the surroundings: the call stays "
    "with another centre, but not with other surroundings. Read [this patch|these patches] "
    "yourself."
)
AROUND_NONE: Final = "None of {measured:,} tumour calls is decided by the surroundings."
AROUND_RUNNING: Final = "Checking what the tumour calls rest on: {done:,} of {total:,}"
AROUND_MEASURE: Final = "Check what {calls:,} tumour [call rests|calls rest] on"
AROUND_HELP: Final = "Scores each patch six more times, with its centre or surroundings replaced."
FILTER: Final = "Filter"
ONLY_AROUND: Final = "Only calls decided by the surroundings"
AROUND_BADGE: Final = "decided by the surroundings"
SHOW_THESE: Final = "Show in the list"
SHOW_ALL: Final = "Show all"
ONLY_UNLIKE: Final = "Only patches unlike the training data"
SEARCH: Final = "Search the list"
TABLE_NAME: Final = "Scored patches of this batch"
ENLARGE_HELP: Final = "Shows the picture larger."
MAP_TURNED: Final = "The map shows evidence against tumour."
MORE: Final = "Rename or delete"
FINISH_FIRST: Final = "Available once the batch is finished and contains a score."
TO_REVIEW: Final = "Read these patches yourself, one by one, and record your verdicts."
TO_THRESHOLD: Final = "Move the threshold and see which calls of these patches change."
TO_EXPLAIN: Final = "See what the score of this patch is based on."
TO_HERE: Final = (
    "Compare these labelled patches with what the model claims, and decide whether to use it."
)
PICKED: Final = "{picked:,} selected"
NO_MATCH: Final = "No patch matches these filters."
SIZE: Final = "96 × 96 px, about 93 × 93 µm."
NO_PICTURE: Final = "No picture: this input could not be read."
FILES: Final = {
    "CSV": "One line per file, in upload order, with the reason if there is no score.",
    "PARQUET": "The same rows with their data types, for analysis.",
    "KAGGLE": "ID and score. Files without a score get the proportion of tumour patches in the "
    "training data.",
    "RUN": "Model, threshold, self-test, software versions, and the hashes of the CSV and Parquet "
    "files.",
    "PDF": "Summary, the 24 highest scores with their Grad-CAM, all calls. Not reviewed.",
}
NOTHING_SCORED: Final = "Nothing has been scored yet. Start the batch first."
CHANGED_SINCE: Final = "{file} is gone or has changed since it was scored. Re-score the batch."
NO_LABELS: Final = (
    "No labels for this batch.",
    "Add a CSV with the columns id (the file name) and label (1 or tumour, 0 or normal). "
    "A column slide makes the intervals valid. A labels.csv beside the patches is read too.",
)
LABELS_LATER: Final = (
    "The patches can be scored without it. Then add the table under “Against labels”, where its "
    "columns can be chosen."
)
LABELLED: Final = "{labelled:,} of {scored:,} scored patches [has|have] a label."
BY_PATCHES: Final = (
    "Intervals treat patches as independent: too narrow if several come from one slide."
)
BY_SLIDES: Final = "Intervals resample {slides} [slide|slides]."
GREY_COUNTS: Final = "A patch in the grey zone counts as not called tumour."
NO_ERRORS: Final = "Every call matches its label."
ERRORS: Final = "{missed:,} missed and {alarms:,} false [alarm|alarms], the most wrong first"
STOPPING: Final = "Stopping after the patches in progress …"
CUT_STEPS: Final = (
    "Open the slide in QuPath as part of a project, and check in the Image tab that its pixel size "
    "is right.",
    "Annotate the tissue, with Classify → Pixel classification → Create thresholder or by hand.",
    "Run the script below in Automate → Script editor. It writes one folder of patches for each "
    "slide; upload that folder here.",
)
CUT_NOTE: Final = (
    "The script resamples from any finer scan to 96 × 96 px at 0.97 µm per pixel. Do not resize "
    "patches that were cut at another scale. Its arithmetic is tested, but it has not been "
    "run in QuPath yet: look at the first patches before you score many."
)
