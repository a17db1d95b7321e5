"""Floor 5: label draws, statistics, the comparison of routes, its verdict and its report."""
