"""Command: write a folder of drawn sample patches."""

import json
import sys
from pathlib import Path

from PIL import Image

from core.command_line import Program, run_program
from tools.drawing.patch import draw_set
from tools.drawing.samples import write_samples
from tools.drawing.slide import SLIDE_MM, describe, draw_slide, write_slide


def draw(*, out: Path, count: int = 24, seed: int = 7) -> int:
    """Draw sample patches that look like H&E lymph node. They are not tissue.

    Args:
        out: Folder to write into.
        count: How many patches.
        seed: Seed of the set.
    """
    rows = write_samples(draw_set(count, seed), out, set_seed=seed)
    sys.stdout.write(f"{len(rows)} drawn patches in {out}\n")
    return 0


def slide(*, out: Path, side_mm: float = SLIDE_MM, seed: int = 5) -> int:
    """Draw a slide: a lymph node with tumour islands whose places are known. It is no tissue.

    Writes a tiled pyramidal TIFF, where the tumour is (NAME.tumour.png, white is tumour) and what
    was drawn (NAME.json). Takes minutes and 4 GB of memory.

    Args:
        out: File to write, ending in .tif.
        side_mm: Height and width.
        seed: Seed of the drawing.
    """
    drawn = draw_slide(side_mm=side_mm, seed=seed)
    write_slide(out, drawn.image_rgb_u8)
    Image.fromarray(drawn.tumour_mask).save(out.with_suffix(".tumour.png"))
    truth = json.dumps(describe(drawn), indent=2, ensure_ascii=False)
    out.with_suffix(".json").write_text(truth + "\n", "utf-8")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Draw the samples that the command line asks for; return the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    program = Program("python -m tools.drawing", "Drawn samples.", [draw, slide])
    return run_program(program, given if given[:1] == ["slide"] else ["draw", *given])


if __name__ == "__main__":
    sys.exit(main())
