"""What the review and its results say."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from core.review import CaseOrder, ReadingMode

TITLE: Final = "Review"
LEAD: Final = "Read patches one by one, with or without the score."
RESULTS_TITLE: Final = "Review results"
RESULTS_LEAD: Final = (
    "Where readers and the model differ, how well they agree, and the record of every verdict."
)
MODES: Final = {
    ReadingMode.AI_FIRST: "AI first",
    ReadingMode.BLIND_FIRST: "Blind first",
    ReadingMode.SECOND_READER: "Second reader",
    ReadingMode.ADJUDICATION: "Disagreements",
}
MODE_NOTES: Final = {
    ReadingMode.AI_FIRST: "The score is shown with the patch. This is the fastest mode, but the "
    "score influences you, so agreement with the model says little.",
    ReadingMode.BLIND_FIRST: "You judge the patch alone and that verdict is frozen. Then the score "
    "is shown and you keep or change your verdict. Shows how the AI changes your verdicts, "
    "provided that you have not seen the scores of these patches before.",
    ReadingMode.SECOND_READER: "Another reader reads the patches of an earlier case and sees "
    "neither the score nor the first verdicts.",
    ReadingMode.ADJUDICATION: "Only patches on which readers disagree, with the score and all "
    "verdicts shown, to settle the disagreements.",
}
ORDERS: Final[Mapping[CaseOrder, str]] = MappingProxyType(
    {
        CaseOrder.NEAREST_TO_THRESHOLD: "Patches with scores closest to the threshold, where a "
        "small change would change the call.",
        CaseOrder.SCORE: "The highest scores first.",
        CaseOrder.D4_SPREAD: "Patches whose score changes most when rotated or mirrored, although "
        "orientation has no meaning in tissue.",
        CaseOrder.RING_DECIDED: "Tumour calls most clearly decided by the surroundings: the call "
        "stays with other tissue in the centre. Only the centre counts, so these calls may be "
        "right for the wrong reason. The other patches follow.",
        CaseOrder.LABEL_ERROR: "Patches whose label the model doubts most. A doubted label is not "
        "necessarily wrong; the reader decides.",
        CaseOrder.AS_LISTED: "In the order of the batch.",
    }
)
NOT_ON_RECORD: Final = "This case is not on the record of this installation."
NO_BATCH: Final = (
    "No scored batch yet.",
    "Score patches first, or open the drawn samples on the batch page. Then start a case from "
    "them.",
)
NEED_A_CASE: Final = "Finish one first."
NO_DISAGREEMENT: Final = "These readings do not differ on any patch."
OPENING: Final = (
    "Opening a case writes its worklist to the record and keeps a copy of these patches, even if "
    "the batch is deleted later. Everyone who uses this installation can read it."
)
CONTROLS_HELP: Final = (
    "Drawn at random from all patches and mixed in, so that not every patch is difficult. The "
    "reader is not told which they are."
)
REPEATS_HELP: Final = (
    "Patches shown a second time, unannounced, to measure how well readers agree with themselves. "
    "Until a reader has finished, no count gives them away."
)
READINGS_HELP: Final = "Includes hidden repeats, so the count gives none away."


def readings(tasks: int, patches: int) -> str:
    """Return how many readings a worklist has, and why more than patches."""
    if tasks == patches:
        return f"{patches:,} patches, each once."
    return (
        f"{tasks:,} readings: {patches:,} patches, {tasks - patches:,} of them a second time, "
        "unannounced."
    )


SHOW_ARCHIVED: Final = "Show archived ({count})"
CASE_MORE: Final = "Rename or archive"
ARCHIVE: Final = (
    "Archiving takes a case off the list and closes it to new verdicts. Nothing is deleted: its "
    "verdicts and patches stay on the record, and you can restore the case."
)
ARCHIVED: Final = (
    "This case is archived: off the list and closed to new verdicts. Its record is complete."
)
BATCH_OTHER_MODEL: Final = (
    "This batch was scored by {model}; the current model is {current}. Re-score it to sort by "
    "what the current model relies on."
)
QUESTIONS: Final = {
    "first": ("Is there tumour in the centre?", "One key gives the verdict and moves on."),
    "blind": (
        "Is there tumour in the centre?",
        "One key gives the verdict; then the score is shown.",
    ),
    "after": ("Now with the score: keep or change?", "Your blind verdict: {verdict}"),
    "again": (
        "What should the verdict be?",
        "On record: {verdict}. The earlier verdict stays on the record.",
    ),
}
SIZE: Final = "96 × 96 px, about 93 × 93 µm. Only the outlined centre, about 31 × 31 µm, counts."
DESK: Final[Mapping[str, str]] = MappingProxyType(
    {
        "soon": "Too fast: you cannot have seen this patch yet. Not recorded.",
        "wait": "One moment. Not recorded.",
        "offline": "No connection. Your verdicts are kept here and will be saved.",
        "noPicture": "This patch cannot be shown. Reload the page.",
        "mapWait": "Preparing the Grad-CAM …",
        "size": SIZE,
        "aroundSize": "Surroundings, about 279 × 279 µm; the patch is outlined.",
    }
)
READ_ELSEWHERE: Final = (
    "Patch {number} was read in another window. The verdict there stands; this one was not "
    "recorded."
)
CORRECTED: Final = "Patch {number} corrected."
EARLIER: Final = (
    "Your verdicts in this case, latest first",
    "Select one to see its patch again and correct it. A correction is a new event; the earlier "
    "one stays on the record, and your blind verdicts stay frozen.",
)
EARLIER_HELP: Final = "Your verdicts in this case; each can be corrected."
NO_EARLIER: Final = "No verdict to correct yet."
DONE: Final = "You have read every patch in this case."
DONE_NEXT: Final = "See where you and the model differ, or save the report."
AGREE: Final = "Click a patch where you disagree; click again if it cannot be judged."
AGREE_REST: Final = "“{button}” records, in your name:"
AGREE_NOTES: Final = (
    "each verdict is a separate event, given with the score shown, without confidence or reasons; "
    "the time since this page appeared is shared among them",
    "turn off “Twelve at a time” to undo the last verdict or to correct any under Earlier verdicts",
)
AGAINST: Final = "{count} of these against the model, as marked in the grid"
NO_CALL: Final = "no verdict for {count} without a call; read these one by one"
HIDDEN: Final = "Score and Grad-CAM are hidden until your verdict is on record."
HIDDEN_SECOND: Final = "Second reader: no score, no Grad-CAM, no other verdicts."
WITHHELD: Final = "No score: the model withheld one."
MAP_LAYER: Final = "Layer: {layer}."
MAP_COLOURS: Final = "Yellow raised the score most."
NOT_A_FINDING: Final = "A map is not a finding."
BLIND_PENDING: Final = (
    "You are in the middle of a blind reading, and these results would unblind you. They are shown "
    "once you have read its last patch."
)
NO_VERDICT: Final = "No verdict in this case yet."
NO_RESULTS: Final = ("No case yet.", "Results appear with the first verdicts.")
INDEPENDENT: Final = "95 % intervals; patches are treated as independent"
INFLUENCED: Final = (
    "The score was shown before each verdict, so agreement may be biased by the model."
)
FEW_PAIRS: Final = "With fewer than {pairs} patches, go by “Same call” instead of kappa."
NO_KAPPA: Final = "Kappa is not defined (–) where both gave the same call for every patch."
CHANGED: Final = ("What seeing the AI changed", "first verdict against the one with the score")
NO_CHANGE_YET: Final = "No patch has been read before and after the AI yet."
CHANGES: Final = (
    "{changed} of {read} verdicts changed: {to_model} towards the model, {from_model} away from "
    "it, {otherwise} otherwise."
)
GALLERY: Final = ("Look again", "only the outlined centre was judged")
NOTHING_AGAIN: Final = "No patch needs another look: readers and model agree on all of them."
VERDICTS: Final = ("All verdicts", "click a column to sort")
RECORD_NOTE: Final = "append-only; each event contains the hash of the one before"
DAMAGED: Final = (
    "The record is damaged (problems found: {findings}). Keep the file as it is, restore a backup "
    "and record no more verdicts in the damaged file."
)
CHAIN_END: Final = (
    "End of the chain. Keep a copy elsewhere: it lets you check later whether events were removed."
)
UNKNOWN_READER: Final = "a lead or a reader without verdicts"
PSEUDONYMS_HELP: Final = (
    "Readers, patches, slides and cases get pseudonyms, the same in every export. They cannot be "
    "reversed without the key in the data folder. Comments and file names are left out. Only a "
    "lead can export names."
)
FILES: Final = {
    "Verdicts, CSV": "One line per current verdict",
    "Verdicts, Parquet": "The same, for analysis",
    "Corrected labels": "ID, label and its source; training accepts it unless IDs are hidden",
    "Report, PDF": "Summary, every patch to look at again with its Grad-CAM, all verdicts. The "
    "same record, patches and model give the same file.",
    "Whole record": "Every event of every case with its hash, including names; check it with "
    "`python -m core verify`",
}
ONLY_PICKED: Final = "Only the {picked:,} patches selected in the batch"
