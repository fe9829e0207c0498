from pathlib import Path

import pytest
import torch

from training.commands import main
from training.recipes.recipe import Precisions
from training.runs.device import pass_precision, prepare_device

CUDA = torch.device("cuda")


@pytest.mark.parametrize(
    ("bf16", "capability", "wish", "precision"),
    [
        (True, (8, 0), "bfloat16", "bfloat16"),
        (False, (7, 5), "bfloat16", "float16"),  # T4: its bfloat16 is emulated, and slow
        (False, (5, 2), "bfloat16", "float32"),
        (True, (9, 0), "float16", "float16"),
        (True, (9, 0), "float32", "float32"),
    ],
)
def test_the_gpu_itself_is_asked_for_its_precision(
    bf16: bool,
    capability: tuple[int, int],
    wish: str,
    precision: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def supports(*, including_emulation: bool = True) -> bool:
        return bf16 or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supports)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert pass_precision(CUDA, Precisions(cuda=wish)) == precision  # type: ignore[arg-type]


def test_only_a_deterministic_run_gives_up_the_fast_kernels() -> None:
    for deterministic in (True, False):
        prepare_device("cpu", None, deterministic=deterministic)
        assert torch.backends.cudnn.deterministic is deterministic
        assert torch.backends.cudnn.allow_tf32 is not deterministic


def test_deterministic_mode_is_torchs_and_leaves_with_the_next_run() -> None:
    try:
        prepare_device("cpu", None, deterministic=True)
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        prepare_device("cpu", None)
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_deterministic_run_trains(kaggle: Path, tmp_path: Path) -> None:
    asked = ["fit", "--data", str(kaggle), "--out", str(tmp_path / "run"), "--recipe", "tiny"]
    try:
        assert main([*asked, "--deterministic", "--device", "cpu", "--train-patches", "16"]) == 0
    finally:
        prepare_device("cpu", None)
