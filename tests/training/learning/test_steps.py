"""One step of every shipped recipe, on patches that are noise."""

import numpy as np
import pytest
import torch

from core.bundle import InputTransform, tumour_logit
from training.learning.loss import tumour_losses
from training.learning.optimiser import freeze, set_learning_rate
from training.learning.state import TrainingState
from training.recipes.recipe import load_recipe, recipe_names
from training.recipes.schedule import next_epoch
from training.runs.initial import initial_network
from training.variation.augment import augment, draw_variation

COUNT = 2
LARGE = {
    "convnext",
    "efficientnet_b4",
    "efficientnet_b7",
    "resnet34",
    "resnet50_classweights",
    "resnet50_frozen",
    "resnet50_warmup",
    "seresnet50_attention",
}
"""Built and counted elsewhere; their parts are those of the others."""


@pytest.mark.parametrize("name", sorted(set(recipe_names()) - LARGE))
def test_one_step_changes_the_layers_that_learn_and_no_other(name: str) -> None:
    recipe = load_recipe(name)
    torch.manual_seed(0)
    network, _ = initial_network(recipe.network, "none")
    state = TrainingState(network, recipe, torch.device("cpu"))
    position = next_epoch(recipe.schedule, [])
    assert position is not None
    freeze(network, position.frozen)
    before = {key: value.clone() for key, value in network.named_parameters()}
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 256, (COUNT, 96, 96, 3), dtype=np.uint8))
    generator = torch.Generator().manual_seed(0)
    variation = draw_variation(recipe.augmentation, COUNT, generator)
    inputs = InputTransform(recipe.preprocessing)(augment(images, variation, recipe.augmentation))
    logits = tumour_logit(network(inputs))
    losses = tumour_losses(
        logits,
        torch.tensor([0.0, 1.0]),
        label_smoothing=recipe.label_smoothing,
        positive_weight=1.0,
        focal_gamma=recipe.focal_gamma,
    )
    loss = losses.mean()
    set_learning_rate(state.optimiser, position.learning_rate(10, 100))
    loss.backward()  # type: ignore[no-untyped-call]
    state.optimiser.step()
    assert torch.isfinite(loss)
    for key, parameter in network.named_parameters():
        if not parameter.requires_grad:
            assert torch.equal(parameter, before[key]), key
    learning = [key for key, p in network.named_parameters() if p.requires_grad]
    # Not all of them: some start where their first gradient is zero, such as residual branches.
    assert any(not torch.equal(network.get_parameter(key), before[key]) for key in learning)
