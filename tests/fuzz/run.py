"""Coverage-guided fuzzing: `python -m tests.fuzz.run TARGET [-runs=N] [libFuzzer options]`.

Targets: decoder, zip, hdf5, tables, card, journal, points. An escape ends the run, and its input
is left as `crash-…` in the current folder.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["core"]):
    from tests.fuzz.targets import TARGETS, run_once, seeds


def main(arguments: list[str]) -> None:
    """Fuzz one target."""
    if len(arguments) < 2 or arguments[1] not in TARGETS:
        sys.exit(f"Name a target: {', '.join(TARGETS)}.")
    target = arguments[1]
    corpus = Path(tempfile.mkdtemp(prefix=f"corpus-{target}-"))
    for number, seed in enumerate(seeds(target)):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = ["-max_len=65536", "-timeout=30", "-rss_limit_mb=3000"]
    atheris.Setup(
        [arguments[0], *options, *arguments[2:], str(corpus)], lambda data: run_once(target, data)
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
