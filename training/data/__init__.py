"""The patches of a data set: their split by slide, packed once, as batches on the device."""
