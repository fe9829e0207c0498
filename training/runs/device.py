"""Where a run computes, and in which precision."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from platform import python_version
from typing import Any, Final

import torch

from core.engine import resolve_device
from core.errors import RunError
from training.recipes.recipe import Precision, Precisions

DTYPES: Final[Mapping[Precision, torch.dtype]] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
_FLOAT16_SINCE: Final = (6, 0)
"""CUDA's compute capability (P100) from which float16 is faster than float32."""


def prepare_device(wish: str, threads: int | None, *, deterministic: bool = False) -> torch.device:
    """Return the device for "auto", "cpu" or "cuda", set up for speed or for repeatable results.

    On the CPU results repeat either way, with the same number of threads.

    Args:
        wish: The device.
        threads: Of the CPU; None leaves torch's choice.
        deterministic: Make torch raise where an operation has no repeatable form on the device;
            slower on CUDA.

    Raises:
        RunError: CUDA is asked for and not there, or the number of threads is not positive.
    """
    if threads is not None:
        if threads < 1:
            raise RunError(f"Found --threads {threads}; expected 1 or more.")
        torch.set_num_threads(threads)
    if deterministic:
        # cuBLAS reads it when it starts; without it, matrix products are not repeatable.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(deterministic)
    # The fastest kernels unless the same bytes are asked for; float32 on the CPU is untouched.
    torch.backends.cudnn.benchmark = not deterministic
    torch.backends.cudnn.deterministic = deterministic
    torch.backends.cudnn.allow_tf32 = not deterministic
    torch.backends.cuda.matmul.allow_tf32 = not deterministic
    return resolve_device(wish)


def pass_precision(device: torch.device, wish: Precisions) -> Precision:
    """Return the precision that a recipe's passes get on a device: what it has in hardware."""
    if device.type != "cuda":
        return "bfloat16" if wish.cpu == "bfloat16" and cpu_has_bfloat16() else "float32"
    if wish.cuda == "float32":
        return "float32"
    if wish.cuda == "bfloat16" and torch.cuda.is_bf16_supported(including_emulation=False):
        return "bfloat16"
    has_float16 = torch.cuda.get_device_capability(device) >= _FLOAT16_SINCE
    return "float16" if has_float16 else "float32"


def cpu_has_bfloat16() -> bool:
    """Return whether the CPU multiplies bfloat16 in hardware (AVX-512 BF16 or AMX)."""
    capabilities: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    if capabilities:
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    older = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return bool(older())


def sitting(device: torch.device, precision: Precision, processes: int = 1) -> dict[str, Any]:
    """Return what is recorded of a sitting that begins now, beside the run's config.

    It changes the last digits of a run, not its meaning.
    """
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "processes": processes,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "precision": precision,
        "threads": torch.get_num_threads(),
        "versions": library_versions(),
    }


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that a run's numbers depend on."""
    packages = ("torch", "timm", "numpy", "safetensors", "scikit-learn")
    return {"python": python_version(), **{name: version(name) for name in packages}}
