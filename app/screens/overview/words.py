"""What the overview says."""

from typing import Final

LEAD: Final = (
    "Is there tumour in the centre 32 × 32 px of a 96 × 96 px H&E patch of a lymph node? The model "
    "scores the patches; the pathologist judges them."
)
STEPS: Final = (
    (
        "Score your patches.",
        "Add a folder, files or a ZIP. Each patch gets a score from 0 to 1 and, at the threshold, "
        "a call; one key shows its Grad-CAM.",
    ),
    (
        "Set the threshold.",
        "See which calls change on your patches, then lock the value you choose.",
    ),
    (
        "Review them.",
        "Give your own verdict patch by patch, see where you and the model differ, and save the "
        "report.",
    ),
)
SAMPLE_ALT: Final = "A drawn sample with the centre 32 × 32 outlined"
SAMPLE: Final = (
    "A drawn sample, not tissue. Only tumour inside the outline counts; tumour around it does not."
)
LOCAL: Final = "nothing is sent to other computers"
TRAINED: Final = "trained on {patches:,} patches of lymph node"
PASSED: Final = ("passed", "same scores as where it was built")
OPENING: Final = ("…", "shown once the model is open")
FAILED: Final = ("failed", "its scores differ from those where it was built")
FROM_HERE: Final = "called tumour at this score and above"
TECHNICAL: Final = "Technical details of the model"
NUMBERS: Final = "What these numbers do not show"
NOT_CLINICAL: Final = "in this set; not a clinical prevalence"
ALL_MEASURES: Final = "All measures, and how their intervals were calculated"
ROC_ALT: Final = "ROC curve of the validation scores with the threshold marked"
ROC: Final = (
    "ROC curve of the {patches:,} validation scores. The diamond marks the current threshold: "
    "sensitivity {sensitivity:.3f}, specificity {specificity:.3f} on these patches. Click the "
    "curve to try another threshold."
)
SURROUNDINGS: Final = (
    "**This model relies on the tissue around the centre.** When each centre is put into "
    "surroundings with the other label, its AUROC for the centre falls to {auroc:.2f} (0.5 is "
    "chance; validation patches). Read patches called tumour yourself; the Grad-CAM shows where "
    "its evidence lies."
)
DOMAIN: Final = "Patches unlike the {patches:,} training patches are marked: {share} of {judged}."
LIMITS: Final = "what the model is not for"
