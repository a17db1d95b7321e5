"""Floor 4: which recipe and which network size fit a budget."""
