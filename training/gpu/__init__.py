"""The shipped model's course on one GPU: folds and a refit trained side by side."""
