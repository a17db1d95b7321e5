"""Floor 8: the comparison engine: label draws, cells, time budget, decisions."""
