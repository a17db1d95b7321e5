"""One-way co-training: probe answers on unlabelled items train a model of a second view (Blum & Mitchell 1998).

The second view of texts are n-grams, of images histograms of gradients; both models answer. They make different errors:
vectors generalise, the second view keeps details that vectors lose (a negation, a rare word, an edge). Its model is
fitted to thousands of soft answers instead of a few labels, and the mean of both models is better than each alone: on
NSMC dev +.006/.007/.008/.010/.008 over the probe at 16/64/256/1,000/4,000 labels (docs/log.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Required, TypedDict

import numpy as np
from scipy import sparse
from scipy.special import softmax
from sklearn.linear_model import Ridge

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.files import make_folder
from headstart.core.kinds import Positive
from headstart.core.reason import Reason, cannot_run
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import labels_of, no_single_documents
from headstart.fitting.image_vectors import ImageVectors
from headstart.fitting.linear import Matrix
from headstart.fitting.model_parts import read_parts, write_parts
from headstart.fitting.time_budget import CUT, Clock
from headstart.fitting.unlabelled import sample_documents
from headstart.routes.probe import Probe, ProbeModel
from headstart.vectors.char_tfidf import CharVectors
from headstart.vectors.hog import HogVectors

_FOLDER = "probe"
_MOST_ANSWERS = 400_000  # largest product of documents and classes for the second view: about ten seconds of n-grams
_MOST_IMAGES = 10_000  # whose gradients are dense: a few seconds, 70 MB
_SHARP = 2.0  # soft answers are softmax(_SHARP * logits / standard deviation of the logits)
_HELD_OUT = 10  # every tenth document measures how far the second view agrees with the probe
_LEAST = 1e-6  # probabilities are clipped to this value before the logarithm
_AT_ONCE, _EMBED_SHARE = 200, 0.3  # documents between two looks at the clock; share of the seconds for embedding
_TRIED, _TIMES = 500, 2.0  # documents counted for an estimate of time; fitting takes about as long as counting


@dataclass(frozen=True, kw_only=True)
class Cotrain(RouteSpec):
    """documents: most documents that the probe answers; penalty: ridge penalty of the second view; default: see
    `probe`."""

    takes: ClassVar[tuple[str, ...]] = ("text", "image")
    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    documents: int = 100_000
    penalty: float = 3.0
    default: float = 1.0

    def refuses(self, examples: Examples, workspace: RouteWorkspace) -> Reason | None:
        """Return why this route cannot run here, or None."""
        return no_single_documents(examples, workspace)

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> CotrainModel:
        """Fit the probe, answer documents, fit the second view. Raises HeadstartError: see `refuses`; no rows, labels.

        Without `seconds` the result is a function of the arguments; with it a slow base answers fewer documents. Items
        are embedded and their second view is made once per workspace.
        """
        labels_N, clock = labels_of(examples), Clock(seconds)
        if refusal := self.refuses(examples, workspace):
            raise HeadstartError(cannot_run(refusal))
        probe = Probe(default=self.default).run(examples, workspace, seed=seed)
        seen_K = np.unique(labels_N)
        items, second, cut = self._documents(examples, workspace, len(seen_K), clock)
        notes = {**probe.notes, "documents": len(items), CUT: cut}
        logits_MK = _logits(probe.predict_proba(Examples(items)), seen_K)
        spread = logits_MK.std()
        if spread == 0:  # one class, or a probe that gives all items the same probabilities
            return CotrainModel(probe, second.vectors, _Linear.nothing(second.matrix.shape[1], seen_K), notes)
        answers_MK = softmax(_SHARP * logits_MK / spread, axis=1)
        labelled_NK = (labels_N[:, None] == seen_K).astype(float)
        parts = [second.matrix, second.vectors.embed(examples.items)]
        matrix = sparse.vstack(parts, format="csr") if sparse.issparse(parts[0]) else np.vstack(parts)
        held_out = np.arange(matrix.shape[0]) % _HELD_OUT == 0
        held_out[len(items) :] = False
        targets = np.vstack([answers_MK, labelled_NK])
        ridge = Ridge(alpha=self.penalty, solver="lsqr", max_iter=60).fit(matrix[~held_out], targets[~held_out])
        found_MK = matrix[held_out] @ ridge.coef_.T
        found_MK -= found_MK.mean(1, keepdims=True)
        # The second view is weighted by its correlation with the probe on held-out documents.
        agreed = (
            np.corrcoef(found_MK.ravel(), logits_MK[held_out[: len(items)]].ravel())[0, 1] if found_MK.any() else 0.0
        )
        notes["agreement"] = float(agreed)
        scale = max(agreed, 0.0) * spread / max(found_MK.std(), 1e-12)
        linear = _Linear(
            (ridge.coef_ * scale).astype(np.float32), (ridge.intercept_ * scale).astype(np.float32), seen_K
        )
        return CotrainModel(probe, second.vectors, linear, notes)

    def _documents(
        self, examples: Examples, workspace: RouteWorkspace, classes: int, clock: Clock
    ) -> tuple[list[Any], _Seen, bool]:
        """Return (documents to answer, their second view, whether time left some documents out)."""
        most = min(self.documents, max(1_000, _MOST_ANSWERS // classes))
        if examples.takes == "image":
            most = min(most, _MOST_IMAGES)

        def seen(documents: list[Any]) -> _Seen:
            if examples.takes == "text":
                return _Seen.by(CharVectors.train(documents), documents)
            return _Seen.by(Gradients(ImageVectors.of(Examples(documents), workspace, HogVectors)), documents)

        def affordable() -> tuple[list[Any], bool]:
            documents = sample_documents(workspace, most)
            if clock.seconds is None:
                return documents, False
            trial = Clock(None)
            seen(documents[:_TRIED])
            each = _TIMES * trial.used / min(len(documents), _TRIED)
            embedding = Clock(_EMBED_SHARE * clock.seconds)
            for start in range(0, len(documents), _AT_ONCE):
                if start and (embedding.out or clock.left < each * start):
                    return documents[:start], True
                workspace.vectors(documents[start : start + _AT_ONCE])
            return documents, False

        items, cut = workspace.once(("cotrain items", most), affordable)
        return items, workspace.once(("cotrain second view", most), lambda: seen(items)), cut

    def load(self, folder: Path) -> CotrainModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder, _File)
        linear = _Linear(arrays["weight"], arrays["bias"], arrays["seen"])
        probe = Probe().load(folder / _FOLDER)
        kind = Gradients if "source" in data else CharVectors
        return CotrainModel(probe, kind.from_parts(data, arrays), linear, data["notes"])


class _File(TypedDict, total=False):
    """Columns of texts, or of images."""

    format: int
    notes: Required[dict[str, Any]]
    ngrams: list[str]
    side: Positive
    grey: bool
    source: str
    pairs: bool


@dataclass(frozen=True)
class Gradients:
    """Images as rows of histograms of gradients, made and saved as n-grams of texts are."""

    images: ImageVectors

    def embed(self, items: Sequence[Any]) -> np.ndarray:
        """Return float32 [N, G]."""
        return self.images.features(Examples(items))

    def parts(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return (JSON values, arrays) to save; `from_parts` reads them."""
        return self.images.parts()

    @classmethod
    def from_parts(cls, data: dict[str, Any], arrays: dict[str, np.ndarray]) -> Gradients:
        """Rebuild from `parts()`."""
        return cls(ImageVectors.from_parts(HogVectors, data, arrays))


@dataclass(frozen=True)
class _Seen:
    """Unlabelled documents as rows of the second view [M, G]."""

    vectors: CharVectors | Gradients
    matrix: Matrix

    @classmethod
    def by(cls, vectors: CharVectors | Gradients, items: list[Any]) -> _Seen:
        return cls(vectors, vectors.embed(items))


@dataclass(frozen=True)
class _Linear:
    """Logits of the K classes seen: weight_KG, bias_K; seen_K: their numbers."""

    weight_KG: np.ndarray
    bias_K: np.ndarray
    seen_K: np.ndarray

    @classmethod
    def nothing(cls, columns: int, seen_K: np.ndarray) -> _Linear:
        return cls(np.zeros((len(seen_K), columns), np.float32), np.zeros(len(seen_K), np.float32), seen_K)

    def logits(self, rows: Matrix) -> np.ndarray:
        found_NK = rows @ self.weight_KG.T + self.bias_K
        return found_NK - found_NK.mean(1, keepdims=True)


class CotrainModel(TaskModel):
    """Mean of the logits of `probe` and of `linear` on the second view, scaled by the agreement of the two."""

    stays = (
        "it is two models, of which the second counts n-grams or reads gradients of images; "
        "export a task model of route probe on the same base"
    )

    def __init__(self, probe: ProbeModel, vectors: CharVectors | Gradients, linear: _Linear, notes: dict[str, object]):
        self.probe, self.vectors, self.linear, self.notes = probe, vectors, linear, notes
        self.classes = probe.classes

    def predict_proba(self, examples: Examples) -> np.ndarray:
        """Return probabilities [N, C]; a class never seen gets 0."""
        scores_NC = self.probe.predict_proba(examples)
        if not len(examples):
            return scores_NC
        seen_K = self.linear.seen_K
        logits_NK = _logits(scores_NC, seen_K) + self.linear.logits(self.vectors.embed(examples.items))
        out_NC = np.zeros_like(scores_NC)
        out_NC[:, seen_K] = softmax(logits_NK / 2, axis=1)
        return out_NC

    def save(self, folder: Path) -> None:
        """Write the probe into its own folder, and the second view."""
        make_folder(folder / _FOLDER)
        self.probe.save(folder / _FOLDER)
        data, arrays = self.vectors.parts()
        arrays |= {"weight": self.linear.weight_KG, "bias": self.linear.bias_K, "seen": self.linear.seen_K}
        write_parts(folder, data | {"notes": self.notes}, arrays)


def _logits(scores_NC: np.ndarray, seen_K: np.ndarray) -> np.ndarray:
    """Return log probabilities of the K classes seen, [N, K], shifted to mean 0 per row."""
    logits_NK = np.log(np.maximum(scores_NC[:, seen_K], _LEAST))
    return logits_NK - logits_NK.mean(1, keepdims=True)
