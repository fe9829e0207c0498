"""The page of slides: bring one, see what will be scored, look at the scores on it."""
