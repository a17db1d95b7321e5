"""Language models score and write: every byte once, windows and carried states, caches, prompts of all sizes."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from headstart.core import registry
from headstart.core.batch import make_batch
from headstart.core.errors import HeadstartError
from headstart.core.processor import Tokenizer
from headstart.core.shapes import TokenShape
from headstart.language_models.bits_per_byte import LanguageModel, bits_per_byte, score_files
from headstart.language_models.generation import continue_texts
from headstart.nn.decoding import Draw, write
from headstart.nn.pooling import pool
from headstart.objectives.causal import CausalSpec
from headstart.processors.byte import Bytes
from headstart.processors.char import Characters
from headstart.processors.wordpiece import WordPiece
from headstart.training.pretrained_model import PretrainedModel

BYTES = Bytes().train([])
TEXTS = ["영화가 정말 좋았다. " * 3, "a", "The quick brown fox jumps over the lazy dog, twice. " * 2, "끝"]


def pretrained(name: str, tokenizer: Tokenizer = BYTES, **settings) -> PretrainedModel:
    spec = registry.load("backbone", name)()
    sizes = {"width": 32, "depth": 2, "heads": 4, "mlp_width": 40, "max_tokens": 24, **settings}
    spec = replace(spec, **{k: v for k, v in sizes.items() if k in {field.name for field in fields(spec)}})
    torch.manual_seed(2)
    backbone = spec.build(TokenShape(tokenizer.vocabulary, tokenizer.pad_id))
    objective = CausalSpec().build(backbone, tokenizer)
    for parameter in (*backbone.parameters(), *objective.parameters()):
        torch.nn.init.normal_(parameter, std=0.3)
    return PretrainedModel(tokenizer, spec, backbone.eval(), objective.eval(), CausalSpec(), receipt={"stateful": True})


@torch.no_grad()
def plain_nats(model: PretrainedModel, text: str, back: int | None = None) -> np.ndarray:
    """Cost of each token from its whole past, one at a time; back: at most so many tokens of it."""
    ids = np.concatenate([[model.processor.cls_id], model.processor.encode([text])[0]])
    found = []
    for at in range(1, len(ids)):
        past = ids[:at] if back is None else ids[max(0, at - back) : at]
        hidden = pool(model.backbone(make_batch([past])), "last")
        found.append(-model.objective.head(hidden, model.backbone.words_VD).log_softmax(-1)[0, ids[at]].item())
    return np.array(found)


@pytest.mark.parametrize("name", ["lstm", "gpt2", "llama"])
def test_every_byte_is_counted_once(name):
    """What is summed is the cost of each token from its whole past, in one window or with a carried state."""
    model = pretrained(name, max_tokens=300)
    score = bits_per_byte(model, TEXTS, tokens=200)
    expected = [plain_nats(model, text).sum() for text in TEXTS]
    assert np.abs(score.nats_U - expected).max() <= 1e-3
    size = sum(len(text.encode()) for text in TEXTS)
    assert score.bytes_U.sum() == score.tokens_U.sum() == size
    assert abs(score.bits_per_byte - sum(expected) / size / math.log(2)) <= 1e-5
    assert abs(score.nats_per_character - sum(expected) / sum(map(len, TEXTS))) <= 1e-4
    assert abs(score.perplexity - math.exp(sum(expected) / size)) <= 1e-2
    assert (score.unknown, score.altered) == (0, 0)
    low, high = score.interval()
    assert low <= score.bits_per_byte <= high
    assert "4 documents" in score.summary()
    assert "warning" not in score.summary()


def test_states_are_carried_over_chunks(monkeypatch):
    model = pretrained("lstm")
    whole = bits_per_byte(model, TEXTS)
    monkeypatch.setattr("headstart.language_models.bits_per_byte._CHUNK", 7)
    chunked = bits_per_byte(model, TEXTS, tokens=14)
    assert np.abs(whole.nats_U - chunked.nats_U).max() <= 1e-3


@pytest.mark.parametrize("stateful", [True, False])
def test_windows_move_on_by_half(stateful):
    """Every token is scored from at least half a window of its past, the first ones from all of it."""
    model = pretrained("llama")
    model.receipt["stateful"] = stateful
    seen = []
    reader = LanguageModel.costs

    def spy(self, ids, following, carry=()):
        seen.extend(zip(ids, following, strict=True))
        return reader(self, ids, following, carry)

    text = TEXTS[2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LanguageModel, "costs", spy)
        score = bits_per_byte(model, [text, "ab"], tokens=50)
    assert all(len(read) == len(following) <= 24 for read, following in seen)
    begins = [read[0] == model.processor.cls_id for read, _ in seen]
    assert all(begins) if not stateful else sum(begins) == 2
    ids = np.concatenate([[model.processor.cls_id], model.processor.encode([text])[0]])
    expected, low, first, high = [], 0, 1, min(25, len(ids))
    room = 24 - (not stateful)
    while first < high:
        begin = ids[:1] if low and not stateful else ids[:0]
        read = np.concatenate([begin, ids[low : high - 1]])
        with torch.no_grad():
            hidden = model.backbone(make_batch([read])).last_BTD[0]
            chances = -model.objective.head(hidden, model.backbone.words_VD).log_softmax(-1)
        expected.extend(chances[len(read) - (high - at)][ids[at]].item() for at in range(first, high))
        first, high = high, min(high + room // 2, len(ids))
        low = high - 1 - room
    assert len(expected) == len(text.encode())
    assert abs(score.nats_U[0] - sum(expected)) <= 1e-3


def test_one_document_is_cut_into_blocks():
    model = pretrained("llama")
    text = ("Once more, 다시 한 번. " * 300)[:4500]
    score = bits_per_byte(model, [text])
    assert score.characters_U.tolist() == [2000, 2000, 500]
    assert score.bytes_U.sum() == score.tokens_U.sum() == len(text.encode())
    assert "3 blocks of 2,000 characters" in score.summary()


def test_what_is_lost_is_told():
    tokenizer = Characters().train(["abab cdcd " * 3])
    model = pretrained("llama", tokenizer)
    score = bits_per_byte(model, ["abcd", "axyb"])
    assert (score.unknown, score.altered) == (2, 1)
    assert "2 tokens (25.00%) are unknown" in score.summary()
    assert "1 documents do not come back" in score.summary()
    with pytest.raises(HeadstartError, match="no text"):
        bits_per_byte(model, ["", ""])
    model.objective = None
    with pytest.raises(HeadstartError, match="--objective causal"):
        bits_per_byte(model, ["abcd"])


PROMPTS = ["", "영화", "The quick", "a" * 20]


@pytest.mark.parametrize("name", ["gpt2", "llama", "lstm", "gru"])
@torch.no_grad()
def test_a_cache_changes_no_logit(name):
    """Ragged prompts read at once, then token by token, against reading everything anew every time."""
    model = LanguageModel(pretrained(name, max_tokens=60))
    prompts = [np.concatenate([model.begin(), ids]) for ids in model.processor.encode(PROMPTS)]
    logits, carry = model.read(prompts)
    for _ in range(8):
        again, _ = model.read(prompts)
        assert (logits - again).abs().max() <= 1e-5 * max(1.0, float(again.abs().max()))
        chosen = logits.argmax(-1)
        prompts = [np.concatenate([ids, [token]]) for ids, token in zip(prompts, chosen.tolist())]
        logits, carry = model.step(chosen, carry)


def test_a_text_does_not_depend_on_its_batch():
    model = pretrained("llama", max_tokens=24)
    choose = Draw(seed=5)
    together = continue_texts(model, PROMPTS, tokens=40, choose=choose)
    for row, prompt in enumerate(PROMPTS):
        alone = continue_texts(model, [prompt], tokens=40, choose=Draw(seed=5, samples=[row]))[0]
        assert (alone.text, alone.tokens, alone.moved) == (
            together[row].text, together[row].tokens, together[row].moved
        )  # fmt: skip


def test_a_full_window_moves_on():
    """The text goes on from the last half of the window, read from its first position."""
    model = pretrained("gpt2", max_tokens=24)
    model.processor.sep_id, end = -1, model.processor.sep_id
    try:
        found = continue_texts(model, ["abc"], tokens=60)[0]
        assert found.tokens == 60
        assert found.moved == 3
        reader = LanguageModel(model)
        ids = np.concatenate([reader.begin(), reader.processor.encode(["abc"])[0]])
        context, wanted = ids, []
        while len(wanted) < 60:
            if len(context) > 24:
                context = context[-12:]
            room = min(60 - len(wanted), 25 - len(context))
            part = write(reader.step, *reader.read([context]), most=room)[0].ids
            wanted, context = wanted + part, np.concatenate([context, part])
        assert found.text == model.processor.decode(wanted)
        with pytest.raises(HeadstartError, match="beams need prompt"):
            continue_texts(model, ["abc"], tokens=60, beams=3)
        assert continue_texts(model, ["abc"], tokens=21, beams=3)[0].tokens == 21
    finally:
        model.processor.sep_id = end


def test_a_saved_model_writes_the_same(tmp_path: Path):
    model = pretrained("llama", max_tokens=64)
    model.save(tmp_path / "saved")
    opened = PretrainedModel.open(tmp_path / "saved")
    for settings in ({}, {"beams": 3}, {"choose": Draw(seed=1)}):
        assert continue_texts(opened, PROMPTS, tokens=12, **settings) == continue_texts(
            model, PROMPTS, tokens=12, **settings
        )


def test_words_stand_apart_from_the_prompt():
    pieces = WordPiece().train(["the film was good and the plot was better"] * 50)
    model = pretrained("lstm", pieces)
    names = [pieces.token(number) for number in range(pieces.vocabulary)]
    for name, text in (("the", " the the"), ("##he", "hehe")):
        always = torch.tensor(names.index(name))
        found = continue_texts(model, ["film"], tokens=2, choose=partial(_always, always))
        assert found[0].text == text


def _always(token: torch.Tensor, _logits_AV: torch.Tensor, row_A: torch.Tensor, _position: int) -> torch.Tensor:
    return token.expand_as(row_A)


def test_files_are_read_as_the_corpus_was(tmp_path: Path):
    model = pretrained("llama")
    (tmp_path / "unseen.txt").write_text("One line.\nAnother one.\n\nA paragraph.\n", encoding="utf-8")
    found = {}
    for unit in ("line", "paragraph", "file"):
        model.corpus = {"paths": ["gone.txt"], "unit": unit, "column": None}
        score = score_files(model, [str(tmp_path / "unseen.txt")])
        found[unit] = len(score.nats_U), score.unit
    assert found["line"] == (3, "documents")
    assert found["paragraph"] == (2, "documents")
    assert found["file"] == (1, "blocks of 2,000 characters")
