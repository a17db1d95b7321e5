"""Writing on from prompts with a causal language model: what is remembered is kept, a full window moves on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from headstart.core.errors import HeadstartError
from headstart.language_models.bits_per_byte import LanguageModel
from headstart.nn.decoding import Choose, Step, Written, beam_search, greedy, write
from headstart.nn.int8 import has_int8, linear_numbers
from headstart.training.pretrained_model import PretrainedModel

Precision = Literal["auto", "fp32", "int8"]
_LEAST_WEIGHTS, _LEAST_TOKENS = 10_000_000, 64  # below, packing takes longer than it saves
_ALIKE = 0.99  # cosine of logits
_LOOKED_AT = 64  # tokens of a prompt


@dataclass(frozen=True)
class Continued:
    """text: what was written after the prompt; tokens: how many; ended: by an end mark; score: see `Written`.

    moved: how often the window was full, so that the first half of what it held was forgotten.
    """

    text: str
    tokens: int
    ended: bool
    score: float
    moved: int


def continue_texts(
    pretrained: PretrainedModel,
    prompts: Sequence[str],
    *,
    tokens: int,
    choose: Choose = greedy,
    beams: int = 1,
    length_penalty: float = 1.0,
    precision: Precision = "auto",
) -> list[Continued]:
    """Return a continuation of each prompt, of at most `tokens` tokens; each begins after the begin mark.

    precision: see `quicker`; prompts are read in fp32.

    Where a network has a longest sample and it is full, the last half of it is read again from its first position and
    writing goes on from there; with beams all has to fit. Raises HeadstartError: no causal language model, no room, a
    prompt without a token where the tokenizer has no begin mark.
    """
    model = LanguageModel(pretrained)
    begun = [np.concatenate([model.begin(), ids]) for ids in model.processor.encode(list(prompts))]
    for prompt, ids in zip(prompts, begun, strict=True):
        if not len(ids):
            raise HeadstartError(f"prompt {prompt!r} has no token and this tokenizer no begin mark; write a beginning")
    step = quicker(model, begun, tokens, precision).step
    if beams > 1:
        return _by_beams(model, step, begun, tokens, beams, length_penalty)
    found: list[list[int]] = [[] for _ in begun]
    score, ended, moved = [0.0] * len(begun), [False] * len(begun), [0] * len(begun)
    context, going, done = list(begun), list(range(len(begun))), 0
    while going and done < tokens:
        for row in going:
            context[row], cut = _kept(model, context[row])
            moved[row] += cut
        room = tokens - done
        if model.limit is not None:
            room = min(room, model.limit + 1 - max(len(context[row]) for row in going))
        start = model.read([context[row] for row in going])
        settings = {"most": room, "end_id": model.processor.sep_id, "choose": _of(choose, going), "position": done}
        for row, part in zip(going, write(step, *start, **settings), strict=True):
            found[row].extend(part.ids)
            context[row] = np.concatenate([context[row], np.array(part.ids, np.int64)])
            score[row], ended[row] = score[row] + part.score, part.ended
        going, done = [row for row in going if not ended[row]], done + room
    texts = [_written(model, *pair) for pair in zip(begun, found, strict=True)]
    counts = [len(ids) for ids in found]
    return [Continued(*parts) for parts in zip(texts, counts, ended, score, moved, strict=True)]


def quicker(
    model: LanguageModel, begun: Sequence[np.ndarray], tokens: int, precision: Precision = "auto"
) -> LanguageModel:
    """Return what reads token by token: the model, or its weights in int8 where that is quicker and says the same.

    precision: fp32, int8, or auto = int8 on a CPU for networks of 10 M weights and 64 tokens on, if after the first
    prompt its logits have a cosine of .99 with those of fp32 and its step takes less time. Raises HeadstartError: int8
    is asked for and not there.
    """
    able = has_int8() and model.device.type == "cpu"
    if precision == "int8" and not able:
        raise HeadstartError("precision int8: weights in int8 are for processors with x86 instructions; take fp32")
    large = linear_numbers(model.backbone) >= _LEAST_WEIGHTS and tokens >= _LEAST_TOKENS
    if precision == "fp32" or not able or (precision == "auto" and not large):
        return model
    quick = model.in_int8()
    if precision == "int8":
        return quick
    logits_1V, carry = model.read([_kept(model, begun[0])[0][:_LOOKED_AT]])
    next_1, told, seconds = logits_1V.argmax(1), [], []
    for one in (model, quick):
        one.step(next_1, carry)  # the first sets up what the second is timed by
        start = time.perf_counter()
        told.append(one.step(next_1, carry)[0])
        seconds.append(time.perf_counter() - start)
    alike = float(torch.cosine_similarity(*told).item())
    return quick if alike >= _ALIKE and seconds[1] < seconds[0] else model


def _written(model: LanguageModel, begun: np.ndarray, ids: Sequence[int]) -> str:
    """Return the text of `ids` as it follows `begun`: with the blank before a new word, without one within a word."""
    before, whole = model.processor.decode(begun), model.processor.decode([*begun, *ids])
    return whole[len(before) :] if whole.startswith(before) else model.processor.decode(ids)


def _kept(model: LanguageModel, ids: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return (what is read of a text so far, whether its beginning was left out).

    A text that leaves no room for one more token is cut to half a window.
    """
    if model.limit is None or len(ids) <= model.limit:
        return ids, False
    begin = model.begin() if model.reframes else model.begin()[:0]
    return np.concatenate([begin, ids[-max(1, model.limit // 2 - len(begin)) :]]), True


def _of(choose: Choose, rows: list[int]) -> Choose:
    """Return `choose` for the texts `rows` of those it was made for."""
    return lambda logits_AV, row_A, position: choose(logits_AV, row_A.new_tensor(rows)[row_A], position)


def _by_beams(
    model: LanguageModel, step: Step, begun: list[np.ndarray], tokens: int, beams: int, length_penalty: float
) -> list[Continued]:
    longest = max(map(len, begun))
    if model.limit is not None and longest + tokens > model.limit + 1:
        raise HeadstartError(
            f"beams need prompt ({longest} tokens) and continuation ({tokens}) together in the {model.limit} tokens of "
            "this network; ask for fewer tokens, or leave --beams out"
        )
    settings = {"most": tokens, "end_id": model.processor.sep_id, "beams": beams, "length_penalty": length_penalty}
    best: list[Written] = [found[0] for found in beam_search(step, *model.read(begun), **settings)]
    written = [_written(model, ids, one.ids) for ids, one in zip(begun, best, strict=True)]
    return [Continued(text, len(one.ids), one.ended, one.score, 0) for text, one in zip(written, best, strict=True)]
