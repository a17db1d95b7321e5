"""Floor 4: scoring and generating text, and the n-gram control."""
