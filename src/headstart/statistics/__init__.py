"""Floor 2: intervals, tests, power, worth in labels, forecast, calibration of a finished study; usable alone."""
