"""Floor 4: how a pre-trained model (or none) becomes a task model; one file, one route."""
