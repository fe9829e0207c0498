"""The columns of an audit's tables: what each holds, in which unit.

`patches.parquet` has one row per input, in input order. `TABLES` describes the other tables.
"""

from typing import Final

import pyarrow as pa

REGIONS: Final = ("whole", "centre", "ring")
"""The 96 × 96 patch; its centre 32 × 32, which decides the label; what is around the centre."""

CHANNELS: Final = (
    "red",
    "green",
    "blue",
    "hue",
    "saturation",
    "value",
    "haematoxylin",
    "eosin",
)
"""Red, green, blue: 0..255. Hue: degrees, 0..360, of the mean colour: that is the circular mean of
the pixels' hues, each weighted by its chroma; NaN for grey; it has no SD. Saturation and value:
0..1 (HSV). Haematoxylin and eosin: optical density by colour deconvolution (Ruifrok & Johnston
2001), not clipped, so slightly negative where a stain is absent."""

MOMENTS: Final = ("mean", "sd")

IDENTITY: Final = pa.schema(
    [
        ("row", pa.int64()),  # position in the source, from 0
        ("id", pa.string()),
        ("path", pa.string()),  # hostile text: to be shown, never opened
        ("label", pa.int8()),  # 1 tumour in the centre, 0 none, null unknown
        ("slide", pa.string()),  # null unknown
        ("split", pa.string()),  # null unknown
        ("sha256", pa.string()),  # of the file's bytes (of the pixels for HDF5); "" if unreadable
        ("fault", pa.string()),  # a `Fault`; "" for a patch that could be measured
        ("reason", pa.string()),  # the fault in words
        ("note", pa.string()),  # lossless conversion on reading, "" if none
    ]
)

QUALITY: Final = {
    "grey_mean": "mean of the luma, 0..255",
    "grey_sd": "standard deviation of the luma, 0..255",
    "channel_sd": "largest standard deviation of red, green, blue; 0 is one flat colour",
    "white_share": "share of pixels whose red, green and blue are all at least 220",
    "black_share": "share of pixels whose red, green and blue are all at most 30",
    "tissue_share": "share of pixels neither glass (mean of the channels 215 or more) nor black",
    "saturation_max": (
        "largest saturation after a 3 × 3 mean, 0..1; PCam left out patches below 0.07"
    ),
    "laplacian_rms": "root mean square of the Laplacian of the luma; low without fine detail",
    "detail_share": "share of the contrast between neighbouring pixels (squared differences of the "
    "luma) that a 3 × 3 mean removes, 0..1; low in a blurred patch, whatever its contrast; NaN "
    "without any contrast",
    "ink_share": "share of saturated green, turquoise or blue pixels, hue 75 to 215 degrees",
    "colour_spread": "largest difference between the channels of one pixel, 0 in a grey image",
}
"""Measures that `QualityLimits` is applied to; NaN for an unreadable input."""

QUALITY_NAMES: Final = {
    "grey_mean": "brightness",
    "grey_sd": "contrast of grey levels",
    "channel_sd": "contrast of the strongest channel",
    "white_share": "share of white",
    "black_share": "share of black",
    "tissue_share": "share of tissue",
    "saturation_max": "highest saturation",
    "laplacian_rms": "strength of edges",
    "detail_share": "fine detail",
    "ink_share": "share of ink",
    "colour_spread": "colourfulness",
}
"""What quality measures are called where they are told."""

STATISTICS_OF: Final = {
    region: tuple(
        f"{region}_{channel}_{moment}"
        for channel in CHANNELS
        for moment in MOMENTS
        if (channel, moment) != ("hue", "sd")
    )
    for region in REGIONS
}
STATISTICS: Final = tuple(name for region in REGIONS for name in STATISTICS_OF[region])

MEASURES: Final = (*QUALITY, *STATISTICS)
"""Every number measured per patch, float32."""

TABLES: Final = {
    "patches": "one row per input: IDENTITY, MEASURES",
    "signatures": "row, and the columns of `core.audit.relations.signatures`; zeros if unreadable",
    "table_faults": "one row per fault of the tables beside the patches: kind, table, id, detail",
    "balance": "patches and tumour share: by ('all', 'split' or 'slide'), name, patches, readable, "
    "labelled, positives, splits (how many splits the slide is in)",
    "associations": "each measure alone as a score for the label: measure, patches, auroc, low, "
    "high, method, slides, notes; an AUROC below 0.5 points to 'no tumour'",
    "pairs": "row_a, row_b, kind, orientation, shift_x_px, shift_y_px, score, label_conflict, "
    "across_splits, across_slides: related patches, by row; see `related_patches`",
    "groups": "row, group, size, label_conflict: their connected groups",
    "splits": "kind, a, b, detail, count, of, distance. common-slide: slide a is in the splits "
    "`detail`; crossing: `count` pairs of kind `detail` between splits a and b; touched: `count` "
    "patches of split a, `of` all, have relatives in another; split-stain: `distance` of splits a "
    "and b; slide-stain: `distance` of slide a from the mean (see `relations.splits`)",
    "probes": "what a logistic regression predicts from plain statistics; see `relations.probes`",
    "scores": "id, sha256, prob_tumour, predicted_label (null: grey zone), out_of_fold (whether "
    "no score is of a model trained on its patch); x, y, share_x, share_y: the patch on the two "
    "main axes of the network's features, NaN where they are not known",
    "label_candidates": "id, row, label, prob_tumour, self_confidence, rank, confident, slide, "
    "reason, out_of_fold: labels worth a second look, from `doubtful`",
}
"""Each table's name (its file is NAME.parquet in the audit folder) and what its rows are."""


def measure_text(name: str) -> str:
    """Return a measure in words, "mean haematoxylin in the centre"."""
    if name in QUALITY_NAMES:
        return QUALITY_NAMES[name]
    region, channel, moment = name.split("_")
    place = {"whole": "the whole patch", "ring": "the surroundings"}.get(region, f"the {region}")
    return f"{'mean' if moment == 'mean' else 'spread of'} {channel} in {place}"
