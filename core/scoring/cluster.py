"""A scoring run on many machines: Ray gives its shards to actors that hold the model.

A shard that is lost with its machine is scored again by another; the shards are joined as `merge`
does, so the bytes are those of one run on one machine.
"""

import os
import tempfile
from pathlib import Path
from typing import Any, Final

from core.errors import NodelensError, RunError, in_a_line
from core.options import ScoreOptions
from core.scoring.classifier import TestTimeAugmentation
from core.scoring.command import chosen_classifier, opened, score_into
from core.scoring.outputs import metadata_path
from core.scoring.run import open_journal, specify
from core.scoring.shards import Shard, merge_shards

_SHARDS_PER_WORKER: Final = 4
"""So that a slow machine does not keep the others waiting."""
_MOST_INPUTS: Final = 8192
"""Of a shard: what is lost with a machine, and what goes through Ray's memory at once."""


class ShardScorer:
    """Scores shards on one machine of the cluster, which sees source and model by their paths."""

    def __init__(self, options: ScoreOptions, of: int) -> None:
        self.options, self.of = options, of
        self._source = opened(options)
        self._classifier = chosen_classifier(options)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return output and metadata of the shard that a row names."""
        shard = Shard(int(row["number"]), self.of)
        size = self.options.batch_size or self._classifier.engine.batch_size
        source = shard.of_source(self._source, size)
        tta = TestTimeAugmentation(self.options.tta)
        spec = specify(source, self._classifier, tta=tta, batch_size=size)
        with tempfile.TemporaryDirectory() as place:
            out = Path(place) / self.options.out.name
            journal = open_journal(Path(place) / "journal", spec, source, resume=False)
            facts = {"shard": shard.facts(self._source)}
            score_into(out, source, self._classifier, journal, facts)
            metadata = metadata_path(out).read_bytes()
            return {"number": shard.number, "output": out.read_bytes(), "metadata": metadata}


def score_on_cluster(
    options: ScoreOptions, address: str, scorer: type[ShardScorer] = ShardScorer
) -> dict[str, int]:
    """Score a source on a Ray cluster, write the output, and return the count of each status.

    Args:
        options: Of the run.
        address: Of the cluster; "auto" is the one that this machine is part of, "local" is this
            machine alone.
        scorer: What the actors are.

    Raises:
        RunError: Ray is not installed or not there, or an actor cannot score.
    """
    with opened(options) as source:
        inputs = len(source)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing is told to anybody
    try:
        import ray  # noqa: PLC0415 - an extra, and slow to load
        import ray.data  # noqa: PLC0415
    except ModuleNotFoundError:
        raise RunError("--cluster needs Ray. Install it: pip install -e '.[cluster]'") from None
    try:
        ray.init(address=address, include_dashboard=None, log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise RunError(
            f"There is no Ray cluster at {address} ({in_a_line(error)}). Start "
            "one (`ray start --head`), or give --cluster local."
        ) from None
    try:
        with tempfile.TemporaryDirectory(dir=options.out.parent) as place:
            return merge_shards(_parts(options, scorer, inputs, Path(place)), options.out)
    except ray.exceptions.RayError as error:
        raise RunError(_reason(error)) from None
    finally:
        ray.shutdown()


def _parts(
    options: ScoreOptions, scorer: type[ShardScorer], inputs: int, place: Path
) -> list[Path]:
    """Have all shards scored, one actor to each machine, and write them as they come."""
    import ray  # noqa: PLC0415 - see above
    import ray.data  # noqa: PLC0415

    gpu = options.device == "cuda"
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    workers = max(1, sum(node.get("GPU" if gpu else "CPU", 0) >= 1 for node in nodes))
    of = max(_SHARDS_PER_WORKER * workers, -(-inputs // _MOST_INPUTS))
    ray.data.DataContext.get_current().enable_progress_bars = False
    shards = ray.data.from_items(
        [{"number": number} for number in range(1, of + 1)], override_num_blocks=of
    ).map(
        scorer,
        fn_constructor_args=(options, of),
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=1,
        num_gpus=int(gpu),
        scheduling_strategy="SPREAD",
    )
    parts = []
    for row in shards.iter_rows():
        part = place / f"{row['number']}{options.out.suffix}"
        part.write_bytes(row["output"])
        metadata_path(part).write_bytes(row["metadata"])
        parts.append(part)
    return parts


def _reason(error: BaseException | None) -> str:
    """Return the sentence of ours that an error on another machine began with, else its own."""
    message = " ".join(str(error).split())[-300:]
    while error is not None:
        if isinstance(error, NodelensError):
            return str(error)
        error = getattr(error, "cause", None) or error.__cause__
    return f"The cluster could not score ({message})."
