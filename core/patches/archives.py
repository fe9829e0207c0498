"""Patches in a ZIP, read member by member in memory: nothing is extracted, no name is trusted."""

import threading
import zipfile
import zlib
from pathlib import Path
from typing import Final

from core.errors import PatchError, SourceError
from core.patches.decoding import MAX_PATCH_BYTES
from core.patches.naming import is_hidden, require_patch_suffix, shown_path, stem
from core.patches.patch import PatchEntry
from core.patches.source import PatchSource

MAX_MEMBERS: Final = 1_000_000
_ENCRYPTED: Final = 0x1


class ZipSource(PatchSource):
    """The members of a ZIP in archive order, folders and hidden files left out."""

    kind = "zip"

    def __init__(self, archive: Path, *, name: str | None = None) -> None:
        """Open the archive and read its table of contents.

        Raises:
            SourceError: It is no ZIP, is damaged, or lists more than a million members.
        """
        self.name = name or archive.name
        self._lock = threading.Lock()
        try:
            self._zip = zipfile.ZipFile(archive)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise SourceError(
                f"{self.name} is not a readable ZIP ({error}). "
                "Make the archive again, without splitting it."
            ) from None
        members = self._zip.infolist()
        if len(members) > MAX_MEMBERS:
            self._zip.close()
            raise SourceError(
                f"{self.name} lists {len(members):,} files; at most {MAX_MEMBERS:,} are read. "
                "Split the patches over several archives."
            )
        inputs = [
            (shown, member)
            for member in members
            if not member.is_dir() and not is_hidden(shown := shown_path(member.filename))
        ]
        self.entries = [PatchEntry(id=stem(shown), path=shown) for shown, _ in inputs]
        self._members = [member for _, member in inputs]

    def read_bytes(self, index: int) -> bytes:
        """Return one member's bytes, at most as many as a patch can have."""
        require_patch_suffix(self.entries[index].path)
        member = self._members[index]
        if member.flag_bits & _ENCRYPTED:
            raise PatchError("The file is encrypted. Make the archive without a password.")
        if member.file_size > MAX_PATCH_BYTES:
            raise PatchError(
                f"The file unpacks to {member.file_size / 2**20:.1f} MiB; a patch has at most "
                f"{MAX_PATCH_BYTES // 2**20} MiB. Leave it out of the archive."
            )
        try:
            with self._lock, self._zip.open(member) as file:
                return file.read(MAX_PATCH_BYTES + 1)
        except (OSError, RuntimeError, ValueError, EOFError, zlib.error) as error:
            raise _damaged(error) from None
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise _damaged(error) from None

    def close(self) -> None:
        """Close the archive."""
        self._zip.close()


def _damaged(error: Exception) -> PatchError:
    return PatchError(
        f"The archive is damaged at this file ({error or type(error).__name__}). "
        "Make the archive again."
    )
