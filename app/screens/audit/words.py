"""What the data-set page says: measures, flags, severities, relations, steps, sentences."""

from collections.abc import Iterable
from typing import Final

from core.audit import Severity
from core.audit.columns import QUALITY_NAMES

SEVERITIES: Final = {
    Severity.ERROR: ("✖", "Error", "bad"),
    Severity.WARNING: ("!", "Warning", "warn"),
    Severity.NOTE: ("●", "Note", "quiet"),
}
STEPS: Final = {
    "measure": "Reading and measuring the patches",
    "relations": "Looking for duplicates and overlaps",
    "splits": "Checking the splits for leaks",
    "statistics": "Comparing classes and slides",
    "probes": "Training baseline models",
    "network": "Scoring the patches",
    "labels": "Looking for doubtful labels",
    "report": "Writing the report",
}
FLAGS: Final = {
    "flat": "one flat colour",
    "blank": "blank glass",
    "dark": "dark",
    "low_saturation": "no tissue by PCam's rule",
    "low_tissue": "little tissue",
    "blurred": "blurred",
    "pen": "pen or ink",
    "extreme_stain": "extreme stain",
    "grey_image": "grey image",
}
KINDS: Final = {
    "same-bytes": "same file",
    "same-pixels": "same pixels",
    "same-under-orientation": "same, rotated or mirrored",
    "near": "nearly the same",
    "overlap": "overlapping crops",
}
LEAKS: Final = {
    "touched": "Patches related to one in another split",
    "common-slide": "Slide in several splits",
    "crossing": "Related pairs across splits",
    "split-stain": "Mean stains",
}
_UNITS: Final = {
    "red": "0–255",
    "green": "0–255",
    "blue": "0–255",
    "hue": "degrees",
    "saturation": "0–1",
    "value": "0–1",
    "haematoxylin": "optical density",
    "eosin": "optical density",
}


def unit_text(name: str) -> str:
    """Return the unit of a measure."""
    if name not in QUALITY_NAMES:
        return _UNITS[name.split("_")[1]]
    if name.endswith("_share") or name == "saturation_max":
        return "0–1"
    return "grey levels, 0–255"


def flags_text(flags: Iterable[str]) -> str:
    """Return quality flags in words."""
    return ", ".join(FLAGS[name] for name in flags)


def orientation_text(orientation: int, shift_x_px: int, shift_y_px: int) -> str:
    """Return how the second of two patches lies on the first."""
    words = []
    if orientation >= 4:
        words.append("mirrored")
    if orientation % 4:
        words.append(f"rotated {90 * (orientation % 4)}°")
    for shift, ahead, back in (
        (shift_x_px, "right", "left"),
        (shift_y_px, "down", "up"),
    ):
        if shift:
            words.append(f"{abs(shift)} px {ahead if shift > 0 else back}")
    return ", ".join(words) or "in place"


TITLE: Final = "Data set"
LEAD: Final = (
    "Before you train or score: see which patches, labels or splits are faulty, and how many."
)
LABELS_TOO: Final = (
    "Include a CSV with the columns id (the file name) and label, if you have one; slide and split "
    "are read too. You can also add it later."
)
ADD_LABELS: Final = (
    "A CSV with the columns id (the file name) and label: 1 or tumour, 0 or normal. The columns "
    "slide and split are optional. The patches are checked again with it."
)
USE_BATCH: Final = "Or use a batch from this app, with its labels and scores"
EXAMPLES: Final = "Drawn at random. Click a patch to enlarge it."
NO_EXAMPLE: Final = "No readable patch of this class."
NO_LABELS: Final = ("No labels yet.", "Add a CSV with the button “Labels” above.")
LOOKS: Final = (
    "Up to 1,000 patches of each class, drawn at random. A difference only inside the outline "
    "points to the label; a difference everywhere, to the slides or the stain."
)
ALL_MEASURES: Final = "All {measures} measures by class, and what each alone predicts"
LIMITS_FOLD: Final = "Limits of the quality checks"
NOT_SEARCHED: Final = "Doubtful labels were not searched for."
SCORE_NOW: Final = (
    "Scores every patch once and maps it by the network's last layer. This takes about as long as "
    "scoring a batch."
)
NO_SCORED_BATCH: Final = "None of your scored batches contains these patches."
DRAW_MAP: Final = "Draw the map"
NO_FEATURES: Final = (
    "Patches that look alike to the network lie together. The network reads every patch once more, "
    "because a batch keeps only its scores."
)
NO_DATA_SET: Final = (
    "No data set yet.",
    "Choose one above, or open the drawn samples to see what this page shows.",
)
REPORT: Final = "A single HTML file that works offline. It uses the default limits."
DELETE: Final = (
    "Permanently deletes the results and the files uploaded for them. Files on the server are kept."
)
STOPPED: Final = (
    "Stopped after {done} of {steps} steps. The results so far are kept; checking resumes from "
    "here."
)
NOT_BEGUN: Final = "Checking has not started."
SCORES_NEEDED: Final = "no scores were given; see the tab “Doubtful labels”"
NOT_YET: Final = "this step has not run yet"
BALANCE_NOT_YET: Final = ("Not ready yet.", "It becomes available after the measurements.")
STAIN: Final = (
    "Slides whose stain is furthest from the mean of all slides: {names}. A distance of 1 is about "
    "one SD of the patches within a slide."
)
NOTHING_FOUND: Final = "No findings so far."
FIRST_ROWS: Final = "The first {rows:,} of {count:,}; quality findings show all."
NO_DOUBTFUL: Final = "The scores contradict no label."
DOUBTFUL: Final = (
    "The scores contradict these labels. Either may be wrong; only a reader can decide."
)
REVIEW_THESE: Final = "Review these"
REVIEW_FIRST: Final = "Review the first {most:,}"
REVIEW_HELP: Final = (
    "Read these patches one by one. Your verdicts become a CSV of corrected labels, which can be "
    "added here."
)
SCORING_DOUBTFUL: Final = "Preparing the patches for the review …"
CHANGED: Final = "{file} is gone or has changed since it was checked. Check the data set again."
IN_SAMPLE: Final = (
    " These scores may come from a model that was trained on these patches. If so, most wrong "
    "labels stay hidden."
)
SCORES_CSV: Final = (
    "A CSV with the columns id and prob_tumour, such as the one from Batch scoring. Scores from "
    "models that were not trained on the patch work best."
)
OUT_OF_FOLD: Final = "No score comes from a model that was trained on that patch"
LIMITS: Final = (
    "The limits decide which patches are called blurred, blank or dark. Nothing is measured "
    "again; the findings update immediately. The report uses the default limits."
)
NO_LIMIT: Final = "No limit: red, green and blue are identical everywhere."
SLIDE_INTERVALS: Final = (
    "Intervals resample {slides} slides; patches without a slide ID are left out."
)
PATCH_INTERVALS: Final = (
    "Slides are unknown, so intervals treat patches as independent and are too narrow."
)
ASSOCIATIONS: Final = (
    "Below 0.5, a low value suggests tumour. A model that does no better than the best of these "
    "measures may have learned nothing else. {intervals}"
)
BASELINE: Final = (
    "Tumour in the centre often extends into the surroundings, so it is not in itself an error "
    "if the surroundings predict the label. If colour predicts the slide far better than chance, "
    "stain can stand in for the slide."
)
NO_ASSOCIATIONS: Final = "This needs labels of both classes."
RELATIONS_SKIPPED: Final = "Duplicates and overlaps were not searched for."
NO_PAIRS: Final = ("No related patches found.", "No copies, rotated copies or overlapping crops.")
NO_PAIR_MATCH: Final = "No pair matches these filters."
PAIRS: Final = (
    "The right patch is rotated to match the left one. The dashed frame marks the area that both "
    "show. Overlapping crops have different centres, so both labels can be right even if they "
    "differ."
)
MOVED: Final = "It is missing or has changed since it was checked."
LABEL_CENTRE: Final = "96 × 96 px; the label refers only to the outlined centre (32 × 32 px)."
NO_PATCH: Final = ("No patch.", "None matches these filters.")
LASSO: Final = (
    "Drag a lasso around points to see their patches; double-click to clear. Neighbouring points "
    "look alike to the network; two axes cannot show everything."
)
DOWNLOADS: Final = (
    "The downloads contain all {measures} measures, {quality} of them for quality, and {flags} "
    "quality flags at the current limits."
)
