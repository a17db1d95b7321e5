"""Floor 4: document vectors: transforms, PPMI, TF-IDF, subword counts."""
