"""Command: write a folder of drawn sample patches."""

import sys
from pathlib import Path

from PIL import Image

from core.command_line import Program, run_program
from core.slides.drawn import draw_slide, write_pyramid
from tools.drawing.patch import draw_set
from tools.drawing.samples import write_samples


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


def slide(*, out: Path, seed: int = 3) -> int:
    """Draw a slide: a lymph node with tumour islands whose places are known. It is no tissue.

    Writes a tiled pyramidal TIFF, and where the tumour is (NAME.tumour.png, white is tumour).

    Args:
        out: File to write, ending in .tif.
        seed: Seed of the drawing; the app's has 3.
    """
    image, tumour = draw_slide(seed=seed)
    write_pyramid(out, image)
    Image.fromarray(tumour).save(out.with_suffix(".tumour.png"))
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Draw the samples that the command line asks for; return the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    program = Program("python -m tools.drawing", "Drawn samples.", [draw, slide])
    return run_program(program, given if given[:1] == ["slide"] else ["draw", *given])


if __name__ == "__main__":
    sys.exit(main())
