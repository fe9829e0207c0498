"""A small data set with faults, and its audit."""

from pathlib import Path

import numpy as np
from PIL import Image

from core.audit.store import AuditStore
from core.jobs import Job
from tests.toys import noise_patches

OWNER = "t" * 43
PATCHES = 24


def write_data_set(folder: Path) -> None:
    """Write 24 noise patches of four slides, and three faults.

    Patch 24 is a copy of patch 0 with the other label in the other split, patch 25 is one flat
    colour, and broken.png is no image.
    """
    folder.mkdir(parents=True)
    lines = ["id,label,slide,split"]
    images = [*list(noise_patches(PATCHES)), noise_patches(1)[0], np.full((96, 96, 3), 120, "u1")]
    for number, image in enumerate(images):
        copied = number == PATCHES
        Image.fromarray(image).save(folder / f"p{number:02d}.png")
        split = "valid" if copied or number % 4 == 3 else "train"
        lines.append(f"p{number:02d},{1 - number % 2 if not copied else 0},s{number % 4},{split}")
    (folder / "broken.png").write_bytes(b"not an image")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")


def audited(root: Path) -> tuple[AuditStore, Job]:
    """Audit the data set with faults in a folder, to its end."""
    write_data_set(root / "set")
    store = AuditStore(root / "audits", server_roots=(root.resolve(),))
    job = store.jobs.add_server_path(OWNER, "set", (root / "set").resolve())
    store.start(job)
    store.wait(job, timeout_s=120)
    assert store.progress(job).state == "done", store.progress(job).error
    return store, job
