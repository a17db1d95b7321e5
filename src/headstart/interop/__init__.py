"""Floor 1: the checkpoint formats of others, as data: name tables and safe readers."""
