"""Floor 7: one file per verb; the Python function is also the command."""
