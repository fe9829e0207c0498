"""The checks of `tests/gpu/check.sh`; each stands alone, and what fails is told at the end."""

import json
import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.bundle import Bundle, read_bundle
from core.engine import Engine, Precision, TorchEngine, d4_views
from core.engine.cuda import CudaEngine
from core.engine.engine import FAST_TOLERANCE_LOGIT
from core.patches import ImageU8
from core.settings import SHIPPED_MODEL

LIMIT_S = float(os.environ.get("LIMIT_S", "230")) - 20
"""After this no check begins."""
LEAST_OF_ENGINE = 0.85
LEAST_OF_RESIDENT = 0.80
EXACT_TOLERANCE_LOGIT = 2e-3
ROUNDS = 3 if torch.cuda.is_available() else 1


@dataclass
class Checks:
    """What was found so far.

    Attributes:
        place: A folder for data.
        bundle: The shipped model.
        images: Its golden patches in eight orientations, (256, 96, 96, 3).
        many: Patches to be timed on.
        found: Numbers by name.
        failed: What was not as it must be.
    """

    place: Path
    bundle: Bundle
    images: ImageU8
    many: int
    found: dict[str, Any] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    engines: dict[str, Engine] = field(default_factory=dict)

    def note(self, **numbers: object) -> None:
        """Keep and print numbers."""
        self.found |= numbers
        for name, value in numbers.items():
            sys.stdout.write(f"{name:<46} {value}\n")

    def require(self, holds: bool, what: str) -> None:
        """Keep what does not hold."""
        if not holds:
            self.failed.append(what)


def open_cuda(checks: Checks, precision: Precision, **options: bool | int) -> Engine:
    """Return the engine on the GPU; without one, PyTorch on the CPU stands in."""
    card = checks.bundle.card
    parts = (card.architecture, card.preprocessing, checks.bundle.weights)
    if torch.cuda.is_available():
        return CudaEngine(*parts, precision=precision, **options)  # type: ignore[arg-type]
    return TorchEngine(*parts, device="cpu")


def rate(work: Callable[[], object], patches: int, rounds: int = ROUNDS) -> dict[str, float]:
    """Return patches a second: median, lowest and highest of some rounds after one that warms."""
    work()
    rates = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        rates.append(patches / (time.perf_counter() - started))
    return {
        "median": round(float(np.median(rates)), 1),
        "lowest": round(min(rates), 1),
        "highest": round(max(rates), 1),
    }


def scores(checks: Checks) -> None:
    """Compare the scores on the GPU with PyTorch's on the CPU."""
    card = checks.bundle.card
    reference = TorchEngine(
        card.architecture, card.preprocessing, checks.bundle.weights, device="cpu"
    )
    expected = reference.logits(checks.images)
    threshold = np.log(card.operating_point.threshold / (1 - card.operating_point.threshold))
    calls = expected / card.temperature >= threshold
    for precision, most in ((Precision.EXACT, EXACT_TOLERANCE_LOGIT), (Precision.FAST, None)):
        engine = checks.engines[precision] = open_cuda(checks, precision)
        logits = engine.logits(checks.images)
        alone = np.concatenate([engine.logits(checks.images[i : i + 1]) for i in range(4)])
        largest = float(np.abs(logits - expected).max())
        changed = int(((logits / card.temperature >= threshold) != calls).sum())
        checks.note(
            **{
                f"{precision}_engine": engine.description,
                f"{precision}_largest_difference_logit": largest,
                f"{precision}_changed_calls": f"{changed} of {len(calls)}",
                f"{precision}_bits_depend_on_neighbours": bool((alone != logits[:4]).any()),
            }
        )
        checks.require(
            largest <= (most or FAST_TOLERANCE_LOGIT), f"{precision} scores differ by {largest:.4g}"
        )
    details = checks.engines[Precision.EXACT].details(checks.images[:32])
    bias = details.logits - (0 if details.evidence is None else details.evidence.sum(axis=(1, 2)))
    checks.note(evidence_sums_to_logit_within=float(np.ptp(bias)))
    checks.require(float(np.ptp(bias)) < EXACT_TOLERANCE_LOGIT, "evidence does not sum to logits")


def engine_alone(checks: Checks) -> None:
    """Time the engine on data in memory."""
    data = np.resize(checks.images, (checks.many, *checks.images.shape[1:]))
    for precision in Precision:
        engine = checks.engines[precision]
        measured_rate = rate(lambda engine=engine: engine.logits(data), len(data))  # type: ignore[misc]
        checks.note(**{f"{precision}_engine_alone_per_s": measured_rate})
    few = data[: max(8, checks.many // 8)]
    engine = checks.engines[Precision.EXACT]
    one = rate(lambda: engine.logits(few), len(few))["median"]
    eight = rate(lambda: engine.d4_logits(few), len(few))["median"]
    checks.note(d4_costs_times_one=round(one / eight, 2))


def whole_runs(checks: Checks) -> None:
    """Time whole scoring runs, record on disk included, from packed data and from files."""
    from PIL import Image  # noqa: PLC0415 - each check imports what it needs, so one may lack

    from core.patches import open_source  # noqa: PLC0415
    from core.scoring import (  # noqa: PLC0415
        Classifier,
        open_journal,
        run_scoring,
        run_self_test,
        specify,
    )

    data = np.resize(checks.images, (checks.many, *checks.images.shape[1:]))
    packed = checks.place / "packed.npy"
    np.save(packed, data)
    files = checks.place / "files"
    files.mkdir()
    count = checks.many // 4
    for number in range(count):
        Image.fromarray(data[number]).save(files / f"{number:06d}.tif")
    card = checks.bundle.card
    for precision in Precision:
        engine = checks.engines[precision]
        test = run_self_test(checks.bundle, engine)
        checks.require(test.passed, f"{precision}: golden patches differ: {test}")
        classifier = Classifier(checks.bundle, engine, test, card.operating_point, card.temperature)
        for name, path, patches in (("packed", packed, len(data)), ("files", files, count)):

            def run(path: Path = path, classifier: Classifier = classifier) -> None:
                with open_source(path) as source:
                    spec = specify(source, classifier, batch_size=classifier.engine.batch_size)
                    journal = open_journal(checks.place / "journal", spec, source, resume=False)
                    with closing(journal):
                        run_scoring(source, classifier, journal)

            measured_rate = rate(run, patches)
            alone = checks.found[f"{precision}_engine_alone_per_s"]["median"]
            share = measured_rate["median"] / alone
            checks.note(
                **{
                    f"{precision}_{name}_per_s": measured_rate,
                    f"{precision}_{name}_share_of_engine": round(share, 3),
                }
            )
            if name == "packed":
                checks.require(
                    share >= LEAST_OF_ENGINE, f"{precision}: packed data reach {share:.0%} only"
                )


def variants(checks: Checks) -> None:
    """Time what else the engine could do: no graphs, other batches."""
    if not torch.cuda.is_available():
        return
    data = np.resize(checks.images, (checks.many, *checks.images.shape[1:]))
    for precision in Precision:
        for options in ({"graphs": False}, {"batch_size": 64}, {"batch_size": 512}):
            engine = open_cuda(checks, precision, **options)
            measured_rate = rate(lambda engine=engine: engine.logits(data), len(data), 2)  # type: ignore[misc]
            name = "_".join(f"{key}_{value}" for key, value in options.items())
            checks.note(**{f"{precision}_{name}_per_s": measured_rate})


def training(checks: Checks) -> None:
    """Time training steps fed from the pack, against the same steps on data that lie ready."""
    from tests.benchmarks.training_speed import open_run, our_loop  # noqa: PLC0415
    from tests.gpu.training_data import ReadyFeed, write_training_patches  # noqa: PLC0415
    from training.recipes.recipe import load_recipe  # noqa: PLC0415
    from training.runs.device import pass_precision, prepare_device  # noqa: PLC0415

    device = prepare_device("auto", None)
    folder = checks.place / "training" / "data"
    patches = min(checks.many, 4096)
    write_training_patches(folder, checks.images, patches)
    for name in ("resnet18", "ours_lite0_192"):
        recipe = load_recipe(name)
        run = open_run(folder, recipe, device, pass_precision(device, recipe.precision))
        loop = our_loop(run)
        trained = run.patches_per_epoch
        fed = rate(loop, trained)
        ready = our_loop(ReadyFeed.put_into(run))
        resident = rate(ready, trained)
        share = fed["median"] / resident["median"]
        checks.note(
            **{
                f"training_{name}_per_s": fed,
                f"training_{name}_data_on_device_per_s": resident,
                f"training_{name}_share": round(share, 3),
            }
        )
        checks.require(share >= LEAST_OF_RESIDENT, f"training {name} reaches {share:.0%} only")


def main() -> int:
    """Run the checks, write the numbers, return 0 if all is as it must be."""
    started = time.monotonic()
    out = Path(os.environ.get("OUT") or tempfile.mkdtemp(prefix="gpu-check-"))
    gpu = torch.cuda.is_available()
    if not gpu:
        sys.stdout.write("NO GPU WAS FOUND. The script is rehearsed; its numbers are the CPU's.\n")
    with tempfile.TemporaryDirectory() as place:
        bundle = read_bundle(SHIPPED_MODEL)
        images = np.concatenate(d4_views(bundle.golden_images))
        many = int(os.environ.get("PATCHES") or (16_384 if gpu else 64))
        checks = Checks(Path(place), bundle, images if gpu else images[:16], many)
        checks.note(
            device=torch.cuda.get_device_name(0) if gpu else "none: the CPU stands in",
            python=platform.python_version(),
            torch=torch.__version__,
            patches=many,
        )
        for check in (scores, engine_alone, whole_runs, training, variants):
            if time.monotonic() - started > LIMIT_S:
                checks.failed.append(f"{check.__name__}: no time was left")
                continue
            try:
                check(checks)
            except Exception:  # noqa: BLE001 - the other checks go on
                traceback.print_exc()
                checks.failed.append(f"{check.__name__}: {traceback.format_exc(limit=-1)}")
            checks.note(**{f"{check.__name__}_done_at_s": round(time.monotonic() - started, 1)})
            content = json.dumps(checks.found | {"failed": checks.failed}, indent=2)
            (out / "gpu_check.json").write_text(content + "\n", "utf-8")
    sys.stdout.write(f"Numbers: {out / 'gpu_check.json'}\n")
    for failure in checks.failed:
        sys.stdout.write(f"NOT AS IT MUST BE: {failure}\n")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
