"""The recipes: one TOML file each, the dataclass behind them, and what a schedule makes of them."""
