"""chrF2: F-score of character n-grams up to 6 with recall weighted twice, 0 to 100 (Popović 2015)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from headstart.core.metric_contracts import SumMetric, table
from headstart.core.spec import MetricSpec

_ORDER, _BETA = 6, 2
_TRIED, _JUDGED = 20, 100


class TextMetric(SumMetric):
    """A metric of sums over pairs of a reference and a text."""

    def constant(self, truth: Sequence[str]) -> str:
        """Return the reference that scores best as the answer to all rows, of those of at most usual length (the larger
        of mean and median).

        Up to `_TRIED` different references are tried on up to `_JUDGED` rows, both evenly spaced from short to long. A
        longer one is no guess at an answer: chrF counts recall twice, so that the longest sentence of a file holds the
        most n-grams of all others (Tatoeba: 15.5, where translations of the most similar text get 14.4 and 17.8).
        """
        rows, lengths = _spaced(truth, _JUDGED), [len(text) for text in truth]
        longest = max(np.mean(lengths), np.median(lengths))
        tried = _spaced({text for text in truth if len(text) <= longest}, _TRIED)
        return max(tried, key=lambda text: self.score(rows, [text] * len(rows)))


def _spaced(texts: Collection[str], most: int) -> list[str]:
    """Return up to `most` of the texts, evenly spaced from the shortest to the longest."""
    ordered = sorted(texts, key=lambda text: (len(text), text))
    places = np.linspace(0, len(ordered) - 1, min(most, len(ordered))).round().astype(int)
    return [ordered[place] for place in places]


@dataclass(frozen=True, kw_only=True)
class ChrF(TextMetric, MetricSpec):
    """`score` equals `sacrebleu.corpus_chrf` with its defaults: blanks left out, n-grams of the whole corpus."""

    task: ClassVar[str] = "generate"
    limits: ClassVar[tuple[float, float]] = (0.0, 100.0)

    def statistics(self, truth: Sequence[str], predicted: Sequence[str]) -> np.ndarray:
        """Return (n-grams predicted, n-grams of the reference, n-grams in both) for n = 1 to 6 of each row.

        As in sacrebleu, predicted n-grams do not count where the reference is too short to have any.
        """
        rows = []
        for reference, text in zip(truth, predicted, strict=True):
            row: list[float] = []
            for right, said in zip(_ngrams(reference), _ngrams(text)):
                row += [said.total() if right else 0, right.total(), (right & said).total()]
            rows.append(tuple(row))
        return table(rows, 3 * _ORDER)

    def value(self, sums_K: np.ndarray) -> float:
        """Return F2 of precision and recall averaged over the orders that both sides have, in [0, 100]."""
        said, right, both = sums_K.reshape(_ORDER, 3).T
        there = (said > 0) & (right > 0)
        if not both.any():
            return 0.0
        precision, recall = (both[there] / said[there]).mean(), (both[there] / right[there]).mean()
        return float(100 * (1 + _BETA**2) * precision * recall / (_BETA**2 * precision + recall))


def _ngrams(text: str) -> list[Counter[str]]:
    text = "".join(text.split())
    return [Counter(text[i : i + n] for i in range(len(text) - n + 1)) for n in range(1, _ORDER + 1)]
