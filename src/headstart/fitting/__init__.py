"""Floor 5: fitting models to labelled rows: supervised loop, solvers, model selection, task models on disk."""
