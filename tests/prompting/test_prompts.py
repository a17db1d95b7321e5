"""Slots, templates, words and calibration of prompts, each against a slow or plain twin."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from prompted_bases import TEMPLATE, prompted_base
from tiny_bases import bag_base, rows, token_base

from headstart.core.batch import make_batch
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.prompting.prompts import Prompt, Template, content_offset, default_template, prior_offset
from headstart.prompting.verbalizers import search_words, word_ids, words_of
from headstart.prompting.word_slot import no_slot, slot_of

KINDS = ["mlm", "causal"]


@pytest.fixture(params=KINDS)
def base(request):
    return prompted_base(request.param)


def ids_of(base, texts):
    return base.processor.encode(texts)


@torch.no_grad()
def plain_likelihood(base, kind, shared, before, after, word) -> float:
    """The mean nats of one word in one text, by one plain pass; causal: what follows is added."""
    tokenizer = base.processor
    hidden = np.full(len(word), tokenizer.mask_id) if kind == "mlm" else word
    ids = tokenizer.add_special_tokens(np.concatenate([shared, before, hidden, after]))[0]
    logits = base.objective.logits(base.backbone, make_batch([ids]), torch.arange(len(ids))).log_softmax(-1)
    start = 1 + len(shared) + len(before)
    late = 0 if kind == "mlm" else 1
    nats = [logits[start + place - late, token].item() for place, token in enumerate(word)]
    rest = [logits[start + len(word) + place - 1, token].item() for place, token in enumerate(after)]
    return float(np.mean(nats)) + (0.0 if kind == "mlm" else float(np.sum(rest)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after", ["", " .", " film actor"])
@pytest.mark.parametrize("shared", [pytest.param("", marks=pytest.mark.full), "lovely film it was good ."])
def test_slots_agree_with_one_plain_pass_for_each_word(kind, after, shared):
    base = prompted_base(kind)
    before = ids_of(base, ["lovely film it was", "", "bad", "cold story music flat it"])
    words = ids_of(base, ["good", "bad", "so very good", "so bad"])
    behind, common = ids_of(base, [after])[0], ids_of(base, [shared])[0]
    found_NW = slot_of(base).likelihoods(common, before, [behind] * 4, words)
    plain_NW = [[plain_likelihood(base, kind, common, one, behind, word) for word in words] for one in before]
    assert np.allclose(found_NW, plain_NW, atol=1e-4)


def test_vocabulary_is_what_single_words_are_judged_by(base):
    before, after = ids_of(base, ["lovely film it was", "cold"]), [np.zeros(0, np.int64)] * 2
    nats_NV = slot_of(base).vocabulary(before, after)
    assert np.allclose(np.exp(nats_NV).sum(1), 1, atol=1e-4)
    words = [ids for ids in ids_of(base, ["good", "bad", "film"]) if len(ids) == 1]
    found_NW = slot_of(base).likelihoods(np.zeros(0, np.int64), before, after, words)
    assert np.allclose(found_NW, nats_NV[:, [int(word[0]) for word in words]], atol=1e-4)


def test_what_cannot_predict_words_is_refused():
    for made in (bag_base(), token_base()):
        assert "predicts words" in no_slot(made)
        with pytest.raises(HeadstartError, match="objective mlm"):
            slot_of(made)


def test_template_places_blanks_and_cuts():
    tokenizer = prompted_base("mlm").processor
    form = Template("so {text} it was [MASK] .", tokenizer, pairs=False)
    assert form.blank
    assert form.ends
    before, after, cut = form.fill(["lovely film", "film " * 9], None, 3)
    assert cut == [False, True]
    assert tokenizer.decode(before[0]).split() == ["so", "lovely", "film", "it", "was"]
    assert tokenizer.decode(before[1]).split() == ["so", "film", "film", "film", "it", "was"]
    assert tokenizer.decode(after[0]) == "."
    assert not Template("{label}: {text}", tokenizer, pairs=False).ends
    pair = Template("{text}? {label}, {text2}", tokenizer, pairs=True)
    before, after, cut = pair.fill(["film " * 9, "film"], ["actor " * 2, "actor " * 9], 6)
    counts = [
        (tokenizer.decode(one).split().count("film"), tokenizer.decode(two).split().count("actor"))
        for one, two in zip(before, after)
    ]
    assert (counts, cut) == ([(4, 2), (1, 5)], [True, True])


@pytest.mark.parametrize(
    "text", ["{text}", "{label}", "{text} {text} {label}", "{text} {word} {label}", "{text} {label} [MASK]"]
)
def test_wrong_templates_are_one_line(text):
    with pytest.raises(HeadstartError, match=r"expected \{text\} and \{label\}") as caught:
        Template(text, prompted_base("mlm").processor, pairs=False)
    assert "\n" not in str(caught.value)


def test_words_of_classes(tmp_path):
    assert words_of("", ("bad", "card_arrival")) == (("bad",), ("card arrival",))
    assert words_of("", ("긍정", "부정")) == (("긍정",), ("부정",))
    for names in (("0", "1"), ("LABEL_0", "LABEL_1"), ("a", "b"), ("good", "2")):
        assert words_of("", names) is None
    assert words_of("0: bad, awful ;1:so good", ("0", "1")) == (("bad", "awful"), ("so good",))
    (tmp_path / "v.json").write_text('{"0": ["bad"], "1": ["good"]}')
    assert words_of(str(tmp_path / "v.json"), ("0", "1")) == (("bad",), ("good",))
    for wrong, why in (("0 bad", "no colon"), ("0:bad", "no words for class 1"), ("0:bad;2:good", "'2'")):
        with pytest.raises(HeadstartError, match=why):
            words_of(wrong, ("0", "1"))
    (tmp_path / "w.json").write_text('{"0": "bad"}')
    with pytest.raises(HeadstartError, match="expected"):
        words_of(str(tmp_path / "w.json"), ("0", "1"))


def test_words_must_be_known_and_tell_classes_apart():
    tokenizer = prompted_base("mlm").processor
    with pytest.raises(HeadstartError, match="'뷁' is not in the vocabulary"):
        word_ids(tokenizer, (("good",), ("뷁",)), blank=True)
    with pytest.raises(HeadstartError, match="two classes"):
        word_ids(tokenizer, (("good",), ("bad", "good")), blank=True)


def test_search_finds_the_planted_words(base):
    train = rows(16)
    form = Template(TEMPLATE, base.processor, pairs=False)
    before, after, _ = form.fill(train.items, None, 30)
    nats_NV = slot_of(base).vocabulary(before, after)
    found = search_words(base.processor, nats_NV, train.labels, 3, blank=True)
    assert "bad" in found[0]
    assert "good" in found[1]
    assert found[2] == ()
    turned = search_words(base.processor, nats_NV, 1 - train.labels, 3, blank=True)
    assert (turned[0], turned[1]) == (found[1], found[0])


def test_content_free_text_is_of_no_class(base):
    prompt = Prompt(base, TEMPLATE, (("bad",), ("good",), ("film", "actor")), False, [("great film", None, 1)])
    offset_C = content_offset(prompt)
    mean_C = prompt.likelihoods(prompt.content_free()).mean(0)
    assert np.ptp(mean_C) > 0.1
    assert np.allclose(mean_C + offset_C, (mean_C + offset_C)[0])


def test_prior_is_met_exactly(base):
    from scipy.special import softmax

    prompt = Prompt(base, TEMPLATE, (("bad",), ("good",), ()), False)
    texts, prior_C = Examples(rows(30).items[:21]), np.array([3.0, 1.0, 4.0])
    scores_NC = softmax(prompt.likelihoods(texts) + prior_offset(prompt, texts, prior_C), axis=1)
    assert np.allclose(scores_NC.mean(0), [0.75, 0.25, 0.0], atol=1e-4)


def test_demonstrations_that_do_not_fit_are_left_out(base):
    shown = [("lovely film", None, 1), ("awful story", None, 0), ("film " * 30, None, 1)]
    prompt = Prompt(base, TEMPLATE, (("bad",), ("good",)), False, shown * 4)
    assert 0 < prompt.shown < 12
    assert len(prompt.shared) <= 32
    nats_NC, cut = prompt.scored(Examples(["film " * 90, "film", "film " * 90]))
    assert (nats_NC.shape, cut) == ((3, 2), 1)


def test_usual_template_speaks_the_language():
    korean, english = Examples(["정말 좋은 영화", "최악"]), Examples(["a film", "a story"], ["x", "y"])
    assert "한마디로" in default_template(None, korean)
    assert "{text2}" in default_template((("yes",), ("no",)), english)
