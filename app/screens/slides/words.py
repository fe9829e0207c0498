"""What the page of slides says."""

from typing import Final

TITLE: Final = "Slides"
LEAD: Final = "Score the tissue of a slide square by square and see the scores on the slide."
NO_READER: Final = (
    "Slides need two more libraries on this server. The operator installs them with "
    "`pip install -e '.[slides]'` and restarts the app."
)
NO_SLIDE: Final = ("No slide yet.", "Add one above, or open the drawn slide to see a result.")
UPLOAD: Final = (
    "One file: a scanned slide (.svs, .ndpi, .scn, .bif, tiled .tif) or a region of one "
    "(.tif, .png, .jpg). Up to {mib:,} MiB. Slides made of several files (.mrxs, .vms, "
    "DICOM) have to be on the server. The label and macro images in the file are never shown."
)
SERVER: Final = "A slide is read where it is. Allowed folders: {roots}"
DRAWN_NAME: Final = "Drawn lymph node (not tissue)"
DRAWN: Final = (
    "About 3 × 3 mm, drawn by a computer program, with four islands that imitate tumour. It is "
    "not tissue, comes from no patient, and its scores say nothing about real slides."
)
DRAWING: Final = "Drawing it. This happens once and takes a few seconds …"
SPACING: Final = "How large are the pixels?"
SPACING_ASKED: Final = (
    "The scores depend on this, so it is not guessed. Look in the scanner's report, or ask "
    "whoever exported the file. It is recorded with the results."
)
SPACINGS: Final = {0.25: "0.25 µm (40×)", 0.5: "0.5 µm (20×)", 1.0: "1.0 µm (10×)"}
LOOKING: Final = "Looking for tissue"
TISSUE: Final = "Tissue"
TISSUE_NOTE: Final = (
    "Each cell of the grid is a square of 32 × 32 px at 0.97 µm/px, about 31 µm; it is not a "
    "biological cell. It is scored if enough of it is tissue. The rest is greyed out: adjust the "
    "limits if tissue is greyed out or glass is not."
)
MASK_NEAR: Final = "On a slide this large, the picture shows the tissue only roughly."
NO_TISSUE: Final = "No tissue found. Lower the limits until the tissue is marked."
NO_COLOUR: Final = (
    "This picture has no colour. The model needs H&E sections in colour: export it again as RGB."
)
SATURATION_HELP: Final = "Glass, dust and grey ink have less colour than stained tissue."
DENSITY_HELP: Final = "Glass lets more light through than tissue does."
SHARE_HELP: Final = "How much of a cell must be tissue for the cell to be scored."
WHICH: Final = {
    False: "Where it matters",
    True: "All cells",
}
WHICH_NOTES: Final = {
    False: "Scores one of every 2 × 2 cells first, then those that could complete a square of "
    "2 × 2 flagged cells. No such square is missed; single flagged cells and lines one cell wide "
    "may be. A slide with little tumour takes about a third of the time.",
    True: "Scores every cell of tissue.",
}
STOPPED: Final = "Stopped. {done} scored so far are kept; scoring resumes from there."
AGAIN_HELP: Final = "Deletes these scores, so that you can choose other cells to score."
DELETE: Final = "Permanently deletes this slide's scores, and the file if you uploaded it."
PARTLY: Final = (
    "Below the model's threshold, some cells were not scored. Score all cells to see every one."
)
NAME: Final = (
    "Slide. Arrow keys move, plus and minus zoom, 0 shows all, N and P step through the flagged "
    "cells, Enter opens the cell in the middle."
)
KEYS: Final = (
    "Orange cells score above the threshold, blue ones below, pale ones near it. Click a cell to "
    "see its patch. Keys: arrows move, + and − zoom, 0 shows all, N and P step through the "
    "flagged cells from the highest score down, Enter opens the cell in the middle."
)
CHOOSE_CELL: Final = ("No cell chosen.", "Click a cell in the slide, or press N for the highest.")
NOT_TISSUE: Final = "This cell has too little tissue and was not scored."
PASSED_OVER: Final = (
    "This cell was skipped: given the cells around it, it cannot belong to a square of 2 × 2 "
    "flagged cells."
)
NOT_STARTED: Final = "This cell will be scored."
SURROUNDINGS: Final = (
    "Left: the patch that was scored; the outlined centre is the cell. Right: its surroundings."
)
MAP: Final = "Grad-CAM"
UNLIKE_MANY: Final = (
    "{share} of the scored cells are unlike the training data. Do not rely on their scores; "
    "check organ, stain, focus and pixel size."
)
REVIEW: Final = "Read cells yourself, one by one, and record your verdicts."
REVIEW_NOTE: Final = (
    "Cuts the patches of these cells into a batch and opens a new review of it. The batch is "
    "scored again, with the same scores."
)
CELLS: Final = {
    "flagged": "flagged, highest score first",
    "doubtful": "nearest to the threshold first",
}
"""Which cells go to a review."""
FILES: Final = {
    "cells.csv": "Cells as CSV: position in pixels and µm, score, call.",
    "cells.parquet": "Cells as Parquet.",
    "cells.geojson.gz": "Cells as tiles for QuPath.",
    "regions.geojson": "Outlines of the regions of flagged cells, for QuPath.",
    "heatmap.tif": "Heat map as a pyramidal TIFF.",
    "overview.png": "Slide and scores as a picture.",
    "summary.json": "Summary: model, threshold, spacing, counts.",
}
ALL_FILES: Final = "All of these as ZIP"
NO_TUMOUR_SIZE: Final = (
    "Outlines follow the scores within the flagged cells and omit cells whose neighbours score "
    "low. Their area is that of flagged cells, not of a tumour."
)
