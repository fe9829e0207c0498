"""What varies a batch of patches on the device: turns, stain, mixtures, transplants."""
