"""The task model of the classical routes: a vectoriser without a network, then a linear classifier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from headstart.core.examples import Examples
from headstart.fitting.checks import check_kind
from headstart.fitting.linear import Family, Matrix
from headstart.fitting.linear_answers import Linear, LinearTaskModel, fit_answers, linear_of
from headstart.fitting.model_parts import read_parts, write_parts
from headstart.fitting.part_files import TextClassesFile
from headstart.vectors.transform import pair_features


class Vectoriser(Protocol):
    """Texts to rows of a matrix; saved as JSON values and arrays."""

    def embed(self, texts: Sequence[str]) -> Matrix: ...
    def parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]: ...
    @classmethod
    def from_parts(cls, data: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self: ...


class TextLinear(LinearTaskModel):
    """`vectoriser.embed` (pairs: `pair_features` of both), then `linear`."""

    stays = (
        "it counts words or n-grams and has no network; elsewhere such a model is TfidfVectorizer with "
        "LogisticRegression of scikit-learn"
    )

    def __init__(
        self,
        vectoriser: Vectoriser,
        linear: Linear,
        classes: tuple[str, ...],
        pairs: bool,
        notes: dict[str, object],
    ):
        self.vectoriser, self.linear, self.classes, self.pairs, self.notes = vectoriser, linear, classes, pairs, notes

    def features(self, examples: Examples) -> Matrix:
        """See `LinearTaskModel`. Raises HeadstartError: pairs of texts for single ones, or the other way round."""
        check_kind(self.pairs, examples)
        return features_of(self.vectoriser, examples)

    def save(self, folder: Path) -> None:
        """Write vectoriser and weights into `folder`."""
        data, arrays = self.vectoriser.parts()
        data |= {"classes": self.classes, "pairs": self.pairs, "notes": self.notes}
        write_parts(folder, data, arrays | self.linear.arrays())

    @classmethod
    def load(cls, folder: Path, kind: type[Vectoriser]) -> TextLinear:
        """Read what `save` wrote; `kind` is the vectoriser's class."""
        data, arrays = read_parts(folder, TextClassesFile)
        linear = linear_of(arrays, len(data["classes"]))
        return cls(kind.from_parts(data, arrays), linear, tuple(data["classes"]), data["pairs"], data["notes"])


def features_of(vectoriser: Vectoriser, examples: Examples) -> Matrix:
    """Return the vectors of the examples, [N, G], of pairs their `pair_features`, [N, 4 G]."""
    first = vectoriser.embed(examples.items)
    return first if examples.second is None else pair_features(first, vectoriser.embed(examples.second))


def fit_text_linear(
    vectoriser: Vectoriser,
    examples: Examples,
    *,
    family: Family,
    default: float,
    seed: int,
    seconds: float | None = None,
) -> TextLinear:
    """Fit a linear classifier on a trained vectoriser's rows; see `fit_answers`."""
    features = features_of(vectoriser, examples)
    linear, notes = fit_answers(features, examples, family=family, default=default, seed=seed, seconds=seconds)
    return TextLinear(vectoriser, linear, examples.classes, examples.second is not None, notes)
