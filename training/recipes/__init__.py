"""The shipped recipes, one TOML file each; `training.recipe` reads them."""
