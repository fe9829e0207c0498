"""What the page "Does it work here?" says."""

from typing import Final

TITLE: Final = "Does it work here?"
LEAD: Final = (
    "Before you rely on the model, try it on labelled patches from your own laboratory. Four "
    "steps lead to a decision in your name and a two-page PDF."
)
STEPS: Final = (
    "1 · Your labelled patches",
    "2 · How well it scores them",
    "3 · Does the shipped threshold hold here?",
    "4 · Decide",
)
STEP_NOTES: Final = (
    "",
    "AUROC, sensitivity and specificity, and whether there are enough patches",
    "the model's claims beside your results; calibration; patches unlike the training data",
    "lock a local threshold, or do not use the model; recorded in your name",
)
BRING: Final = (
    "200 to 500 patches, about half of them with tumour in the centre, from as many slides as "
    "possible. Put a CSV into the folder or ZIP, or select it together with the images: one line "
    "per patch with the file name, your label and, if you know it, the slide."
)
EXAMPLE: Final = "id,label,slide\npatch-0001.png,1,S24-117\npatch-0002.png,0,S24-117"
EXAMPLE_NOTE: Final = (
    "label: 1 or tumour if the centre contains tumour, 0 or normal if not. Without slides, the "
    "intervals treat every patch as independent and are too narrow."
)
SCORED: Final = "A batch that is already scored"
SCORED_NONE: Final = "No batch with labels yet."
ADD_NEW: Final = "Add patches"
READY: Final = "{patches:,} labelled patches, {positives:,} with tumour, {slides}"
NOT_LABELLED: Final = (
    "These patches have no labels yet. Add a CSV with the columns id (the file name) and label; "
    "a column slide makes the intervals valid."
)
NOTHING_READABLE: Final = "None of these files can be scored: {reason}"
STOPPED: Final = "Scoring stopped at {done:,} of {total:,}."
INTERVALS: Final = {
    "slides": "95 % intervals; whole slides are resampled, because patches from one slide are "
    "alike.",
    "patches": "95 % intervals; slides are unknown, so patches are treated as independent. The "
    "true intervals are wider.",
}
AT_SHIPPED: Final = "At the shipped threshold, {threshold:.4f}."
GREY: Final = " A patch in the grey zone counts as not called tumour."
ROC_ALT: Final = "ROC curve of these patches, with the shipped threshold"
CALIBRATION_ALT: Final = "Mean score against the share of patches with tumour, in ten bins"
CHOICES: Final = {
    True: "Use the model here",
    False: "Do not use it here",
}
RULES: Final = {
    "shipped": "Keep the shipped threshold",
    "sensitivity": "Reach a sensitivity",
    "youden": "Best balance",
}
RULE_HELP: Final = (
    "Keep the shipped threshold; or choose the highest threshold that finds the stated share of "
    "tumour patches; or the one with the largest sum of sensitivity and specificity (Youden)."
)
PREVALENCE: Final = "Tumour among the patches in use, %"
PREVALENCE_HELP: Final = (
    "Your estimate for the patches that you will score. A labelled set is usually enriched with "
    "tumour. It is recorded with the decision."
)
THOUSAND: Final = (
    "Expected among 1,000 such patches: {called:,.0f} called tumour, of which {tp:,.0f} contain "
    "tumour; {missed:,.0f} with tumour are missed."
)
OPTIMISTIC: Final = (
    "This threshold was chosen on these patches: expect slightly lower rates on new ones."
)
REASON: Final = "Reason (optional; without patient names)"
NAME: Final = "Your name, as it will appear in the record"
IN_USE: Final = "Use this threshold for new scores from now on"
RECORD: Final = "Lock and record"
RECORD_NOT: Final = "Record the decision"
RECORDED: Final = "Decision {number} is recorded."
DECIDED: Final = "Decisions so far"
DECIDED_NOTE: Final = "on this installation, for the current model; never changed afterwards"
NO_DECISION: Final = "No decision yet."
