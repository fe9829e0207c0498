"""The training loop that a tutorial would write, for `training_speed` to compare with.

    python -m tests.benchmarks.plain_training FOLDER RECIPE DEVICE

Trains an epoch on the TIFF files of a folder for every line on standard input, and writes its
seconds. A process of its own, so that it computes as a plain script does: with PyTorch's defaults.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from training.recipes.recipe import Augmentation, Recipe, load_recipe
from training.runs.initial import initial_network


class PlainPatches(Dataset[tuple[torch.Tensor, float]]):
    """Files through torchvision's transforms, one by one."""

    def __init__(self, files: list[Path], recipe: Recipe) -> None:
        self.files = files
        size = recipe.preprocessing.input_size_px
        light: Augmentation = recipe.augmentation
        self.transform = transforms.Compose(
            [
                transforms.RandomHorizontalFlip(),
                transforms.RandomVerticalFlip(),
                transforms.RandomChoice(
                    [transforms.RandomRotation((angle, angle)) for angle in (0, 90, 180, 270)]
                ),
                transforms.ColorJitter(light.brightness, light.contrast, light.saturation),
                *([transforms.Resize(size)] if size != 96 else []),
                transforms.ToTensor(),
                transforms.Normalize(recipe.preprocessing.mean, recipe.preprocessing.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, float]:
        with Image.open(self.files[index]) as image:
            pixels: torch.Tensor = self.transform(image.convert("RGB"))
        return pixels, float(index % 2)


def plain_loop(files: list[Path], recipe: Recipe, device: torch.device) -> Callable[[], float]:
    """Return what trains an epoch by the plain loop and returns its seconds."""
    network = initial_network(recipe.network, "none")[0].to(device).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.schedule.learning_rate)
    criterion = nn.BCEWithLogitsLoss()
    loader = DataLoader(
        PlainPatches(files, recipe),
        batch_size=recipe.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=torch.get_num_threads(),
        persistent_workers=True,
        pin_memory=device.type == "cuda",
    )

    def epoch() -> float:
        started, total = time.perf_counter(), 0.0
        for inputs, labels in loader:
            optimiser.zero_grad()
            loss = criterion(network(inputs.to(device))[:, 0], labels.float().to(device))
            loss.backward()
            optimiser.step()
            total += loss.item()
        return time.perf_counter() - started

    return epoch


def main() -> None:
    """Train an epoch whenever a line comes."""
    folder, recipe, device = sys.argv[1:]
    files = sorted(Path(folder).glob("*.tif"))
    epoch = plain_loop(files, load_recipe(recipe), torch.device(device))
    for _ in sys.stdin:
        sys.stdout.write(f"{epoch()}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
