"""What a run, a bundle or a file of scores is worth, and against others."""
