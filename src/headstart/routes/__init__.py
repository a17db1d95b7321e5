"""Floor 7: how a pretrained model (or none) becomes a task model; one file, one route."""
