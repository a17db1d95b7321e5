"""Floor 2: one file, one processor; it turns raw items (text, images) into what a network reads."""
