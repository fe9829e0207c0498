"""Which host a request names, and whether the page that sent it is of that host."""

from typing import Final
from urllib.parse import urlsplit

THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")


def host_name(host: str) -> str:
    """Return a Host header without its port and brackets, in small letters; "" where it is none."""
    try:
        parts = urlsplit(f"//{host}")
        return (parts.hostname or "") if parts.netloc == host and "@" not in host else ""
    except ValueError:  # a bracket without its other half
        return ""


def is_own_origin(origin: str, host: str) -> bool:
    """Return whether an Origin header is of the very host and port that a request goes to."""
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False
