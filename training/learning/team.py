"""Processes that `torchrun` started, training one network together, by Hugging Face Accelerate.

Every process holds the whole network and takes an equal, contiguous share of every batch; the
gradients' mean over the processes is then that of the whole batch. So one process and several give
the same run up to the order of sums, with two exceptions: batch normalisation sees a share only
(on CUDA it is synchronised, on CPU it is not), and dropout's masks differ.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import RunError
from training.data.split import IntArray

if TYPE_CHECKING:
    from accelerate import PartialState

_WORLD: Final = "WORLD_SIZE"  # set by torchrun


@dataclass(frozen=True)
class Team:
    """The processes of one run; by itself a process is a team of one, and nothing is exchanged.

    Attributes:
        rank: Of this process, from 0; the first one writes the run folder.
        size: How many.
        scratch: Where the others write what only the first one keeps.
    """

    rank: int = 0
    size: int = 1
    scratch: Path | None = None

    def folder(self, run_folder: Path) -> Path:
        """Return where this process writes: the run folder, or its own scratch."""
        return run_folder if self.scratch is None else self.scratch

    def require_equal_shares(self, batch_size: int, patches: int) -> None:
        """Check that every batch divides among the processes.

        Raises:
            RunError: It does not.
        """
        batch = min(batch_size, patches)
        if batch % self.size:
            raise RunError(
                f"Found batches of {batch} patches for {self.size} processes; expected a multiple. "
                "Change batch_size or the number of processes."
            )

    def share(self, batch: Tensor) -> Tensor:
        """Return this process's part of a batch (N, ...), (N / size, ...)."""
        if self.size == 1:
            return batch
        part = len(batch) // self.size
        return batch[self.rank * part : (self.rank + 1) * part]

    def average_gradients(self, network: nn.Module) -> None:
        """Set gradients and running statistics to their mean over the processes."""
        if self.size == 1:
            return
        tensors = [p.grad for p in network.parameters() if p.grad is not None]
        tensors += [b for b in network.buffers() if b.is_floating_point()]
        mean = self.mean(torch.cat([tensor.detach().reshape(-1) for tensor in tensors]))
        parts = torch.split(mean, [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.detach().copy_(part.view_as(tensor))

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a tensor over the processes."""
        if self.size == 1:
            return value
        from accelerate.utils import reduce  # noqa: PLC0415 - see _processes

        averaged: Tensor = reduce(value, reduction="mean")
        return averaged

    def joined(
        self, rows: IntArray, work: Callable[[IntArray], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Return the work (N,) on rows (N,), each process doing a part; all get the whole."""
        if self.size == 1:
            return work(rows)
        from accelerate.utils import gather_object  # noqa: PLC0415 - see _processes

        part = np.array_split(rows, self.size)[self.rank]
        done = work(part) if len(part) else np.empty(0, np.float32)
        return np.concatenate(gather_object([done]))

    def any(self, *, wish: bool, device: torch.device) -> bool:
        """Return whether any of the processes wishes it."""
        if self.size == 1:
            return wish
        return bool(self.mean(torch.tensor(float(wish), device=device)) > 0)

    def wait(self) -> None:
        """Go on once all processes have come this far."""
        if self.size > 1:
            _processes().wait_for_everyone()

    def first_alone(self) -> contextlib.AbstractContextManager[object]:
        """Let the first process do something before the others do."""
        return contextlib.nullcontext() if self.size == 1 else _processes().main_process_first()


def _processes(**options: bool) -> "PartialState":
    # Imported for a team only: it takes a second to load.
    from accelerate import PartialState  # noqa: PLC0415

    return PartialState(**options)


@contextlib.contextmanager
def open_team(wish: str) -> Iterator[Team]:
    """Give the processes that torchrun started as a team, or this one alone.

    Only the first process speaks; what the others write goes to a scratch folder.

    Args:
        wish: "auto", "cpu" or "cuda"; every CUDA process gets a device of its own.
    """
    size = int(os.environ.get(_WORLD, "1"))
    if size == 1:
        yield Team()
        return
    state = _processes(cpu=wish == "cpu" or not torch.cuda.is_available())
    try:
        if state.is_main_process:
            yield Team(0, state.num_processes)
            return
        with (
            tempfile.TemporaryDirectory() as scratch,
            Path(os.devnull).open("w", encoding="utf-8") as nowhere,
            contextlib.redirect_stderr(nowhere),
        ):
            yield Team(state.process_index, state.num_processes, Path(scratch))
    finally:
        state.destroy_process_group()


def require_one_process(command: str) -> None:
    """Check that torchrun did not start several processes of a command that trains several runs.

    Raises:
        RunError: It did.
    """
    if int(os.environ.get(_WORLD, "1")) > 1:
        raise RunError(
            f"Found {os.environ[_WORLD]} processes of `{command}`; expected one. torchrun is for "
            "`fit`."
        )


def synchronised(network: nn.Module, team: Team, device: torch.device) -> nn.Module:
    """Return a network whose batch normalisation sees the whole batch, where PyTorch can do that.

    The names of its weights stay.
    """
    if team.size == 1 or device.type != "cuda":
        return network
    converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    return converted
