"""Floor 5: what is in the data before any score is printed: duplicates, leaks, doubtful labels, shifts."""
