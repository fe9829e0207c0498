"""What the overview says."""

from typing import Final

LEAD: Final = (
    "Is there tumour in the centre 32 × 32 px of a 96 × 96 px H&E patch of a lymph node? The model "
    "scores the patches; the pathologist judges them."
)
STEPS: Final = (
    (
        "Add patches",
        "as a folder, files, a ZIP or a path on the server, and see which of them can be scored.",
    ),
    (
        "Score them.",
        "Each patch gets a score from 0 to 1 and, at the threshold, a call. Inputs that cannot be "
        "scored are listed with the reason.",
    ),
    (
        "Review them.",
        "Sort, filter and enlarge the patches, record your verdicts, and download the scores.",
    ),
)
HERE: Final = "Does it work here?"
SAMPLE_ALT: Final = "A drawn sample with the centre 32 × 32 outlined"
SAMPLE: Final = (
    "A drawn sample, not tissue. Only tumour inside the outline counts; tumour around it does not."
)
FAST: Final = (
    "NODELENS_PRECISION=fast scores faster, in {arithmetic}. On the validation patches "
    "it changed {changed:,} of {patches:,} calls and the AUROC by {auroc:+.4f}."
)
LOCAL: Final = "nothing is sent to other computers"
NOT_CLINICAL: Final = "in this set; not a clinical prevalence"
ALL_MEASURES: Final = "All measures, and how their intervals were calculated"
ROC_ALT: Final = "ROC curve of the validation scores with the threshold marked"
ROC: Final = (
    "ROC curve of the {patches:,} validation scores. The diamond marks the current threshold: "
    "sensitivity {sensitivity:.3f}, specificity {specificity:.3f} on these patches."
)
SURROUNDINGS: Final = (
    "**This model leans on the tissue around the centre.** With each centre of the validation "
    "patches put into the surroundings of a patch with the other label, its AUROC for the centre "
    "falls to {auroc:.2f} (0.5 is chance). Read flagged patches yourself; the heat map shows where "
    "its evidence lies."
)
DOMAIN: Final = (
    "Patches unlike its {patches:,} reference training patches are marked; of {judged}, "
    "{share:.0%} are."
)
LIMITS: Final = "what the model is not for, and what its numbers do not tell you"
