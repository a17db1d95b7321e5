"""Floor 5: leave for another library."""
