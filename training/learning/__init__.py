"""The loop of a fit: steps, mean of the weights, validation, checkpoints, several processes."""
