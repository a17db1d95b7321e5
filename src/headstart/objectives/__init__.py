"""Floor 3: what to learn without labels; one file, one objective."""
