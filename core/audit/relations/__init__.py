"""Which patches show the same tissue, and what that does to labels, splits and scores."""
