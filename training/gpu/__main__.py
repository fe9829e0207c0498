"""`python -m training.gpu`: from packed archives to the weights and scores of a whole course."""

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from core.command_line import Flat, Program, run_program

if TYPE_CHECKING:
    from torch import Tensor

    from training.gpu.archive import PackedPatches
    from training.gpu.course import Cohort, Plan
    from training.gpu.lockstep import Weights

REHEARSED_STEPS: Final = 2
REHEARSED_BATCH: Final = 4
PATCHES_FILE: Final = "patches.npz"


@dataclass(frozen=True, kw_only=True)
class CourseOptions:
    """What a course works with.

    Attributes:
        archives: Folder of ZIP archives of 96 × 96 pictures named by id.
        table: CSV with id, label and slide_group ("" where unknown).
        init: ImageNet weights of the network, safetensors in timm's naming.
        out: Folder for weights and scores; decoded patches are kept beside it.
        rehearse: Take so many patches and two steps a stage, to see that everything runs.
        seed: Of folds, order and variation.
        trunk_steps: Batches of 64 at 96 px.
        branch_steps: Of each branch at 192 px.
        student_steps: Of each student, at most.
        small_steps: Of each small student.
        colour: Share of the recipe's limits of stain and light.
        swaps: Share of the patches that take on the stain statistics of another.
        transplants: Share of the patches that teachers see in other surroundings.
        branches: Networks that each student follows.
        students: For each student its share of transplants; they are averaged.
        small: Input sizes of further students.
        seconds: Time of the whole course; the students' steps are cut to fit.
    """

    archives: Path
    table: Path
    init: Path
    out: Path
    rehearse: int | None = None
    seed: int = 0
    trunk_steps: int = 1400
    branch_steps: int = 900
    student_steps: int = 1500
    small_steps: int = 1500
    colour: float = 0.5
    swaps: float = 0.3
    transplants: float = 0.15
    branches: int = 3
    students: tuple[float, ...] = (0.0, 0.4)
    small: tuple[int, ...] = (96,)
    seconds: float | None = None


def course(options: Annotated[CourseOptions, Flat]) -> int:
    """Train folds and refit; write weights, out-of-fold scores and what each stage reached."""
    import numpy as np  # noqa: PLC0415 - help does not wait for PyTorch
    import torch  # noqa: PLC0415
    from safetensors.torch import save_file  # noqa: PLC0415

    from training.gpu.course import CHOSEN, Course  # noqa: PLC0415

    cohort, start = _prepared(options)
    plan = _plan(options)
    say(f"{plan}")

    def keep(name: str, networks: "Sequence[Weights]", size_px: int) -> None:
        facts = {"stage": name, "input_size_px": str(size_px)}
        *folds, refit = networks
        for number, weights in enumerate((refit, *folds)):
            part = f"fold-{number}" if number else "refit"
            path = options.out / f"{name}-{part}.safetensors"
            # A file of weights in 32 bits is below 16 MiB; small students' folds take half of it.
            half = number and name != CHOSEN
            save_file(_plain(weights, torch.float16 if half else torch.float32), path, facts)
        write()

    def write() -> None:
        tables: dict[str, Any] = {
            "ids": cohort.packed.ids,
            "slides": cohort.packed.slides,
            "labels": cohort.packed.labels,
            "folds": cohort.folds,
            **way.scores,
        }
        np.savez_compressed(options.out / "scores.npz", **tables)
        cuda = torch.cuda.is_available()
        facts = {
            "plan": asdict(plan),
            "table": way.table,
            "chosen": way.chosen,
            "torch": torch.__version__,
            "device": torch.cuda.get_device_name() if cuda else "cpu",
        }
        (options.out / "course.json").write_text(json.dumps(facts, indent=1, default=str))

    way = Course(cohort, plan, start, say, seed=options.seed, keep=keep)
    way.run()
    write()
    return 0


def say(line: str) -> None:
    """Print a line with the seconds since the start of the process."""
    sys.stdout.write(f"{time.monotonic() - _STARTED:7.1f} s  {line}\n")
    sys.stdout.flush()


_STARTED: Final = time.monotonic()


def _prepared(options: CourseOptions) -> "tuple[Cohort, dict[str, Tensor]]":
    import torch  # noqa: PLC0415

    from training.gpu.course import ARCHITECTURE, Cohort  # noqa: PLC0415
    from training.runs.initial import initial_network  # noqa: PLC0415

    options.out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    packed = _patches(options)
    say(f"{len(packed.ids)} patches, {int(packed.labels.sum())} with tumour, {device}")
    torch.manual_seed(options.seed)
    network, _ = initial_network(ARCHITECTURE, str(options.init))
    start = {name: value.to(device) for name, value in network.state_dict().items()}
    return Cohort.of(packed, device, seed=options.seed), start


def _patches(options: CourseOptions) -> "PackedPatches":
    from training.gpu.archive import PackedPatches, read_archives  # noqa: PLC0415

    kept = options.out.parent / PATCHES_FILE
    if kept.is_file() and not options.rehearse:
        return PackedPatches.read(kept)
    packed = read_archives(
        sorted(options.archives.glob("*.zip")),
        options.table,
        processes=os.cpu_count() or 1,
        limit=8 * options.rehearse if options.rehearse else None,
    )
    if options.rehearse:
        return packed.first(options.rehearse)
    packed.write(kept)
    return packed


def _plan(options: CourseOptions) -> "Plan":
    from training.gpu.course import COLOUR, Plan, scaled  # noqa: PLC0415
    from training.gpu.variation import Strength  # noqa: PLC0415

    def steps(wanted: int) -> int:
        return REHEARSED_STEPS if options.rehearse else wanted

    usual = Plan(Strength(scaled(COLOUR, options.colour), options.transplants, options.swaps))
    return replace(
        usual,
        trunk_steps=steps(options.trunk_steps),
        branch_steps=steps(options.branch_steps),
        student_steps=steps(options.student_steps),
        small_steps=steps(options.small_steps),
        branches=options.branches,
        students=options.students,
        small=options.small,
        seconds=options.seconds,
        batch_size=REHEARSED_BATCH if options.rehearse else usual.batch_size,
    )


def _plain(weights: "Weights", dtype: Any) -> "dict[str, Tensor]":  # noqa: ANN401 - a torch dtype
    return {
        name: (value.to(dtype) if value.is_floating_point() else value).cpu().contiguous()
        for name, value in weights.items()
    }


PROGRAM = Program(
    "python -m training.gpu",
    "The shipped model's course for one large GPU and a few minutes: folds and a refit side by "
    "side. It runs on a CPU too, far slower.",
    (course,),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    return run_program(PROGRAM, arguments)


if __name__ == "__main__":
    sys.exit(main())
