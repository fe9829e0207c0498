"""`fetch`: the published data sets from where they are published; nothing else asks the network."""

import json
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from torchvision.datasets import PCAM
from tqdm import tqdm

from core.errors import RunError, in_a_line, why
from core.files import sha256_of, write_json
from core.tables import read_table
from training.options import FetchOptions

RECORD_FILE: Final = "fetched.json"
COMPETITION: Final = "histopathologic-cancer-detection"
KAGGLE_LABELS: Final = 220_025
_NEEDED_BYTES: Final = 16_000_000_000
"""Of PCam and of Kaggle's data alike."""


def run_fetch(options: FetchOptions) -> Path:
    """Download a data set, check it, record its hashes, and return its folder.

    What is there and whole already is not downloaded again.

    Raises:
        RunError: There is no network, no client or no room, or what came is not what was published.
    """
    options.to.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(options.to).free
    if free < _NEEDED_BYTES:
        raise RunError(
            f"{options.to} has {free / 1e9:.1f} GB free; archive and files together need about "
            f"{_NEEDED_BYTES / 1e9:.0f} GB. Name a larger disk."
        )
    if options.data_set == "kaggle":
        return _fetch_kaggle(options.to)
    return _fetch_pcam(options.to, options.split)


def next_step(folder: Path) -> str:
    """Return what to do with fetched data."""
    if any(folder.glob("camelyonpatch_*.h5")):
        return f"Next: python -m training fit --data {folder} --out RUN"
    return (
        "The competition publishes no table of slides, so patches cannot be split by slide. With "
        f"{folder / 'patch_id_wsi.csv'} (id,wsi) from elsewhere: python -m training fit --data "
        f"{folder} --out RUN\nWithout it, only a random split is possible, whose scores are too "
        f"good (0.99 where new slides give 0.84 to 0.92): python -m training fit --data {folder} "
        "--out RUN --random-split"
    )


def _fetch_pcam(root: Path, splits: Sequence[str]) -> Path:
    for split in splits:
        try:
            # torchvision checks the MD5 of every archive that it downloads.
            PCAM(root, split=split, download=True)
        except Exception as error:  # noqa: BLE001 - gdown, HTTP and DNS errors share no base class
            raise RunError(
                f"PCam's split {split} could not be downloaded ({type(error).__name__}: "
                f"{in_a_line(error)}). Connect this machine to the network and "
                "`pip install gdown`, or copy camelyonpatch_level_2_split_*.h5 into "
                f"{root / 'pcam'} by hand."
            ) from None
    folder = root / "pcam"
    _record(folder, sorted(folder.glob("camelyonpatch_*.h5")), "torchvision.datasets.PCAM")
    return folder


def _fetch_kaggle(root: Path) -> Path:
    archive = root / f"{COMPETITION}.zip"
    if not archive.is_file():
        _download_from_kaggle(root)
    _unpack(archive, root)
    labels = len(read_table(root / "train_labels.csv", required=["id", "label"]).rows)
    patches = sum(1 for _ in (root / "train").glob("*.tif"))
    if labels != KAGGLE_LABELS or patches != labels:
        raise RunError(
            f"Found {labels:,} labels and {patches:,} training patches; the competition has "
            f"{KAGGLE_LABELS:,} of each. Delete {archive.name} and fetch again."
        )
    _record(root, [archive, root / "train_labels.csv"], f"Kaggle competition {COMPETITION}")
    return root


def _download_from_kaggle(root: Path) -> None:
    client = shutil.which("kaggle")
    if client is None:
        raise RunError(
            "Found no Kaggle client. `pip install kaggle`, set up your token as its guide says, "
            f"accept the rules of {COMPETITION} on its page and fetch again. Or download the "
            f"archive there and put it into {root}."
        )
    command = [client, "competitions", "download", "-c", COMPETITION, "-p", str(root)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no shell, no user text but a path
    if process.returncode:
        message = " ".join((process.stderr or process.stdout).split())[-200:]
        raise RunError(
            f"The Kaggle client failed ({message}). Check network, token, and that the rules of "
            f"{COMPETITION} are accepted."
        )


def _unpack(archive: Path, root: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as packed:
            for member in tqdm(packed.infolist(), desc="unpack", unit="file"):
                target = root / member.filename
                if target.is_file() and target.stat().st_size == member.file_size:
                    continue
                packed.extract(member, root)  # checks the CRC and stays inside root
    except (OSError, zipfile.BadZipFile) as error:
        raise RunError(
            f"{archive.name} is damaged ({why(error)}). Delete it and fetch again."
        ) from None


def _record(folder: Path, files: Sequence[Path], source: str) -> None:
    hashes = {file.name: sha256_of(file) for file in files}
    record = folder / RECORD_FILE
    if record.is_file():
        before = json.loads(record.read_text("utf-8"))["sha256"]
        changed = sorted(
            name for name in hashes.keys() & before.keys() if hashes[name] != before[name]
        )
        if changed:
            raise RunError(
                f"{', '.join(changed)} changed since they were fetched. Delete them and fetch "
                "again."
            )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    write_json(record, {"source": source, "checked": now, "sha256": hashes})
