"""Jobs on disk: what is to be worked on, for whom, and the rows that are there so far.

A job is a folder, and nothing in memory that could be lost. Folders and stored files are named by
us; the names of uploads are text in a manifest only.
"""

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic import TypeAdapter

from core.errors import RunError, SourceError, why
from core.files import existing_above, replacing, write_json
from core.patches import PatchEntry, PatchSource, ZipSource, files_source, open_source
from core.patches.beside import NamedFile
from core.patches.naming import shown_path
from core.patches.opening import complete
from core.patches.source import ChainedSource, RefusedSource
from core.scoring import (
    AppliedPoint,
    ScoreRow,
    TestTimeAugmentation,
    labelled,
    read_rows,
)
from core.settings import SAMPLES_TABLE, resolved_below
from core.tables import KnownById, labels_in, parse_table, read_table

_JOB_FILE: Final = "job.json"
_RUN_FILE: Final = "run.json"
_LABELS_FILE: Final = "labels.csv"
_POINT_FILE: Final = "applied-point.json"
_LOOK_FILE: Final = ".looked-for-expired"
_DRAWN_SAMPLES: Final = "drawn samples"
_INPUT_FOLDER: Final = "input"
_JOB_ID: Final = re.compile(r"^[0-9a-f]{32}$")
_ANOTHER_APP: Final = (
    "Another NodeLens is using this data folder. Here you can view everything but cannot start or "
    "delete anything. Use the other one, or close it and reload this page."
)
_NOT_WRITABLE: Final = (
    "NodeLens cannot write to its data folder. You cannot start or delete anything, and no verdict "
    "is recorded. Tell whoever runs it; `python -m core doctor` says what is wrong."
)
_DAY_S: Final = 86_400
SPARE_BYTES: Final = 256 * 1024 * 1024
"""Left free for rows, verdicts and everybody else."""
_COPY_BYTES: Final = 1024 * 1024


class NamedBytes(Protocol):
    """An uploaded file: a name from somebody's disk and readable bytes."""

    name: str

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes."""
        ...


@dataclass(frozen=True)
class StoredFile:
    """One uploaded file in a job's folder.

    Attributes:
        stored: Our name for it.
        name: The owner's name for it, safe to show.
    """

    stored: str
    name: str


@dataclass(frozen=True)
class Job:
    """What is to be scored, for whom, how.

    Attributes:
        id: 32 hexadecimal digits.
        owner: SHA-256 of the owner's token; the token itself is not stored.
        name: What the owner calls it.
        created: When, UTC, ISO 8601.
        server_path: Source on the server, or None for an upload. What the installation draws has
            a name instead of a path, so that installation and data can be moved.
        uploads: The uploaded files, in order.
        tta: Test-time augmentation.
        precision: "fast" if so chosen; "" as the installation is set.
        source_name: What its source is called in records: its first name; "" if it has had one.
        tables: Tables of labels that were copied here, by versions that did so.
        twin: Id of the job elsewhere that has the same files, of an audit the batch; "" for none.
    """

    id: str
    owner: str
    name: str
    created: str
    server_path: str | None
    uploads: tuple[StoredFile, ...]
    tta: str = str(TestTimeAugmentation.NONE)
    precision: str = ""
    source_name: str = ""
    tables: tuple[StoredFile, ...] = ()
    twin: str = ""

    @property
    def is_drawn(self) -> bool:
        """Whether it is of the drawn samples, which are not tissue."""
        return self.server_path in {_DRAWN_SAMPLES, str(SAMPLES_TABLE)}


_JOB: Final = TypeAdapter(Job)
_APPLIED: Final = TypeAdapter(AppliedPoint)


def why_unchanged(data_dir: Path) -> str:
    """Return why a process that does not have the lock of a data folder cannot have it."""
    above = existing_above(data_dir)
    writable = above.is_dir() and os.access(above, os.W_OK | os.X_OK)
    return _ANOTHER_APP if writable else _NOT_WRITABLE


class JobFolder:
    """The jobs of every owner in one folder; safe to use from several threads."""

    def __init__(self, folder: Path, *, server_roots: Sequence[Path] | None = None) -> None:
        """Keep jobs below `folder`, which is made at need.

        Args:
            folder: Where to.
            server_roots: Resolved folders, or single files, below which sources on the server may
                lie; checked whenever such a job is opened. None trusts whoever adds the job.
        """
        self.folder = folder
        self._server_roots = None if server_roots is None else tuple(server_roots)
        self._writable: Callable[[], bool] = lambda: True

    def only_while(self, writable: Callable[[], bool]) -> None:
        """Change nothing but while a function says so: another process may own the folder."""
        self._writable = writable

    @property
    def is_writable(self) -> bool:
        """Whether this process may change the folder."""
        return self._writable()

    def require_writable(self) -> None:
        """Raise unless this process may change the folder.

        Raises:
            SourceError: Another one works in it, or none may.
        """
        if not self._writable():
            raise SourceError(why_unchanged(self.folder.parent))

    def add_upload(self, owner: str, name: str, files: Iterable[NamedBytes]) -> Job:
        """Keep uploaded files as a new job and return it.

        Args:
            owner: The owner's secret token.
            name: What to call the job.
            files: Images or ZIPs, in the order in which they are to be scored.

        Raises:
            SourceError: There is no file, or no room for it, or the folder is another app's.
        """
        self.require_writable()
        job_id = secrets.token_hex(16)
        folder = self.folder / job_id
        stored: list[StoredFile] = []
        try:
            (folder / _INPUT_FOLDER).mkdir(parents=True)
            for number, file in enumerate(files):
                place = StoredFile(f"{number:06d}", shown_path(file.name))
                with (folder / _INPUT_FOLDER / place.stored).open("wb") as target:
                    while block := file.read(_COPY_BYTES):
                        target.write(block)
                stored.append(place)
            if not stored:
                raise SourceError("Nothing to score: no file was chosen.")
            return self._new_job(job_id, owner, name, uploads=stored)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError) and not isinstance(error, SourceError):
                raise SourceError(
                    f"The upload could not be stored ({why(error)}). Tell the "
                    "operator: the disk may be full or the data folder read-only."
                ) from None
            raise

    def require_room(self, owner: str, size: int, *, quota: int | None = None) -> None:
        """Raise unless an upload of so many bytes fits.

        Args:
            owner: The owner's secret token.
            size: Of the upload, bytes.
            quota: What all uploads of one owner may fill, bytes; None is no limit.

        Raises:
            SourceError: The disk is nearly full, the owner's uploads would fill too much, or this
                process may not change the folder.
        """
        self.require_writable()
        self.folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self.folder).free < size + SPARE_BYTES:
            raise SourceError(
                "There is not enough free space for this upload. Delete batches that are no "
                "longer needed, or tell the operator."
            )
        if quota is None:
            return
        used = sum(map(self.size, self.jobs(owner)))
        if used + size > quota:
            raise SourceError(
                f"Your batches take up {used / 2**20:,.0f} MiB and this upload {size / 2**20:,.0f} "
                f"MiB; your limit is {quota / 2**20:,.0f} MiB. Delete batches that you no longer "
                "need."
            )

    def size(self, job: Job) -> int:
        """Return the bytes that a job fills."""
        files = (self.folder / job.id).rglob("*")
        return sum(file.lstat().st_size for file in files if file.is_file())

    def expire(self, days: int) -> int:
        """Delete every owner's jobs that nobody worked on for so many days; return how many.

        A folder whose manifest is damaged, or whose owner's cookie is lost, goes the same way.
        The age is that at the look before, a day ago or more: a clock set forward is seen by then.
        """
        self.require_writable()
        look = self.folder / _LOOK_FILE
        now, before = time.time(), look.stat().st_mtime if look.is_file() else inf
        if 0 <= now - before < _DAY_S:
            return 0
        with contextlib.suppress(OSError):  # on a full disk what is old goes all the same
            look.touch()
        if before > now:
            return 0
        old = []
        for folder in map(self.folder.joinpath, self._ids()):
            with contextlib.suppress(OSError):  # a file, or of another account
                times = [folder.stat().st_mtime, *(f.stat().st_mtime for f in folder.iterdir())]
                if max(times) < before - days * _DAY_S:
                    old.append(folder)
        for folder in old:
            shutil.rmtree(folder, ignore_errors=True)
        return len(old)

    def add_server_path(self, owner: str, name: str, path: Path) -> Job:
        """Return a new job that scores a source on the server; the caller has allowed the path."""
        self.require_writable()
        job_id = secrets.token_hex(16)
        (self.folder / job_id).mkdir(parents=True)
        named = _DRAWN_SAMPLES if path == SAMPLES_TABLE else str(path)
        return self._new_job(job_id, owner, name, server_path=named)

    def adopt(self, owner: str, other: "JobFolder", job: Job) -> Job:
        """Return a new job here of what a job elsewhere holds: files and labels, no rows.

        Files are linked, not copied; either job can be deleted without the other. A later table
        that tells no labels stays behind.
        """
        self.require_writable()
        job_id = secrets.token_hex(16)
        was, folder = other.folder / job.id, self.folder / job_id
        folder.mkdir(parents=True)
        later = was / _LABELS_FILE
        for file in (*(was / _INPUT_FOLDER).glob("*"), later):
            if file.is_file() and (file != later or _tells_labels(later)):
                to = folder / file.relative_to(was)
                to.parent.mkdir(exist_ok=True)
                try:
                    to.hardlink_to(file)
                except OSError:  # another disk
                    shutil.copyfile(file, to)
        mine = replace(job, id=job_id, owner=_digest(owner), source_name="", twin=job.id)
        return self.write(replace(mine, created=datetime.now(UTC).isoformat(timespec="seconds")))

    def added_labels(self, job: Job) -> Path:
        """Return where a table of labels is that was added later."""
        return self.folder / job.id / _LABELS_FILE

    def _new_job(
        self,
        job_id: str,
        owner: str,
        name: str,
        *,
        server_path: str | None = None,
        uploads: Sequence[StoredFile] = (),
    ) -> Job:
        job = Job(
            id=job_id,
            owner=_digest(owner),
            name=shown_path(name)[:200],
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            server_path=server_path,
            uploads=tuple(uploads),
        )
        return self.write(job)

    def write(self, job: Job) -> Job:
        """Keep a job as it now is and return it."""
        write_json(self.folder / job.id / _JOB_FILE, asdict(job), indent=None)
        return job

    def rename(self, job: Job, name: str) -> Job:
        """Return the job under another name; a run that was stopped can still be resumed."""
        first = job.source_name or job.name
        return self.write(replace(job, name=shown_path(name.strip())[:200], source_name=first))

    def jobs(self, owner: str) -> list[Job]:
        """Return the owner's jobs, newest first; nobody else's."""
        mine = [job for job in self._all() if secrets.compare_digest(job.owner, _digest(owner))]
        return sorted(mine, key=lambda job: (job.created, job.id), reverse=True)

    def job(self, owner: str, job_id: str) -> Job | None:
        """Return one of the owner's jobs, None if there is no such job of this owner."""
        return next((job for job in self.jobs(owner) if job.id == job_id), None)

    def unreadable(self) -> list[str]:
        """Return the jobs that nobody sees: half made when a process died, or damaged."""
        return sorted(set(self._ids()) - {job.id for job in self._all()})

    def _ids(self) -> list[str]:
        names = [folder.name for folder in self.folder.iterdir()] if self.folder.is_dir() else []
        return [name for name in names if _JOB_ID.match(name)]

    def _all(self) -> Iterator[Job]:
        for job_id in self._ids():
            try:
                yield _checked((self.folder / job_id / _JOB_FILE).read_bytes())
            except (OSError, ValueError):
                continue  # half made when the process died, or being removed

    def open(self, job: Job, added: Sequence[NamedFile] = ()) -> PatchSource:
        """Return the job's source, with what the tables that came with it tell.

        Args:
            job: The job.
            added: Tables that came later and are believed rather.

        Raises:
            SourceError: It is gone, not what it claims to be, or outside the allowed folders.
        """
        files = self.uploaded_files(job)
        added = [*files[len(job.uploads) :], *added]
        if job.server_path is not None:
            path, confine_to = self.place_on_server(job.server_path)
            read = [path / table.name for table in job.tables]
            return open_source(path, confine_to=confine_to, ignore=read, added=added)
        name = job.source_name or job.name
        archives = [file for file in files[: len(job.uploads)] if file[0].lower().endswith(".zip")]
        images = [file for file in files[: len(job.uploads)] if file not in archives]
        parts: list[PatchSource] = []
        for called, place in archives:
            try:
                parts.append(ZipSource(place, name=called))
            except SourceError as error:
                if len(job.uploads) == 1:
                    raise
                parts.append(RefusedSource(called, str(error)))
        if images:
            parts.append(files_source(name, images))
        source = parts[0] if len(parts) == 1 else ChainedSource(name, "files", parts)
        return complete(source, added, name=name)

    def place_on_server(self, text: str) -> tuple[Path, Path | None]:
        """Return a source on the server, and the folder that nothing it names may lead out of.

        Raises:
            SourceError: It is outside the allowed folders.
        """
        if text == _DRAWN_SAMPLES:
            return SAMPLES_TABLE, SAMPLES_TABLE.parent
        if self._server_roots is None:
            return Path(text), None
        path = resolved_below(text, self._server_roots)
        root = next(root for root in self._server_roots if path.is_relative_to(root))
        return path, root if root.is_dir() else root.parent

    def uploaded_files(self, job: Job) -> list[tuple[str, Path]]:
        """Return the owner's name of each uploaded file, safe to show, and where its bytes are."""
        folder = self.folder / job.id / _INPUT_FOLDER
        return [(file.name, folder / file.stored) for file in (*job.uploads, *job.tables)]

    def journal(self, job: Job) -> Path:
        """Return where the job's rows are."""
        return self.folder / job.id / "scores.jsonl"

    def explanations(self, job: Job) -> Path:
        """Return where measures of the job's patches are kept; they go when the job goes."""
        return self.folder / job.id / "explanations.jsonl"

    def surroundings(self, job: Job) -> Path:
        """Return where it is kept what the job's tumour calls rest on; it goes with the job."""
        return self.folder / job.id / "surroundings.jsonl"

    def decides_rows(self, job: Job) -> tuple[Path, ...]:
        """Return the files that decide a job's rows, whether they are there or not."""
        return self.journal(job), self.added_labels(job), self.folder / job.id / _POINT_FILE

    def rows(self, job: Job, start: int = 0) -> list[ScoreRow]:
        """Return the rows so far, from `start` on, with later labels and at the applied point."""
        path = self.journal(job)
        if not path.exists():
            return []
        labels = self.labels(job).placed(row.path for row in read_rows(path))
        rows = labelled(read_rows(path, start), labels)
        applied = self.applied(job)
        return list(rows if applied is None else applied.call(rows))

    def labels(self, job: Job) -> KnownById:
        """Return what the copied tables, and the one that was added later, say of each patch."""
        given = self.uploaded_files(job)[len(job.uploads) :]
        later = self.added_labels(job)
        if later.is_file():
            given.append((later.name, later))
        known: dict[str, Mapping[str, str]] = {}
        for name, path in given:
            labels = labels_in(parse_table(name, path.read_bytes()))
            known |= {key: {**known.get(key, {}), **row} for key, row in labels.rows.items()}
        return KnownById(known)

    def add_labels(
        self,
        job: Job,
        name: str,
        data: bytes,
        called: Mapping[str, str] | None = None,
        *,
        entries: Sequence[PatchEntry] | None = None,
    ) -> None:
        """Keep a table of labels for the job's patches, instead of one that was added before.

        Args:
            job: The job.
            name: Of the table, for messages.
            data: Its bytes.
            called: See `parse_table`; such a table is kept under our names.
            entries: What is audited, which makes findings of contradictions; None: what is scored.

        Raises:
            SourceError: It is no such table, or none of its ids is of a patch of this job.
        """
        self.require_writable()
        table = parse_table(shown_path(name), data, called=called)
        patches = self.rows(job) if entries is None else entries
        known = labels_in(table).placed(patch.path for patch in patches)
        if known.contradictions and entries is None:
            raise SourceError(f"{known.contradictions[0]} Write the names of the files here.")
        if not any(known.of(patch.id, patch.path) for patch in patches):
            raise SourceError(f"{known.of_no_patch()} The column id must contain the file names.")
        with replacing(self.added_labels(job)) as temporary:
            temporary.write_bytes(table.to_csv() if called else data)

    def applied(self, job: Job) -> AppliedPoint | None:
        """Return the operating point that was applied to the finished rows; None for their own."""
        path = self.folder / job.id / _POINT_FILE
        if not path.is_file():
            return None
        return _APPLIED.validate_json(path.read_bytes())

    def apply(self, job: Job, applied: AppliedPoint) -> None:
        """Call the finished rows at another operating point; their scores stay.

        Raises:
            RunError: They were scored by another model, or at another temperature.
        """
        path = self.journal(job)
        if not path.exists() or not applied.fits(read_rows(path)):
            raise RunError(
                f"These scores are not from {applied.model_id}, so its threshold does not apply to "
                "them. Re-score the batch."
            )
        self.require_writable()
        content = _APPLIED.dump_python(applied, mode="json")
        write_json(self.folder / job.id / _POINT_FILE, content, indent=None)

    def write_run(self, job: Job, metadata: dict[str, Any]) -> None:
        """Keep what is known of the run beside its rows."""
        write_json(self.folder / job.id / _RUN_FILE, metadata, indent=None)

    def read_run(self, job: Job) -> dict[str, Any] | None:
        """Return what is known of the job's last run; None before it ended."""
        path = self.folder / job.id / _RUN_FILE
        return dict(json.loads(path.read_text("utf-8"))) if path.exists() else None

    def run_notes(self, job: Job) -> list[str]:
        """Return what is to be said of the input of the job's last run as a whole."""
        return list((self.read_run(job) or {}).get("notes", ()))

    def looks_swapped(self, job: Job) -> bool:
        """Return whether red and blue looked swapped in the job's last run, as its notes say."""
        return bool((self.read_run(job) or {}).get("colours_swapped"))

    def forget_rows(self, job: Job) -> None:
        """Delete the job's rows and what is known of its run; labels that were added stay."""
        folder = self.folder / job.id
        for file in (self.journal(job), folder / _POINT_FILE, folder / _RUN_FILE):
            file.unlink(missing_ok=True)

    def delete(self, job: Job) -> None:
        """Delete the job with its uploads and rows."""
        self.require_writable()
        folder, gone = self.folder / job.id, self.folder / f".{job.id}.deleted"
        # Out of the way first: what still measures its patches finds no folder to write to, and a
        # file written while the others go would keep the folder.
        with contextlib.suppress(OSError):
            folder.rename(gone)
        for left in (gone, folder):
            shutil.rmtree(left, ignore_errors=True)


def _checked(manifest: bytes) -> Job:
    """A job as it was written, or ValueError: one odd manifest must not hide the others."""
    job = _JOB.validate_json(manifest, strict=True)
    datetime.fromisoformat(job.created)
    TestTimeAugmentation(job.tta)
    return job


def _tells_labels(file: Path) -> bool:
    try:
        table = read_table(file)
        return "label" in table.rows and bool(labels_in(table).rows)
    except SourceError:
        return False


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
