"""Floor 8: scikit-learn estimators."""
