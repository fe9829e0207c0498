"""What every page may use: the shell, the model, small parts, lists, and ways to bring patches."""
