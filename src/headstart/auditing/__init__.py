"""Floor 8: what is in the data before any score is printed: duplicates, leaks, doubtful labels, shifts."""
