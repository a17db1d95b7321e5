"""Writing on from prompts with a causal language model: what is remembered is kept, a full window moves on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.language_models.bits_per_byte import LanguageModel
from headstart.nn.decoding import Choose, Written, beam_search, greedy, write
from headstart.training.pretrained_model import PretrainedModel


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
) -> list[Continued]:
    """Return a continuation of each prompt, of at most `tokens` tokens; each begins after the begin mark.

    Where a network has a longest sample and it is full, the last half of it is read again from its first position and
    writing goes on from there; with beams all has to fit. Raises HeadstartError: no causal language model, no room, a
    prompt without a token where the tokenizer has no begin mark.
    """
    model = LanguageModel(pretrained)
    begun = [np.concatenate([model.begin(), ids]) for ids in model.processor.encode(list(prompts))]
    for prompt, ids in zip(prompts, begun, strict=True):
        if not len(ids):
            raise HeadstartError(f"prompt {prompt!r} has no token and this tokenizer no begin mark; write a beginning")
    if beams > 1:
        return _by_beams(model, begun, tokens, beams, length_penalty)
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
        for row, part in zip(going, write(model.step, *start, **settings), strict=True):
            found[row].extend(part.ids)
            context[row] = np.concatenate([context[row], np.array(part.ids, np.int64)])
            score[row], ended[row] = score[row] + part.score, part.ended
        going, done = [row for row in going if not ended[row]], done + room
    texts = [_written(model, *pair) for pair in zip(begun, found, strict=True)]
    counts = [len(ids) for ids in found]
    return [Continued(*parts) for parts in zip(texts, counts, ended, score, moved, strict=True)]


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
    model: LanguageModel, begun: list[np.ndarray], tokens: int, beams: int, length_penalty: float
) -> list[Continued]:
    longest = max(map(len, begun))
    if model.limit is not None and longest + tokens > model.limit + 1:
        raise HeadstartError(
            f"beams need prompt ({longest} tokens) and continuation ({tokens}) together in the {model.limit} tokens of "
            "this network; ask for fewer tokens, or leave --beams out"
        )
    settings = {"most": tokens, "end_id": model.processor.sep_id, "beams": beams, "length_penalty": length_penalty}
    best: list[Written] = [found[0] for found in beam_search(model.step, *model.read(begun), **settings)]
    written = [_written(model, ids, one.ids) for ids, one in zip(begun, best, strict=True)]
    return [Continued(text, len(one.ids), one.ended, one.score, 0) for text, one in zip(written, best, strict=True)]
