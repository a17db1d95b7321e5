"""Floor 3: task outputs on features; one file, one head."""
