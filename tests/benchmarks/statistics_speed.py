"""Prints how fast the statistics engine is at 220,025 patches of 216 slides, against its targets.

Run it as `python -m tests.benchmarks.statistics_speed`. Each line ends with target / measured, so
that above 1 is met; for the comparison with scikit-learn, measured / target. Use one thread
(OMP_NUM_THREADS=1) to compare machines. Not a test: a busy machine is no bug.
"""

import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np
from sklearn.metrics import roc_auc_score

from core.statistics import Evidence, OperatingTable, SlideBootstrap

ROWS, SLIDES, REPLICATES, QUERIES = 220_025, 216, 2000, 1000


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The best of some repeats, in seconds."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return min(times)


def say(what: str, found: str, ratio: float) -> None:
    """One aligned line."""
    sys.stdout.write(f"{what:<52} {found:>14}   {ratio:7.2f} x the target\n")


def toy() -> Evidence:
    """As many patches and slides as the Kaggle set; 88 slides with tumour, 128 without."""
    rng = np.random.default_rng(1)
    slide = rng.integers(0, SLIDES, ROWS)
    labels = rng.random(ROWS) < np.where(np.arange(SLIDES) < 88, 0.95, 0.02)[slide]
    signal = 4.0 * labels - 2.0 + rng.normal(0, 0.7, SLIDES)[slide] + rng.normal(0, 1.3, ROWS)
    names = np.array([f"slide_{number:03d}" for number in range(SLIDES)])
    return Evidence.of(labels, (1 / (1 + np.exp(-signal))).astype(np.float32), names[slide])


def main() -> None:
    """Measure and print."""
    evidence = toy()
    table = OperatingTable.of(evidence)
    thresholds = np.random.default_rng(2).random(QUERIES).tolist()
    table.confusion(0.5)
    one_by_one = seconds(lambda: [table.confusion(t) for t in thresholds], 7)
    say(f"{QUERIES} threshold queries one by one (5 ms)", f"{one_by_one:.4f} s", 5e-3 / one_by_one)
    at_once = seconds(lambda: table.confusions(thresholds), 7)
    say(f"{QUERIES} threshold queries at once (5 ms)", f"{at_once:.4f} s", 5e-3 / at_once)

    built: list[SlideBootstrap] = []

    def set_up() -> None:
        fresh = Evidence(evidence.labels, evidence.scores, evidence.slides)
        built.append(SlideBootstrap.of(fresh, np.random.default_rng(3), REPLICATES))
        _ = built[-1].win_matrix

    setting_up = seconds(set_up, 3)
    say("slide bootstrap of the AUROC, set-up (1.5 s)", f"{setting_up:.3f} s", 1.5 / setting_up)
    replicates = seconds(built[-1].auroc, 5)
    say(f"{REPLICATES} replicates of the AUROC (0.3 s)", f"{replicates:.4f} s", 0.3 / replicates)

    weights = built[-1].draws[0][evidence.slide_codes]
    loop = REPLICATES * seconds(
        lambda: roc_auc_score(evidence.labels, evidence.scores, sample_weight=weights), 3
    )
    for what, ours in (("counted", replicates + setting_up), ("left out", replicates)):
        faster = loop / ours
        say(f"against scikit-learn, set-up {what} (100 x)", f"{faster:.0f} x", faster / 100)


if __name__ == "__main__":
    main()
