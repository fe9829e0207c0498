"""A run on a cluster of two machines of which one is lost in the middle."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from core.__main__ import main
from core.errors import RunError
from core.options import ScoreOptions
from core.scoring.cluster import ShardScorer, score_on_cluster
from tests.toys import write_patches

pytest.importorskip("ray")
from ray.cluster_utils import Cluster

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]


class DyingOnce(ShardScorer):
    """Is killed at its third shard, in whichever process that is; the next one scores it."""

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        died = self.options.out.with_name("died")
        if row["number"] == 3 and not died.exists():
            died.write_text(str(os.getpid()), "utf-8")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(row)


def test_a_cluster_gives_the_bytes_of_one_run_though_a_worker_is_killed(
    toy_bundle: Path, tmp_path: Path
) -> None:
    patches = tmp_path / "patches"
    write_patches(patches, 40)
    (patches / "patch-004.png").write_bytes(b"no picture")
    whole, out = tmp_path / "whole.csv", tmp_path / "out.csv"
    given = ["score", str(patches), "--model", str(toy_bundle), "--batch-size", "3"]
    assert main([*given, "--out", str(whole)]) == 1
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        options = ScoreOptions(patches, out=out, model=toy_bundle, batch_size=3)
        counts = score_on_cluster(options, cluster.address, DyingOnce)
    finally:
        cluster.shutdown()
    assert (tmp_path / "died").exists()
    assert out.read_bytes() == whole.read_bytes()
    assert counts == {"scored": 39, "failed": 1, "withheld": 0}


def test_where_no_cluster_is_the_command_says_so(toy_bundle: Path, tmp_path: Path) -> None:
    write_patches(tmp_path / "patches", 1)
    options = ScoreOptions(tmp_path / "patches", out=tmp_path / "o.csv", model=toy_bundle)
    with pytest.raises(RunError, match="no Ray cluster at auto"):
        score_on_cluster(options, "auto")
