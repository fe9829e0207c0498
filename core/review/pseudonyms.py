"""Names, files and slides replaced by keyed pseudonyms: alike in every export, not to be undone.

A plain hash of a file's name, or of its bytes, could be looked up by whoever has a list of names or
the files. With a secret key (HMAC-SHA256) only the holder of the key can tell which pseudonym
belongs to which name, by computing it anew.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from core.errors import StoreError, why

_KEY_BYTES: Final = 32
_SHOWN: Final = 16


class Pseudonyms:
    """Pseudonyms under one key; the same key gives the same ones."""

    def __init__(self, key: bytes) -> None:
        """Take a secret key.

        Raises:
            StoreError: It is not 32 bytes long.
        """
        if len(key) != _KEY_BYTES:
            raise StoreError(
                f"The key of the pseudonyms has {len(key)} bytes; expected {_KEY_BYTES}. Restore "
                "it from a backup, or delete it: exports then get new pseudonyms."
            )
        self._key = key

    def of(self, kind: str, name: str) -> str:
        """Return the pseudonym of a name; the kind stands before it, and keeps kinds apart."""
        digest = hmac.new(self._key, f"{kind}\n{name}".encode(), hashlib.sha256).hexdigest()
        return f"{kind}-{digest[:_SHOWN]}"


def named(hide: Pseudonyms | None, kind: str, name: str) -> str:
    """Return a name, or its pseudonym where names are hidden."""
    return name if hide is None else hide.of(kind, name)


def stored_pseudonyms(path: Path) -> Pseudonyms:
    """Return the pseudonyms under the key in a file; a new key is made if there is none.

    Raises:
        StoreError: The file cannot be read or written, or holds no key.
    """
    try:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return Pseudonyms(bytes.fromhex(path.read_text("ascii")))
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            key = secrets.token_bytes(_KEY_BYTES)
            file.write(key.hex())
        return Pseudonyms(key)
    except (OSError, ValueError) as error:
        raise StoreError(
            f"The key of the pseudonyms, {path.name}, cannot be used: {why(error)}. Restore it."
        ) from error
