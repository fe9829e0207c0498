"""From a run to a model bundle: temperature, threshold, report; scoring as the bundle scores."""
