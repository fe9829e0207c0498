"""The course of one model: folds and a refit trained side by side, for a large GPU."""
