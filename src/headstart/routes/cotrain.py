"""Co-training one way: a probe's answers on unlabelled text teach n-grams; both answer (after Blum & Mitchell 1998).

Two views of a text err differently: vectors generalise, n-grams keep what the vectors lost (a negation, a rare word).
The n-gram model sees a hundred thousand soft answers instead of a few labels, and the mean of both is better than
either: on NSMC dev +.006/.007/.008/.010/.008 over the probe at 16/64/256/1,000/4,000 labels (docs/log.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from scipy import sparse
from scipy.special import softmax
from sklearn.linear_model import Ridge

from headstart.base.contracts import TaskModel
from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.spec import RouteSpec
from headstart.routes.char_vectors import CharVectors
from headstart.routes.checks import labels_of, no_base, no_corpus
from headstart.routes.clock import CUT, Clock
from headstart.routes.probe import Probe, ProbeModel
from headstart.routes.task_io import read_parts, write_parts
from headstart.routes.unlabelled import sample_documents
from headstart.routes.workspace import Workspace

_FOLDER = "probe"
_MOST_ANSWERS = 400_000  # documents times classes that the n-gram model is fitted to: about ten seconds
_SHARP = 2.0  # the probe's answers become softmax(_SHARP * logits / their standard deviation)
_HELD_OUT = 10  # every tenth document says how far the n-gram model is to be believed
_LEAST = 1e-6  # probability that a logit is made of
_AT_ONCE, _EMBED_SHARE = 200, 0.3  # documents between two looks at the clock; of the seconds
_TRIED, _TIMES = 500, 2.0  # documents whose n-grams are counted on trial; fitting takes as long as counting again


@dataclass(frozen=True, kw_only=True)
class Cotrain(RouteSpec):
    """documents: most that the probe answers; penalty: ridge penalty of the n-gram model; usual: see `probe`."""

    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    documents: int = 100_000
    penalty: float = 3.0
    usual: float = 1.0

    def refuses(self, examples: Examples, workspace: Workspace) -> str | None:
        """Return why this route cannot run here, or None."""
        if examples.second is not None:
            return "it answers unlabelled documents, and these are no pairs"
        return no_base(workspace) or no_corpus(workspace)

    def run(self, examples: Examples, workspace: Workspace, *, seed: int, seconds: float | None = None) -> CotrainModel:
        """Fit the probe, let it answer, fit the n-gram model. Raises HeadstartError: see `refuses`; no rows, labels.

        Without `seconds` the result is a function of the arguments; with it a slow base answers fewer documents. Texts
        are embedded and n-grams counted once per workspace.
        """
        labels_N, clock = labels_of(examples), Clock(seconds)
        if refusal := self.refuses(examples, workspace):
            raise HeadstartError(f"this route cannot run: {refusal}")
        probe = Probe(usual=self.usual).run(examples, workspace, seed=seed)
        seen_K = np.unique(labels_N)
        texts, counts, cut = self._documents(workspace, len(seen_K), clock)
        notes = {**probe.notes, "documents": len(texts), CUT: cut}
        logits_MK = _logits(probe.scores(Examples(texts)), seen_K)
        spread = logits_MK.std()
        if spread == 0:  # one class, or a probe that says the same of every text
            return CotrainModel(probe, counts.vectors, _Linear.nothing(counts.matrix.shape[1], seen_K), notes)
        answers_MK = softmax(_SHARP * logits_MK / spread, axis=1)
        labelled_NK = (labels_N[:, None] == seen_K).astype(float)
        matrix = sparse.vstack([counts.matrix, counts.vectors.embed(examples.first)], format="csr")
        held_out = np.arange(len(matrix.indptr) - 1) % _HELD_OUT == 0
        held_out[len(texts) :] = False
        targets = np.vstack([answers_MK, labelled_NK])
        ridge = Ridge(alpha=self.penalty, solver="lsqr", max_iter=60).fit(matrix[~held_out], targets[~held_out])
        found_MK = matrix[held_out] @ ridge.coef_.T
        found_MK -= found_MK.mean(1, keepdims=True)
        # What few documents could teach agrees little with the probe on others, and counts as little.
        agreed = (
            np.corrcoef(found_MK.ravel(), logits_MK[held_out[: len(texts)]].ravel())[0, 1] if found_MK.any() else 0.0
        )
        notes["agreement"] = float(agreed)
        scale = max(agreed, 0.0) * spread / max(found_MK.std(), 1e-12)
        linear = _Linear(
            (ridge.coef_ * scale).astype(np.float32), (ridge.intercept_ * scale).astype(np.float32), seen_K
        )
        return CotrainModel(probe, counts.vectors, linear, notes)

    def _documents(self, workspace: Workspace, classes: int, clock: Clock) -> tuple[list[str], _Counts, bool]:
        """Return the documents to be answered, their n-grams, and whether time left some of them out."""
        most = min(self.documents, max(1_000, _MOST_ANSWERS // classes))

        def affordable() -> tuple[list[str], bool]:
            documents = sample_documents(workspace, most)
            if clock.seconds is None:
                return documents, False
            trial = Clock(None)
            _Counts.of(documents[:_TRIED])
            each = _TIMES * trial.used / min(len(documents), _TRIED)
            embedding = Clock(_EMBED_SHARE * clock.seconds)
            for start in range(0, len(documents), _AT_ONCE):
                if start and (embedding.out or clock.left < each * start):
                    return documents[:start], True
                workspace.vectors(documents[start : start + _AT_ONCE])
            return documents, False

        texts, cut = workspace.once(("cotrain texts", most), affordable)
        return texts, workspace.once(("cotrain counts", most), lambda: _Counts.of(texts)), cut

    def load(self, folder: Path) -> CotrainModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder)
        linear = _Linear(arrays["weight"], arrays["bias"], arrays["seen"])
        probe = Probe().load(folder / _FOLDER)
        return CotrainModel(probe, CharVectors.from_parts(data, arrays), linear, data["notes"])


@dataclass(frozen=True)
class _Counts:
    """Unlabelled documents as rows of n-grams [M, G]."""

    vectors: CharVectors
    matrix: sparse.csr_matrix

    @classmethod
    def of(cls, texts: list[str]) -> _Counts:
        vectors = CharVectors.train(texts)
        return cls(vectors, vectors.embed(texts))


@dataclass(frozen=True)
class _Linear:
    """Logits of the K classes seen: weight_KG, bias_K; seen_K: their numbers."""

    weight_KG: np.ndarray
    bias_K: np.ndarray
    seen_K: np.ndarray

    @classmethod
    def nothing(cls, columns: int, seen_K: np.ndarray) -> _Linear:
        return cls(np.zeros((len(seen_K), columns), np.float32), np.zeros(len(seen_K), np.float32), seen_K)

    def logits(self, rows: sparse.csr_matrix) -> np.ndarray:
        found_NK = rows @ self.weight_KG.T + self.bias_K
        return found_NK - found_NK.mean(1, keepdims=True)


class CotrainModel(TaskModel):
    """The mean of the logits of `probe` and of `linear` on n-grams, whose scale is its agreement with the probe."""

    def __init__(self, probe: ProbeModel, vectors: CharVectors, linear: _Linear, notes: dict[str, object]):
        self.probe, self.vectors, self.linear, self.notes = probe, vectors, linear, notes
        self.classes = probe.classes

    def scores(self, examples: Examples) -> np.ndarray:
        """Return probabilities [N, C]; a class never seen gets 0."""
        scores_NC = self.probe.scores(examples)
        if not len(examples):
            return scores_NC
        seen_K = self.linear.seen_K
        logits_NK = _logits(scores_NC, seen_K) + self.linear.logits(self.vectors.embed(examples.first))
        out_NC = np.zeros_like(scores_NC)
        out_NC[:, seen_K] = softmax(logits_NK / 2, axis=1)
        return out_NC

    def save(self, folder: Path) -> None:
        """Write the probe into its own folder, and the n-gram model."""
        (folder / _FOLDER).mkdir()
        self.probe.save(folder / _FOLDER)
        data, arrays = self.vectors.parts()
        arrays |= {"weight": self.linear.weight_KG, "bias": self.linear.bias_K, "seen": self.linear.seen_K}
        write_parts(folder, data | {"notes": self.notes}, arrays)


def _logits(scores_NC: np.ndarray, seen_K: np.ndarray) -> np.ndarray:
    """Return log probabilities of the classes seen [N, K], each row with mean 0."""
    logits_NK = np.log(np.maximum(scores_NC[:, seen_K], _LEAST))
    return logits_NK - logits_NK.mean(1, keepdims=True)
