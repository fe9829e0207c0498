"""What the operator of an installation decides, read from environment variables.

NODELENS_DATA_DIR           where jobs, locked thresholds and verdicts are kept
NODELENS_MODEL              folder of the model bundle
NODELENS_DEVICE             auto, cpu or cuda
NODELENS_PRECISION          exact, or fast for 16-bit arithmetic where the device has it
NODELENS_ENGINES_DIR        where networks converted for this machine are kept
NODELENS_SERVER_ROOTS       folders that users may name as a source, joined by ":" (";" on Windows);
                            empty: no user reads anything on the server
NODELENS_MAX_UPLOAD_FILES   files in one upload
NODELENS_MAX_UPLOAD_MIB     size of one upload
NODELENS_QUOTA_MIB          what one person's uploads may fill in all; not set: no limit
NODELENS_KEEP_DAYS          batches and audits are deleted so many days after they were last worked
                            on; not set: never
NODELENS_REVIEW_ANCHORS     file in which the ends of the record of verdicts are noted; best where
                            nobody who can write the data folder can change it
NODELENS_LEADS              names or logins of those who may lock thresholds and see who gave which
                            verdict, joined by ","; empty: everybody, unless a login is in use
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeVar, get_args

from core.errors import SettingsError, SourceError
from core.files import Below

PROJECT: Final = Path(__file__).resolve().parents[1]
SHIPPED_MODEL: Final = PROJECT / "assets" / "model"
SHIPPED_GRAPHS: Final = PROJECT / "assets" / "graphs"
SAMPLES_TABLE: Final = PROJECT / "assets" / "samples" / "samples.csv"
"""Drawn patches: they show no tissue and come from no patient."""

Device = Literal["auto", "cpu", "cuda"]
PrecisionName = Literal["exact", "fast"]
T = TypeVar("T", bound=str)
D = TypeVar("D", Path, None)
_MAX_UPLOAD_FILES: Final = 5_000
_MAX_UPLOAD_MIB: Final = 1_024
_MIB: Final = 1024 * 1024


@dataclass(frozen=True)
class Settings:
    """One installation; what each field means stands above, at its variable.

    Attributes:
        server_roots: Resolved; empty switches it off.
        anchors_file: None is beside the record.
        engines_dir: None is in the data folder.
        quota_bytes: None is no limit.
        keep_days: None is never.
    """

    data_dir: Path
    model_dir: Path = SHIPPED_MODEL
    device: Device = "auto"
    precision: PrecisionName = "exact"
    server_roots: tuple[Path, ...] = ()
    max_upload_files: int = _MAX_UPLOAD_FILES
    max_upload_bytes: int = _MAX_UPLOAD_MIB * _MIB
    leads: frozenset[str] = frozenset()
    anchors_file: Path | None = None
    engines_dir: Path | None = None
    quota_bytes: int | None = None
    keep_days: int | None = None

    jobs_dir = Below("data_dir", "jobs")
    """Where uploads and scores are kept."""
    audits_dir = Below("data_dir", "audits")
    """Where audits of data sets and what was uploaded for them are kept."""
    slides_dir = Below("data_dir", "slides")
    """Where slides, what was chosen for them and their scores are kept."""
    operating_points_dir = Below("data_dir", "operating_points")
    """Where locked operating points are kept."""
    local_decisions_dir = Below("data_dir", "local_decisions")
    """Where it is recorded whether the model is used here."""
    review_store = Below("data_dir", "review.sqlite")
    """The record of all verdicts."""
    pseudonym_key = Below("data_dir", "pseudonym_key.txt")
    """The key under which exports hide names, files and slides."""
    review_patches_dir = Below("data_dir", "review_patches")
    """Where the patches of opened cases are kept, by hash."""
    map_checks = Below("data_dir", "map_checks.jsonl")
    """What came of the check of each map in a review or a report, by hash of the patch."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Return the settings in environment variables; what is not set has its default.

        Raises:
            SettingsError: A variable holds something that cannot be done.
        """
        mib = _positive(environment, "NODELENS_MAX_UPLOAD_MIB", _MAX_UPLOAD_MIB)
        return cls(
            data_dir=_path(environment, "NODELENS_DATA_DIR", default_data_dir(environment)),
            model_dir=_path(environment, "NODELENS_MODEL", SHIPPED_MODEL),
            device=_choice(environment, "NODELENS_DEVICE", get_args(Device)),
            precision=_choice(environment, "NODELENS_PRECISION", get_args(PrecisionName)),
            server_roots=_roots(environment.get("NODELENS_SERVER_ROOTS", "")),
            max_upload_files=_positive(environment, "NODELENS_MAX_UPLOAD_FILES", _MAX_UPLOAD_FILES),
            max_upload_bytes=mib * _MIB,
            leads=_names(environment.get("NODELENS_LEADS", "")),
            anchors_file=_path(environment, "NODELENS_REVIEW_ANCHORS", None),
            engines_dir=_path(environment, "NODELENS_ENGINES_DIR", None),
            quota_bytes=_limit(environment, "NODELENS_QUOTA_MIB", _MIB),
            keep_days=_limit(environment, "NODELENS_KEEP_DAYS", 1),
        )

    @property
    def graphs_dir(self) -> Path:
        """Where networks converted for this machine's engine are kept."""
        return self.engines_dir or self.data_dir / "engines"

    @property
    def review_anchors(self) -> Path:
        """Where ends of the record are noted."""
        return self.anchors_file or self.data_dir / "review_anchors.txt"

    def server_source(self, text: str) -> Path:
        """Return the source that a user named, with every link in its path followed.

        Whether something exists is only told of places below the allowed folders.

        Raises:
            SourceError: It lies outside the allowed folders, or is not there.
        """
        path = resolved_below(text, self.server_roots)
        try:
            there = path.exists()
        except OSError:  # a name longer than the system allows
            there = False
        if not there:
            raise SourceError("There is no such file or folder on the server. Check the path.")
        return path

    def check_upload(self, sizes_bytes: list[int]) -> None:
        """Raise unless an upload of files with these sizes is allowed.

        Raises:
            SourceError: Too many files, or too large.
        """
        if len(sizes_bytes) > self.max_upload_files:
            raise SourceError(
                f"Found {len(sizes_bytes):,} files; one upload takes at most "
                f"{self.max_upload_files:,}. Put the patches into a ZIP and upload that."
            )
        total = sum(sizes_bytes)
        if total > self.max_upload_bytes:
            raise SourceError(
                f"The upload has {total / _MIB:,.0f} MiB; at most "
                f"{self.max_upload_bytes // _MIB:,} MiB are allowed. Split it, or ask the operator "
                "to put the patches on the server."
            )


def resolved_below(text: str, roots: tuple[Path, ...]) -> Path:
    """Return a path with every link in it followed, if it lies at or below one of the roots.

    Raises:
        SourceError: It does not.
    """
    refusal = SourceError(
        "This path is not below a folder that this installation may read. "
        "Name one below the folders listed here, or ask the operator to allow it."
    )
    try:
        path = Path(text.strip().strip("\"'"))
        resolved = path.resolve() if path.is_absolute() else None
    except (OSError, ValueError, RuntimeError):  # a zero byte, a loop of links, a name too long
        raise refusal from None
    if resolved is None or not any(resolved.is_relative_to(root) for root in roots):
        raise refusal
    return resolved


def default_data_dir(environment: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Return the user's folder for data of programs, by the platform's own rule."""
    home = Path.home()
    if platform == "win32":
        base = environment.get("LOCALAPPDATA")
        return (Path(base) if base else home / "AppData" / "Local") / "nodelens"
    if platform == "darwin":
        return home / "Library" / "Application Support" / "nodelens"
    base = environment.get("XDG_DATA_HOME")
    return (Path(base) if base else home / ".local" / "share") / "nodelens"


def _path(environment: Mapping[str, str], name: str, default: D) -> Path | D:
    text = environment.get(name, "")
    return Path(text).expanduser().absolute() if text else default


def _choice(environment: Mapping[str, str], name: str, choices: tuple[T, ...]) -> T:
    """Return the choice that a variable names, the first without one."""
    text = environment.get(name, "") or choices[0]
    if text not in choices:
        *most, last = choices
        raise SettingsError(
            f"{name} is {text!r}; expected {', '.join(map(str, most))} or {last}. Correct it and "
            "start the app again."
        )
    return choices[choices.index(text)]


def _positive(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise SettingsError(
            f"{name} is {text!r}; expected a whole number of 1 or more. Correct it and start the "
            "app again."
        )
    return int(text)


def _limit(environment: Mapping[str, str], name: str, unit: int) -> int | None:
    return _positive(environment, name, 1) * unit if environment.get(name, "") else None


def _names(text: str) -> frozenset[str]:
    """Return names as a login tells them: addresses in small letters, others as they are."""
    names = filter(None, map(str.strip, text.split(",")))
    return frozenset(name if " " in name or "@" not in name else name.lower() for name in names)


def _roots(text: str) -> tuple[Path, ...]:
    roots = []
    for part in filter(None, text.split(os.pathsep)):
        path = Path(part).expanduser()
        if not path.is_absolute() or not path.is_dir():
            raise SettingsError(
                f"NODELENS_SERVER_ROOTS names {part!r}; expected absolute paths of folders that "
                "exist. Correct it and start the app again."
            )
        roots.append(path.resolve())
    return tuple(roots)
