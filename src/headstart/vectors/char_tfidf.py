"""TF-IDF over character 1-4-grams across word bounds, so that short phrases have a column (scikit-learn)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from headstart.core.errors import HeadstartError
from headstart.core.normal_form import normal_form
from headstart.core.reason import Reason

_RANGE = (1, 4)
_LEAST, _MOST = 5, 150_000  # least documents with an n-gram (2 for small corpora); most columns


class CharVectors:
    """`embed`: (1 + log count) * idf, rows of length 1, of NFC text in lower case."""

    def __init__(self, vectoriser: TfidfVectorizer):
        self._vectoriser = vectoriser

    @classmethod
    def train(cls, texts: Sequence[str]) -> Self:
        """Learn columns and weights from unlabelled texts. Raises HeadstartError: no character occurs twice."""
        vectoriser = _vectoriser(min_df=_LEAST if len(texts) >= 10_000 else 2, max_features=_MOST)
        try:
            vectoriser.fit(texts)
        except ValueError:
            raise HeadstartError(
                Reason(
                    "no_common_character",
                    "corpus: no character is in two of its {documents:,} documents",
                    documents=len(texts),
                )
            ) from None
        return cls(vectoriser)

    def embed(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """Return float32 [N, G]."""
        return self._vectoriser.transform(texts)

    def parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return what to save, as JSON values and arrays."""
        return {"ngrams": self._vectoriser.get_feature_names_out().tolist()}, {"idf": self._vectoriser.idf_}

    @classmethod
    def from_parts(cls, data: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """Rebuild from `parts()`."""
        vectoriser = _vectoriser(vocabulary={gram: place for place, gram in enumerate(data["ngrams"])})
        vectoriser.idf_ = arrays["idf"]
        return cls(vectoriser)


def _clean(text: str) -> str:
    return normal_form(text).lower()


def _vectoriser(**settings: Any) -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer="char", ngram_range=_RANGE, sublinear_tf=True, dtype=np.float32, preprocessor=_clean, **settings
    )
