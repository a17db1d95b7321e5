"""Floor 3: the plan, the one loop, checkpoints, runs and pretrained models."""
