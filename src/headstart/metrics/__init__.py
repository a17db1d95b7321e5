"""Floor 1: scores; one file, one metric, a pure function of truth, prediction and weights."""
