"""Floor 6: prompts, verbalizers, and word probabilities at one place of a text."""
