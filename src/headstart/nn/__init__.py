"""Floor 1: layers. Plain modules with plain arguments; none knows a config, a loss or an optimizer."""
