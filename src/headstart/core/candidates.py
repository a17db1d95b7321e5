"""Unlabelled rows that may be labelled next, as a strategy sees them: vectors, and what a task model says of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Candidates:
    """N different rows.

    vectors_ND: float32, rows of unit length, near each other for rows that are alike. probabilities_NC: of the classes
    of a task model, rows sum to 1; None where there is no such model. known_MD: vectors of the rows that are labelled
    already, None or M = 0 where those are not at hand.
    """

    vectors_ND: np.ndarray
    probabilities_NC: np.ndarray | None = None
    known_MD: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.vectors_ND)

    @property
    def uncertain_N(self) -> np.ndarray:
        """How little the most probable class leads the second one, 0 to 1 (1 minus the margin), float64 [N]."""
        ordered = np.sort(np.asarray(self.probabilities_NC, np.float64), axis=1)
        second = ordered[:, -2] if ordered.shape[1] > 1 else 0.0
        return 1.0 - (ordered[:, -1] - second)
