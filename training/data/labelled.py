"""A data set for training or judging: any source of patches, with the labels that lie beside it."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from core.patches import PatchSource, open_source
from core.patches.naming import told_by_folders


def open_labelled(data: Path) -> PatchSource:
    """Return a source whose labels are from its tables or, without any, from its class folders.

    In a plain folder or .zip the folders 0 and 1, or normal and tumour, give the label, and train,
    val and test the split. Patches in folders of other names have no label.

    Raises:
        SourceError: There is nothing there, or it is not what its name says.
    """
    source = open_source(data)
    if any(entry.label is not None for entry in source.entries):
        return source
    named = [(entry, *told_by_folders(entry.path)) for entry in source.entries]
    # Two class folders may hold files of one name; then only the path tells them apart.
    names = Counter(entry.id for entry in source.entries)
    source.entries = [
        replace(
            entry,
            id=entry.id if names[entry.id] == 1 else entry.path,
            label=label,
            split=split or entry.split,
        )
        for entry, label, split in named
    ]
    return source
