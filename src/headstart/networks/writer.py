"""What the encoder-decoders share: what a decoder reads, how a given text is scored, how a new one is written."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from headstart.core.batch import TokenBatch
from headstart.core.contracts import EncoderDecoder, Features, Loss
from headstart.core.errors import HeadstartError
from headstart.core.processor import Tokenizer
from headstart.nn.decoding import Step
from headstart.nn.outputs import WordOutput
from headstart.nn.ragged import Layout


class Writer(EncoderDecoder):
    """An encoder-decoder with one word matrix for the source, the target and, where it is tied, the output."""

    has_vocabulary_output = True
    words: nn.Embedding
    vocabulary: int

    @abstractmethod
    def prediction_head(self) -> WordOutput:
        """Return a new output over the vocabulary as the reference wires it; call it with `words_VD`."""

    @property
    def words_VD(self) -> Tensor:
        """The word matrix, for tied outputs."""
        return self.words.weight


def begin_id(tokenizer: Tokenizer) -> int:
    """Return what a decoder reads first: the begin mark or, as in T5, the padding. Raises HeadstartError: neither."""
    found = tokenizer.cls_id if tokenizer.cls_id >= 0 else tokenizer.pad_id
    if found < 0:
        raise HeadstartError(
            f"tokenizer '{tokenizer.kind}' has neither a begin mark nor padding, so a decoder has nothing to begin "
            "from; wordpiece, bpe and unigram have both"
        )
    return found


def need_writer(what: str, backbone: object) -> None:
    """Raise HeadstartError unless `backbone` can write; what: who needs that, such as `head generate`."""
    if not isinstance(backbone, Writer):
        raise HeadstartError(f"{what} needs a backbone that encodes and decodes (t5, transformer, seq2seq ...)")


def check_dropout(label: str, dropout: float) -> None:
    """Raise HeadstartError unless `dropout` is a share below 1."""
    if not 0.0 <= dropout < 1.0:
        raise HeadstartError(f"{label}.dropout={dropout}: expected from 0 to below 1")


def unit_words(vocabulary: int, width: int) -> nn.Embedding:
    """Return a new table whose vectors have length 1: as an output of the right scale, times sqrt(D) as an input.

    With inputs as small as outputs must be, an LSTM hardly moves at first: on a toy translation that one with attention
    learned in 200 steps with unit inputs was not learned in 480 with vectors uniform within .1.
    """
    words = nn.Embedding(vocabulary, width)
    nn.init.normal_(words.weight, std=width**-0.5)
    return words


def dictation(batch: TokenBatch, ids_N: Tensor, lengths_B: Tensor, begin: int) -> TokenBatch:
    """Return the decoder's batch for writing `ids_N`, ragged by `lengths_B`, from the samples of `batch`.

    It reads `begin` and then all but the last of each sample's ids; `extra["target_id"]` is what each is followed by.
    """
    read_N = ids_N.roll(1)
    starts_B = lengths_B.cumsum(0) - lengths_B
    read_N[starts_B[lengths_B > 0]] = begin
    return TokenBatch(
        ids_N=read_N,
        lengths_B=lengths_B,
        sample_B=batch.sample_B,
        epoch=batch.epoch,
        extra={"target_id": ids_N},
        causal=True,
    )


def score_dictation(backbone: Writer, output: WordOutput, batch: TokenBatch, smoothing: float = 0.0) -> Loss:
    """Return the cross-entropy of every token of `batch.target` given the source and the tokens before it.

    smoothing: see `WordOutput.score`. parts: `accuracy`, the share of tokens with the largest logit.
    """
    states_BTD = backbone.decode(batch.target, backbone(batch)).last_BTD
    target_N = batch.target.extra["target_id"]
    scored = output.score(Layout(batch.target).unpad(states_BTD), backbone.words_VD, target_N, smoothing)
    count = target_N.numel()
    return Loss.of(scored.total, count, {"accuracy": scored.right.double() / count} if count else {})


def begin_writing(
    backbone: Writer, output: WordOutput, batch: TokenBatch, begin: int
) -> tuple[Step, Tensor, tuple[Tensor, ...]]:
    """Return (step, logits_BV, carry) for `nn/decoding.py`, after the mark `begin`, from the sources in `batch`.

    The carry is the encoded source with its mask, so that it follows its text, then that of the decoder.
    """

    def read(ids_B: Tensor, memory: Features, carry: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        rows_B = torch.arange(len(ids_B), device=ids_B.device)
        target = TokenBatch(ids_N=ids_B, lengths_B=torch.ones_like(ids_B), sample_B=rows_B, causal=True, carry=carry)
        states = backbone.decode(target, memory, carry=True)
        logits_BV = output(states.last_BTD[:, 0], backbone.words_VD)
        return logits_BV, (memory.last_BTD, memory.mask_BT, *states.carry)

    def step(ids_B: Tensor, carry: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        return read(ids_B, Features(*carry[:2]), carry[2:])

    begin_B = torch.full((batch.size,), begin, device=batch.ids_N.device)
    return step, *read(begin_B, backbone(batch), ())
