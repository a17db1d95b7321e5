"""Floor 3: what can be asked about a text; one file, one task."""
