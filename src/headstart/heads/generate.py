"""Text generation (translation, summaries): trained with teacher forcing, decoded by beam search."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Features, Head, Loss, Objective, Pieces
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.processor import Tokenizer
from headstart.core.reason import Reason
from headstart.core.spec import HeadSpec
from headstart.networks.writer import Writer, begin_id, begin_writing, dictation, need_writer, score_dictation
from headstart.nn.decoding import beam_search, write


@dataclass(frozen=True, kw_only=True)
class GenerateSpec(HeadSpec):
    """longest: tokens of an answer, end mark included; beams: 1 = greedy; length_penalty: see `beam_search`.

    smoothing: label smoothing in training (0.1 in Vaswani et al. 2017).
    """

    reads: ClassVar[tuple[str, ...]] = ("encoder_decoder",)
    longest: int = 128
    beams: int = 4
    length_penalty: float = 1.0
    smoothing: float = 0.1

    def __post_init__(self) -> None:
        for name in ("longest", "beams"):
            if getattr(self, name) < 1:
                raise HeadstartError(f"{self.label()}.{name}={getattr(self, name)}: expected at least 1")
        if not 0.0 <= self.smoothing < 1.0:
            raise HeadstartError(f"{self.label()}.smoothing={self.smoothing}: expected from 0 to below 1")

    def build(self, backbone: Backbone, tokenizer: Tokenizer, classes: tuple[str, ...]) -> Generate:
        """Return the head. Raises HeadstartError when backbone or tokenizer cannot write."""
        need_writer("head generate", backbone)
        if tokenizer.sep_id < 0:
            raise HeadstartError(
                Reason(
                    "generate_end_mark",
                    "head generate needs a tokenizer with an end mark, '{tokenizer}' has none (unigram has one)",
                    tokenizer=tokenizer.kind,
                )
            )
        return Generate(self, backbone, tokenizer)


class Generate(Head):
    """Cross-entropy of every token of the target and its end mark, given the source and the tokens before it."""

    def __init__(self, spec: GenerateSpec, backbone: Writer, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.spec, self.processor = spec, tokenizer
        self.begin_id, self.end_id = begin_id(tokenizer), tokenizer.sep_id
        self.output = backbone.prediction_head()

    def inherit(self, objective: Objective | None) -> None:
        """Start from the pre-trained output over the vocabulary, if the objective has one of the same kind."""
        _, learned = (objective and objective.named_head()) or ("", None)
        if type(learned) is type(self.output):
            self.output.load_state_dict(learned.state_dict())

    def notes(self, examples: Examples, pieces: Pieces) -> dict[str, object]:
        """Return `targets_cut`: the number of targets longer than `longest`, whose ends are cut."""
        lengths = [len(ids) + 1 for ids in self.processor.encode(examples.targets)]
        return {"targets_cut": sum(length > self.spec.longest for length in lengths)}

    def targets(self, examples: Examples, pieces: Pieces) -> dict[str, list[np.ndarray]]:
        """Return `written`, the ids of each target with the end mark, and their number, `written_B`."""
        ends = np.array([self.end_id])
        encoded = self.processor.encode(examples.targets)
        written = [np.concatenate([encoded[owner], ends])[: self.spec.longest] for owner in pieces.owner_P]
        return {"written": written, "written_B": [np.array([len(ids)]) for ids in written]}

    def forward(self, features: Features) -> Tensor:
        """Return the states of a decoder [B, T', D] as they are; `score` holds them against the words."""
        return features.last_BTD

    def loss(self, output: Tensor, batch: TokenBatch) -> Loss:
        """Raise TypeError: the loss needs the word matrix of the backbone; call `score`."""
        raise TypeError("head generate scores with the backbone's words: call score(backbone, batch)")

    def score(self, backbone: Writer, batch: TokenBatch) -> Loss:
        """Return the loss of writing the targets, each token after the right ones before it; parts: `accuracy`."""
        target = dictation(batch, batch.extra["written"], batch.extra["written_B"], self.begin_id)
        smoothing = self.spec.smoothing if self.training else 0.0
        return score_dictation(backbone, self.output, replace(batch, target=target), smoothing)

    def plain_output(self) -> nn.Module:
        """See `Head.plain_output`."""
        return self.output

    @torch.no_grad()
    def outputs(self, backbone: Writer, batch: TokenBatch) -> list[np.ndarray]:
        """Return the ids of the best text found for each piece, without the end mark."""
        start = begin_writing(backbone, self.output, batch, self.begin_id)
        limits = {"most": self.spec.longest, "end_id": self.end_id}
        if self.spec.beams == 1:
            written = write(*start, **limits)
        else:
            penalty = self.spec.length_penalty
            written = [best[0] for best in beam_search(*start, **limits, beams=self.spec.beams, length_penalty=penalty)]
        return [np.array(one.ids, np.int64) for one in written]

    def decode(self, outputs: list[np.ndarray], pieces: Pieces, examples: Examples) -> list[Any]:
        """Return a text for each example."""
        return [self.processor.decode(ids).strip() for ids in outputs]
