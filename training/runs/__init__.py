"""A run: what it is, what it starts from, where it writes, and what it wrote."""
