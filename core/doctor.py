"""Whether an installation works: versions, model, stores, disk, permissions; what would break."""

import io
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import numpy as np
from PIL import Image

from core.errors import NodelensError, why
from core.files import FolderLock, existing_above, torn_records
from core.jobs.folder import SPARE_BYTES, JobFolder
from core.patches.reader import read_image
from core.review import ReviewStore
from core.review.anchors import AnchorFile, read_anchors
from core.review.verify import verify_store
from core.scoring import open_classifier
from core.settings import PROJECT, Settings
from core.tables import counted
from core.thresholds import OperatingPointStore

_PINNED: Final = PROJECT / "requirements.txt"
_LOW_BYTES: Final = 5 * 1024**3


class Grade(StrEnum):
    """How a check ended."""

    FINE = "ok"
    WARNING = "warning"
    BROKEN = "BROKEN"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    level: Grade
    detail: str


def examine(settings: Settings) -> Iterator[Check]:
    """Yield the checks of an installation; nothing is changed."""
    yield Check("versions", *_versions())
    yield Check("model", *_model(settings))
    yield Check("reader process", *_reader())
    for looked_at in (_data_folder, _record, _thresholds, _torn):
        try:
            yield from looked_at(settings)
        except OSError as error:
            problem = f"{error.filename} cannot be used by this account: {why(error)}."
            yield Check("data folder", Grade.BROKEN, problem)
            break  # what else cannot be used is as good as named
    if settings.leads:
        condition = "they are leads only if a login confirms the name."
        yield Check("leads", Grade.WARNING, f"{len(settings.leads)} named; {condition}")
    for root in settings.server_roots:
        readable = os.access(root, os.R_OK | os.X_OK)
        level = Grade.FINE if readable else Grade.BROKEN
        yield Check("server root", level, f"{root} {'can' if readable else 'cannot'} be read.")


def _versions() -> tuple[Grade, str]:
    differ = []
    pinned = _PINNED.read_text("utf-8") if _PINNED.is_file() else ""
    for name, tested in re.findall(r"^([\w.-]+)==(\S+)$", pinned, re.MULTILINE):
        try:
            installed = version(name)
        except PackageNotFoundError:
            differ.append(f"{name} is missing")
            continue
        if installed.split("+")[0] != tested:
            differ.append(f"{name} {installed} instead of {tested}")
    here = f"Python {sys.version.split()[0]}"
    if differ:
        return Grade.WARNING, f"{here}; not the tested set: {', '.join(differ)}."
    return Grade.FINE, f"{here}, the set that was tested together."


def _model(settings: Settings) -> tuple[Grade, str]:
    try:
        classifier = open_classifier(settings.model_dir, device=settings.device)
    except NodelensError as error:
        return Grade.BROKEN, str(error)
    test = classifier.self_test
    return Grade.FINE, (
        f"{classifier.model_id} on {classifier.engine.device} ({classifier.engine.name}); "
        f"self-test differs by {test.largest_difference_logit:.2g} logits, "
        f"{test.tolerance_logit:g} allowed."
    )


def _reader() -> tuple[Grade, str]:
    out = io.BytesIO()
    image = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    Image.fromarray(image).save(out, "PNG")
    try:
        same = bool((read_image(out.getvalue()).image_rgb_u8 == image).all())
    except NodelensError as error:
        return Grade.BROKEN, str(error)
    sentence = "Foreign images are read in a separate process."
    return Grade.FINE if same else Grade.BROKEN, sentence


def _data_folder(settings: Settings) -> Iterator[Check]:
    folder = settings.data_dir
    if not folder.is_dir():
        above = existing_above(folder)
        if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
            problem = f"{folder} does not exist yet; the app will create it."
            yield Check("data folder", Grade.WARNING, problem)
        else:
            problem = f"{folder} cannot be created: {above} is not a writable folder."
            yield Check("data folder", Grade.BROKEN, problem)
        return
    for one in (folder, *sorted(folder.iterdir() if os.access(folder, os.R_OK) else ())):
        if not os.access(one, os.R_OK | os.W_OK | (os.X_OK if one.is_dir() else 0)):
            problem = f"{one} cannot be read and written by this account."
            yield Check("data folder", Grade.BROKEN, problem)
    mode = stat.S_IMODE(folder.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        problem = f"{folder} is open to other accounts of this machine ({mode:o}). chmod 700 it."
        yield Check("data folder", Grade.WARNING, problem)
    else:
        yield Check("data folder", Grade.FINE, str(folder))
    free = shutil.disk_usage(folder).free
    if free < SPARE_BYTES:
        problem = f"{free / 1024**2:,.0f} MiB; nothing can be uploaded, and writing may fail."
        yield Check("free disk", Grade.BROKEN, f"{problem} Delete batches or make room.")
    else:
        level = Grade.FINE if free > _LOW_BYTES else Grade.WARNING
        yield Check("free disk", level, f"{free / 1024**3:,.1f} GiB.")
    if os.access(folder, os.W_OK | os.X_OK):
        lock = FolderLock(folder)
        who = "No" if lock.held() else "An"
        yield Check("in use", Grade.FINE, f"{who} app works in the data folder.")
        lock.release()


def _record(settings: Settings) -> Iterator[Check]:
    yield Check("record of verdicts", *_state_of_record(settings))


def _state_of_record(settings: Settings) -> tuple[Grade, str]:
    path, anchors = settings.review_store, settings.review_anchors
    try:
        if not path.is_file():
            last = AnchorFile(anchors).last()
            if last is None:
                return Grade.FINE, "None yet."
            ReviewStore(path, anchors=AnchorFile(anchors))
        noted = read_anchors(anchors) if anchors.is_file() else None
        verdict = verify_store(path, noted=noted)
    except NodelensError as error:
        return Grade.BROKEN, str(error)
    if not verdict.ok:
        return Grade.BROKEN, "Changed: run `python -m core verify`."
    if verdict.remarks:
        return Grade.WARNING, " ".join(verdict.remarks)
    return Grade.FINE, "The chain of hashes is unbroken."


def _thresholds(settings: Settings) -> Iterator[Check]:
    folder = settings.operating_points_dir
    faults = []
    for model in sorted(folder.iterdir()) if folder.is_dir() else ():
        if model.is_dir():
            faults += OperatingPointStore(folder).faults(model.name)
    for fault in faults:
        yield Check("locked thresholds", Grade.BROKEN, fault)
    if not faults:
        yield Check("locked thresholds", Grade.FINE, "All unchanged since they were locked.")


def _torn(settings: Settings) -> Iterator[Check]:
    """What a power cut or a full disk left, and what is passed over because of it."""
    for folder in (settings.operating_points_dir, settings.local_decisions_dir):
        for file in sorted(folder.rglob("*.jsonl")) if folder.is_dir() else ():
            if torn := torn_records(file):
                problem = f"{counted(torn, 'line')} of {file} torn; the others count."
                yield Check("records", Grade.WARNING, problem)
    for folder in (settings.jobs_dir, settings.audits_dir, settings.slides_dir):
        if lost := JobFolder(folder).unreadable():
            problem = f"{counted(len(lost), 'job')} of {folder} cannot be read ({lost[0]})."
            what = (
                "No one can see them. They are deleted when they expire; or delete their folders."
            )
            yield Check("jobs", Grade.WARNING, f"{problem} {what}")


def report(settings: Settings) -> int:
    """Print the checks and return the exit status: 0, or 1 if something is broken."""
    broken = False
    for check in examine(settings):
        sys.stdout.write(f"{check.level:8} {check.name}: {check.detail}\n")
        broken |= check.level is Grade.BROKEN
    return int(broken)
