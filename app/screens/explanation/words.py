"""What the explanation page says."""

from typing import Final

from core.explanation import Decisive, MapState, Target
from core.explanation.fillers import DONOR_SCORE, FEWEST_DONORS
from core.patches import CENTRE, PATCH_SIZE_PX, SPACING_UM_PX

TITLE: Final = "Explanation"
LEAD: Final = "What a patch's score rests on, and whether its map can be trusted."
NOT_A_FINDING: Final = (
    "A map is not a finding. It shows which places raised or lowered the model's score, not what "
    "the tissue is."
)
NOTHING_TO_EXPLAIN: Final = ("Nothing to explain.", "No input has a score.")
OTHER_MODEL: Final = (
    "This batch was scored by {model}. The scores and explanations on this page come from the "
    "current model, {current}."
)
LEFT_OUT: Final = (
    "Shows the {shown:,} highest-scoring patches; {more:,} [other is|others are] not shown."
)
METHOD_HELP: Final = (
    "Grad-CAM estimates, from the network's last map and its gradients. Exact CAM divides the "
    "score exactly among the squares of that map, but each square has also seen tissue around it. "
    "Replacement measures: it puts tissue from other patches into each of nine squares and scores "
    "the patch again."
)
NO_BATCH: Final = (
    "No finished batch.",
    "Score some patches first, or open the drawn samples on that page.",
)
OWN_SCALE: Final = "on its own scale; weak evidence is drawn faintly"
TURNED: Final = "Without evidence for tumour, the map shows the evidence against it."
MEASURED_SCALE: Final = "one scale for every patch: full colour changes the odds about 20-fold"
COMMON_SCALE: Final = "one scale for all patches here"
BOX_HELP: Final = "Only the centre 32 × 32 px counts."
SMOOTH_HELP: Final = (
    "Blends the map's squares. When off, it shows them as they are: the network has no finer "
    "detail."
)
ZOOM_HELP: Final = "Enlarges the patch smoothly instead of in squares."
SHARED_HELP: Final = "Draws all maps on one scale, so that they can be compared."
CONTOUR_HELP: Final = "The line marks half of the map's highest value."
LIST_CSV_HELP: Final = "Measures not taken are left empty."
MEASURED_SO_FAR: Final = (
    "{done:,} of {total:,} fully measured: the map and its test, centre against surroundings, "
    "eight orientations; each patch is scored about 80 times."
)
REST_LAST: Final = " Patches that have not been measured match no such filter and come last."
NOT_MEASURED: Final = (
    "{unknown:,} of {total:,} [has not been measured and matches|have not been measured and match] "
    "no filter that needs measuring."
)
SO_FAR: Final = "{} so far"
SHOWN_ANYWAY: Final = "No patch matches {filters}. Showing this patch anyway."
SIZE: Final = (
    f"{PATCH_SIZE_PX} × {PATCH_SIZE_PX} px, enlarged {{zoom}} times; "
    f"{PATCH_SIZE_PX * SPACING_UM_PX:.0f} µm wide if cut at {SPACING_UM_PX} µm per pixel. The box "
    f"is the centre {CENTRE.stop - CENTRE.start} × {CENTRE.stop - CENTRE.start} px, the only part "
    "that counts."
)
MEASURING: Final = "Measuring …"
CHECKING: Final = "Checking the map, replacing centre and surroundings, rotating the patch …"
NO_SCORE: Final = "This input has no score, so there is nothing to explain."
UNTESTABLE: Final = "Not checked against control networks: this network has none."
CENTRE_TEST: Final = (
    "Centre against surroundings",
    "the patch scored again with one of the two replaced; unchanged: {score}",
)
OWN_DONORS: Final = "the lowest-scoring patches of this batch, nearest in stain"
DRAWN_DONORS: Final = "the drawn samples, which are not tissue"
DRAWN_HINT: Final = (
    "Drawings are poor replacements, so interpret these scores with care. A batch with at least "
    f"{FEWEST_DONORS} patches full of tissue that score below {DONOR_SCORE} provides its own."
)
ORIENTATIONS: Final = (
    "Eight orientations",
    "the same tissue rotated and mirrored, scored again",
)
TARGETS: Final = {Target.TUMOUR: "tumour", Target.NO_TUMOUR: "no tumour"}
BADGES: Final = {
    MapState.NONE: "",
    MapState.UNTESTED: "drawn",
    MapState.RELIABLE: "accent",
    MapState.UNRELIABLE: "bad",
}
DECISIVE: Final = {
    Decisive.CENTRE: (
        "Centre",
        "The call remains when the surroundings are replaced and changes when the centre is.",
    ),
    Decisive.RING: (
        "Surroundings",
        "The call remains when the centre is replaced and changes when the surroundings are. Only "
        "the centre should count.",
    ),
    Decisive.EITHER: (
        "Centre or surroundings",
        "Either of the two keeps the call when the other is replaced.",
    ),
    Decisive.TOGETHER: (
        "Centre and surroundings",
        "The call needs both: neither keeps it without the other.",
    ),
    Decisive.NO_CALL: ("No call", "Not called tumour, so there is no call to change."),
}
LARGE_CELLS: Final = (
    "Each square of a map has also seen tissue around it, so the test below is stronger evidence."
)
NO_POSITIVE: Final = "Nothing in the map is evidence for it."
SQUARES: Final = (
    "Logits for {target}. Squares interact, so their effects do not add up to the score."
)
FILLERS: Final = (
    "{span}, depending on the replacement tissue. Here: {donors}. In another batch the same patch "
    "gets different tissue and a different number."
)
FILLERS_DISAGREE: Final = " The replacements disagree: the result depends on the tissue used."
AROUND: Final = "Only the centre should count. Both shares can be high."
FLIPS: Final = " The call differs from the original in {flips} of the 7 other orientations."
TWINS: Final = (
    "About half would be expected by chance. Correlation of the map with the effect of blurring "
    "each place: {faithfulness}."
)
AGREEMENT: Final = (
    "Measured, not estimated: each square is replaced by tissue from other patches, then placed "
    "on its own in such tissue. The maximum is 1."
)
