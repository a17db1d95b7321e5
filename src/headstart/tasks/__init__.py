"""Floor 3: tasks: what can be asked about a text or an image; one file, one task."""
