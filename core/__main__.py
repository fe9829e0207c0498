"""`python -m core`: the engine without the app.

What a command does is imported when it runs: `card` does not wait for what `score` needs, and
--help for nothing.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

from core.command_line import Flat, Program, run_program, settings
from core.errors import RunError
from core.options import (
    AuditOptions,
    ExplainOptions,
    MergeOptions,
    OnnxOptions,
    RegionsOptions,
    ReportOptions,
    ScoreOptions,
    VerifyOptions,
)

# Before PyTorch loads: threads that wait must not spin against other programs on the machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Before timm loads: no model hub is ever asked.
os.environ["HF_HUB_OFFLINE"] = "1"


def score(options: Annotated[ScoreOptions, Flat]) -> int:
    """Score patches into a CSV or Parquet file.

    Write one row per input, in input order. Exit status: 0 all scored, 1 some inputs could not be
    scored (their rows say why), 2 wrong usage or no usable model.
    """
    from core.scoring.command import score_command

    return score_command(options)


def merge(options: Annotated[MergeOptions, Flat]) -> int:
    """Join the outputs of score --shard into the output of one run, byte for byte.

    Exit status: 0 all scored, 1 some inputs could not be scored, 2 wrong usage.
    """
    from core.scoring.command import merge_command

    return merge_command(options)


def export(options: Annotated[OnnxOptions, Flat]) -> int:
    """Write a model's network as ONNX, for other programs.

    Patches go in as uint8; enlargement and normalisation are part of the graph.
    """
    from core.engine.conversion import write_onnx

    write_onnx(options.model, options.onnx)
    return 0


def card(*, model: Path | None = None) -> int:
    """Print what a model bundle claims, as Markdown.

    Args:
        model: Model bundle (default: NODELENS_MODEL, else the shipped one).
    """
    from core.bundle import card_table, read_card

    sys.stdout.write(card_table(read_card(model or settings().model_dir)))
    return 0


def verify(options: Annotated[VerifyOptions, Flat]) -> int:
    """Check a review store or an exported log for any change.

    Check the chain of hashes, that every event could follow the ones before, the schema and the
    file. Reads only. Exit status: 0 unbroken, 1 broken (the findings say where), 2 wrong usage.
    """
    from core.review.verify import verify_command

    return verify_command(options)


def explain(options: Annotated[ExplainOptions, Flat]) -> int:
    """Draw maps over patches, test their centre, and write a table of the measures.

    Write one row per input, in input order, and a picture per scored patch: the patch beside its
    map, the centre 32 × 32 marked, all on one scale. Exit status: 0 all explained, 1 some inputs
    could not be (their rows say why), 2 wrong usage or no usable model. A map shows what the
    network reacted to; it is no finding.
    """
    from core.explanation.command import explain_command

    return explain_command(options)


def report(options: Annotated[ReportOptions, Flat]) -> int:
    """Write the PDF report of a reviewed case.

    The same record, patches, model and operating point give the same bytes on the same machine.
    """
    from core.report.command import report_command

    return report_command(options)


def audit(options: Annotated[AuditOptions, Flat]) -> int:
    """Check a data set: files, labels, splits, quality, duplicates, plain statistics.

    Write tables (Parquet), findings.json and report.html, which needs no network. Exit status: 0
    no errors among the findings, 1 some, 2 wrong usage.
    """
    from core.audit.run import audit_command

    return audit_command(options)


def doctor() -> int:
    """Check this installation: versions, model, record, locks, disk, permissions.

    Nothing is changed. Exit status: 0 it works, 1 something is broken.
    """
    from core.doctor import report

    return report(settings())


def backup(folder: Path, *, jobs: bool = False) -> int:
    """Copy the record, locks, keys and kept patches into a new folder, also while the app runs.

    Args:
        folder: New folder for the copy.
        jobs: Copy batches and audits too.
    """
    from core.backup import back_up

    copied = back_up(settings(), folder, jobs=jobs)
    sys.stdout.write(f"{', '.join(copied) or 'Nothing to copy'}: {folder}\n")
    return 0


def regions(options: Annotated[RegionsOptions, Flat]) -> int:
    """Score the tissue of a slide cell by cell, and outline the regions of flagged cells.

    Each cell of 32 × 32 px at 0.97 µm/px is judged by its own 96 × 96. Write cells (Parquet, CSV,
    GeoJSON for QuPath), regions, a heat map and a summary. Coarse to fine by default: one of every
    2 × 2 cells, then what could complete a square of flagged ones. Exit status: 0 all scored,
    1 some places or slides could not be read, 2 wrong usage or no usable model. A region
    of flagged cells is no measured tumour.
    """
    try:
        from core.slides.command import regions_command
    except ModuleNotFoundError as error:
        raise RunError(
            f"Slides need the package {error.name}. Install it: pip install -e '.[slides]'"
        ) from None

    return regions_command(options)


PROGRAM: Final = Program(
    "python -m core",
    "Score 96 × 96 lymph-node patches for tumour in the centre 32 × 32. Research software, not a "
    "medical device. Exit status: 0 done, 1 something could not be scored or a fault was found, 2 "
    "wrong usage, 70 an error of the program or the machine.",
    (score, merge, regions, export, card, verify, explain, report, audit, doctor, backup),
    stopped="Stopped. `score`, `regions` and `audit` continue with --resume.",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status; errors are sentences, not tracebacks."""
    return run_program(PROGRAM, arguments)


if __name__ == "__main__":
    sys.exit(main())
