"""BLEU with 13a tokens, 0 to 100, through sacrebleu (Papineni and others 2002; Post 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.metric_contracts import table
from headstart.core.spec import MetricSpec
from headstart.metrics.chrf import TextMetric

_ORDER = 4


@dataclass(frozen=True, kw_only=True)
class Bleu(TextMetric, MetricSpec):
    """`score` equals `sacrebleu.corpus_bleu` with its defaults; weights are whole numbers. Needs sacrebleu."""

    task: ClassVar[str] = "generate"
    limits: ClassVar[tuple[float, float]] = (0.0, 100.0)

    def statistics(self, truth: Sequence[str], predicted: Sequence[str]) -> np.ndarray:
        """Return (length, length of the reference, right n-grams, n-grams for n = 1 to 4) of each row.

        Raises HeadstartError: sacrebleu is not installed.
        """
        bleu = _sacrebleu()(effective_order=True)  # changes the score of a sentence, not the counts used here
        found = (bleu.sentence_score(text, [reference]) for reference, text in zip(truth, predicted, strict=True))
        return table([(one.sys_len, one.ref_len, *one.counts, *one.totals) for one in found], 2 + 2 * _ORDER)

    def value(self, sums_K: np.ndarray) -> float:
        """Return BLEU of summed counts, in [0, 100]; orders without a hit are smoothed as sacrebleu's default does."""
        length, reference, *counts = (round(total) for total in sums_K.tolist())
        found = _sacrebleu().compute_bleu(counts[:_ORDER], counts[_ORDER:], length, reference, smooth_method="exp")
        return float(found.score)


def _sacrebleu() -> Any:
    try:
        from sacrebleu.metrics import BLEU
    except ImportError:
        raise HeadstartError("metric bleu needs sacrebleu: pip install headstart[eval]") from None
    return BLEU
