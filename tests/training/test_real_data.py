"""On real patches, where the developer has some (PCAM_DIR)."""

from pathlib import Path

import numpy as np

from core.patches import open_source
from training.data.split import PatchTable, split_patches


def test_the_declared_split_of_real_patches_shares_no_slide(pcam_dir: Path) -> None:
    with open_source(pcam_dir) as source:
        entries = [entry for entry in source.entries if entry.label is not None]
    table = PatchTable(
        ids=np.array([entry.id for entry in entries], np.str_),
        labels=np.array([entry.label for entry in entries], np.int8),
        slides=np.array([entry.slide or "" for entry in entries], np.str_),
        splits=np.array([entry.split or "" for entry in entries], np.str_),
    )
    split = split_patches(table, seed=0)
    known = table.slides[split.train]
    assert not set(known[known != ""]) & set(table.slides[split.val])
    assert len(np.unique(table.ids)) == len(table)
