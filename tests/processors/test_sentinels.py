"""Sentinels for hidden spans: special ids in order, counted in the size, saved, and found in others' tokenizers."""

from __future__ import annotations

import pytest
from tokenizers import AddedToken, models
from tokenizers import Tokenizer as Rust

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.load_processor import load_processor

KINDS = ("bpe", "byte", "char", "unigram", "wordpiece", "morpheme")


@pytest.fixture(params=KINDS)
def spec(request):
    if request.param == "morpheme":
        pytest.importorskip("kiwipiepy")
    return registry.load("processor", request.param)


def test_sentinels_are_special_ids_in_order_and_survive_saving(spec, reviews, tmp_path):
    plain, tokenizer = spec().train(iter(reviews)), spec(sentinels=10).train(iter(reviews))
    assert plain.sentinel_ids == ()
    assert tokenizer.sentinel_ids == tuple(range(5, 15))
    assert [tokenizer.token(number) for number in tokenizer.sentinel_ids] == [f"<extra_id_{n}>" for n in range(10)]
    assert tokenizer.special_ids == frozenset(range(15))
    written = tokenizer.encode(["영화 <extra_id_0> film <extra_id_3>", "<extra_id_9>"])
    assert not set(tokenizer.sentinel_ids) & {number for ids in written for number in ids.tolist()}
    ids = tokenizer.encode(["film"])[0].tolist()
    assert tokenizer.decode([5, *ids, 14]) == tokenizer.decode(ids)
    tokenizer.save(tmp_path)
    again = load_processor(tmp_path)
    assert (again.sentinel_ids, again.special_ids) == (tokenizer.sentinel_ids, tokenizer.special_ids)
    assert again.encode(["영화 <extra_id_0>"])[0].tolist() == tokenizer.encode(["영화 <extra_id_0>"])[0].tolist()


@pytest.mark.parametrize(("kind", "size"), [("bpe", 400), ("wordpiece", 200), ("unigram", 110), ("char", 60)])
def test_the_size_asked_for_counts_them(kind, size, reviews):
    tokenizer = registry.load("processor", kind)(vocabulary=size, sentinels=20).train(iter(reviews))
    assert tokenizer.vocabulary == size
    assert len(tokenizer.sentinel_ids) == 20
    with pytest.raises(HeadstartError, match="sentinels=-1: expected 0 or more"):
        registry.load("processor", kind)(sentinels=-1).train(iter(reviews))


def test_a_byte_tokenizer_grows_by_them():
    spec = registry.load("processor", "byte")
    assert spec(sentinels=3, vocabulary=264).train([]).vocabulary == 264
    with pytest.raises(HeadstartError, match="always 264"):
        spec(sentinels=3, vocabulary=261).train([])


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_a_text_full_of_them_does_not_make_them_pieces(kind, reviews):
    texts = [f"{review} <extra_id_0><extra_id_1> [MASK]" for review in reviews]
    tokenizer = registry.load("processor", kind)(sentinels=2).train(iter(texts))
    written = {number for ids in tokenizer.encode(texts) for number in ids.tolist()}
    assert not written & tokenizer.special_ids


def test_transformers_skips_them(spec, reviews, tmp_path):
    transformers = pytest.importorskip("transformers")
    tokenizer = spec(sentinels=4).train(iter(reviews))
    if tokenizer.kind == "morpheme":
        pytest.skip("does not exist there")
    tokenizer.save(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    ids = tokenizer.encode(["영화 <extra_id_0> film"])[0].tolist()
    assert theirs("영화 <extra_id_0> film", add_special_tokens=False)["input_ids"] == ids
    assert theirs.convert_tokens_to_ids(["<extra_id_0>", "<extra_id_3>"]) == [5, 8]
    assert theirs.decode([5, *ids, 8], skip_special_tokens=True) == tokenizer.decode(ids)


@pytest.mark.parametrize("marked_special", [True, False])
def test_those_of_a_plain_t5_are_found(tmp_path, marked_special):
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁a", -1.0), ("▁b", -1.5)]
    rust = Rust(models.Unigram(pieces, unk_id=2, byte_fallback=False))
    rust.add_special_tokens([AddedToken(name, special=True) for name in ("<pad>", "</s>", "<unk>")])
    names = [f"<extra_id_{number}>" for number in range(11, -1, -1)]  # T5 counts downwards
    rust.add_tokens([AddedToken(name, special=marked_special) for name in names])
    rust.save(str(tmp_path / "tokenizer.json"))
    tokenizer = load_processor(tmp_path)
    assert tokenizer.sentinel_ids == tuple(range(16, 4, -1))
    assert set(tokenizer.sentinel_ids) <= tokenizer.special_ids
    assert tokenizer.decode([3, 16, 4]) == tokenizer.decode([3, 4])
    assert (tokenizer.pad_id, tokenizer.sep_id, tokenizer.unk_id, tokenizer.cls_id) == (0, 1, 2, -1)
