import pytest

from core.errors import RunError
from training.options import RecipeChanges
from training.recipes.recipe import load_recipe, vary_recipe


def test_the_short_options_change_the_fields_that_they_name() -> None:
    changes = RecipeChanges(
        set=("augmentation.zoom=0.1", "balance_classes=true"), epochs=3, lr=2e-4, batch_size=16
    )
    recipe = changes.applied(load_recipe("ours_lite0"))
    assert (recipe.schedule.epochs, recipe.schedule.learning_rate) == (3, 2e-4)
    assert (recipe.batch_size, recipe.augmentation.zoom, recipe.balance_classes) == (16, 0.1, True)
    assert "schedule.epochs 3" in recipe.description


def test_no_change_leaves_the_recipe_as_it_is() -> None:
    recipe = load_recipe("ours_lite0")
    assert RecipeChanges().applied(recipe) is recipe


def test_another_network_comes_without_the_arguments_of_the_first() -> None:
    recipe = RecipeChanges(model="resnet10t").applied(load_recipe("ours_lite0"))
    assert recipe.network.name == "resnet10t"
    assert not recipe.network.arguments


@pytest.mark.parametrize("epochs", [3, 4, 7, 40])
def test_phases_share_the_epochs_and_rates_in_proportion(epochs: int) -> None:
    recipe = load_recipe("efficientnet_b0_finetuned")
    phases = recipe.schedule.phases
    varied = vary_recipe(
        recipe, {"schedule.epochs": max(epochs, len(phases)), "schedule.learning_rate": 1e-5}
    )
    assert sum(phase.epochs for phase in varied.schedule.phases) == max(epochs, len(phases))
    assert all(phase.epochs >= 1 for phase in varied.schedule.phases)
    factor = 1e-5 / recipe.schedule.learning_rate
    for before, after in zip(phases, varied.schedule.phases, strict=True):
        if before.learning_rate:
            assert after.learning_rate == pytest.approx(before.learning_rate * factor)


def test_fewer_epochs_than_phases_are_refused() -> None:
    with pytest.raises(RunError, match="one for each phase"):
        RecipeChanges(epochs=1).applied(load_recipe("efficientnet_b0_finetuned"))


@pytest.mark.parametrize("text", ["epochs", "=3", "schedule.speed=3", "batch_size=x"])
def test_a_setting_that_cannot_be_is_told(text: str) -> None:
    with pytest.raises(RunError):
        RecipeChanges(set=(text,)).applied(load_recipe("tiny"))
