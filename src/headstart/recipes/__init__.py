"""Floor 6: pieces picked by name for a budget; one file per result."""
