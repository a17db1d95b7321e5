"""Every tokenizer: sizes, normal forms, framing, decoding, training twice, the same in a fresh process."""

from __future__ import annotations

import dataclasses
import gzip
import importlib.util
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from small_parts import documents

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.load_processor import load_processor

NEEDS = {"morpheme": "kiwipiepy"}
KINDS = [
    kind for kind in registry.fitting("processor", takes="text") if importlib.util.find_spec(NEEDS.get(kind, "json"))
]
PROBES = ["영화 정말 좋았다", "the film and 배우 🙂", "뷁 unseen [MASK]", "", " ", "a\tb  c\n", "café é", "가" * 200]


@pytest.fixture(scope="module")
def trained():
    return {kind: registry.load("processor", kind)().train(iter(documents())) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_ids_lie_in_the_vocabulary(trained, kind):
    tokenizer = trained[kind]
    assert tokenizer.kind == kind
    found = tokenizer.encode([*documents(50), *PROBES])
    assert all(ids.dtype == np.int64 and ids.ndim == 1 for ids in found)
    flat = np.concatenate(found)
    assert 0 <= flat.min() <= flat.max() < tokenizer.vocabulary
    assert all(len(ids) for ids in found[:50])
    assert len(tokenizer.encode([""])[0]) == 0
    assert all(isinstance(tokenizer.token(number), str) for number in range(tokenizer.vocabulary))
    for outside in (tokenizer.vocabulary, -1):
        with pytest.raises(HeadstartError, match="no token"):
            tokenizer.token(outside)


@pytest.mark.parametrize("kind", KINDS)
def test_an_asked_vocabulary_is_kept_or_refused(trained, kind):
    asked = trained[kind].vocabulary
    try:
        reached = f"{registry.load('processor', kind)().train(iter(documents()), asked).vocabulary:,}"
    except HeadstartError as error:
        reached = str(error)  # names the size that was asked for
    assert f"{asked:,}" in reached
    spec = registry.load("processor", kind)
    if "vocabulary" in {field.name for field in dataclasses.fields(spec)}:
        with pytest.raises(HeadstartError):
            spec(vocabulary=900_000).train(iter(documents()))


@pytest.mark.parametrize("kind", KINDS)
def test_normal_forms_give_the_same_ids(trained, kind):
    texts = [*documents(50), *PROBES]
    composed = trained[kind].encode([unicodedata.normalize("NFC", text) for text in texts])
    spread = trained[kind].encode([unicodedata.normalize("NFD", text) for text in texts])
    assert all(np.array_equal(a, b) for a, b in zip(composed, spread, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_does_not_depend_on_its_neighbours(trained, kind):
    together = trained[kind].encode(PROBES)
    assert all(np.array_equal(ids, trained[kind].encode([text])[0]) for text, ids in zip(PROBES, together, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_frames_and_special_ids(trained, kind):
    tokenizer = trained[kind]
    named = {tokenizer.pad_id, tokenizer.unk_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id} - {-1}
    assert named <= tokenizer.special_ids
    one, two = tokenizer.encode(["영화 film", "요리"])
    ids, types = tokenizer.add_special_tokens(one)
    assert len(ids) == len(types) == len(one) + (tokenizer.cls_id >= 0) + (tokenizer.sep_id >= 0)
    assert not types.any()
    both, types = tokenizer.add_special_tokens(one, two)
    assert len(both) == len(types) == len(ids) + len(two) + (tokenizer.sep_id >= 0)
    assert np.array_equal(both[: len(ids)], ids)
    assert types.tolist() == [0] * len(ids) + [1] * (len(both) - len(ids))
    written = tokenizer.encode(["[MASK] [CLS][PAD] </s> <mask>"])[0]
    assert not {tokenizer.mask_id, tokenizer.cls_id, tokenizer.sep_id} & set(written.tolist())


@pytest.mark.parametrize("kind", KINDS)
def test_what_can_be_masked_can_also_be_begun_and_ended(trained, kind):
    tokenizer = trained[kind]
    numbers = [tokenizer.pad_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id]
    if tokenizer.mask_id >= 0:
        assert len({*numbers} - {-1}) == 4
        ids, _ = tokenizer.add_special_tokens(tokenizer.encode(["film"])[0])
        assert (ids[0], ids[-1]) == (tokenizer.cls_id, tokenizer.sep_id)


@pytest.mark.parametrize("kind", KINDS)
def test_spans_are_offsets_into_the_text_as_given(trained, kind):
    texts = [*documents(50), *PROBES]
    if kind == "ngram":
        with pytest.raises(HeadstartError, match="no spans"):
            trained[kind].encode_spans(texts)
        return
    composed = trained[kind].encode_spans(texts)
    spread = [unicodedata.normalize("NFD", text) for text in texts]
    for text, long, ids, (same, spans), (_, places) in zip(
        texts, spread, trained[kind].encode(texts), composed, trained[kind].encode_spans(spread), strict=True
    ):
        assert np.array_equal(ids, same)
        assert spans.shape == places.shape == (len(ids), 2)
        slices = [text[start:end] for start, end in spans]
        assert slices == [unicodedata.normalize("NFC", long[start:end]) for start, end in places]
        assert not ids.size or set("".join(slices)) >= {c for c in text if c.isalnum()}


@pytest.mark.parametrize("kind", KINDS)
def test_sentinels_follow_the_other_special_tokens(trained, kind):
    assert trained[kind].sentinel_ids == ()
    spec = registry.load("processor", kind)
    if "sentinels" in {field.name for field in dataclasses.fields(spec)}:
        ids = spec(sentinels=3).train(iter(documents())).sentinel_ids
        assert ids == tuple(range(ids[0], ids[0] + 3))


@pytest.mark.parametrize("kind", KINDS)
def test_decoding(trained, kind):
    tokenizer = trained[kind]
    for text, ids in zip(PROBES, tokenizer.encode(PROBES), strict=True):
        said = tokenizer.decode(tokenizer.add_special_tokens(ids)[0])
        assert isinstance(said, str)
        if tokenizer.reversible:
            assert said == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("kind", KINDS)
def test_training_is_a_function_of_the_text(trained, kind):
    again = registry.load("processor", kind)().train(iter(documents()))
    assert again.vocabulary == trained[kind].vocabulary
    texts = [*documents(50), *PROBES]
    pairs = zip(again.encode(texts), trained[kind].encode(texts), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


_FRESH = """
import json, sys
from pathlib import Path
from headstart.core.load_processor import load_processor
texts = json.loads(sys.stdin.read())
out = {}
for folder in sorted(Path(sys.argv[1]).iterdir()):
    tokenizer = load_processor(folder)
    ids = [part.tolist() for part in tokenizer.encode(texts)]
    out[folder.name] = [tokenizer.kind, tokenizer.vocabulary, ids, [tokenizer.decode(part) for part in ids]]
print(json.dumps(out))
"""


def some_reviews() -> list[str]:
    """Return 400 Korean reviews where the shared data is, else none."""
    path = Path(os.environ.get("HEADSTART_DATA") or Path(__file__).parents[3] / "shared/data") / "nsmc/dev.tsv.gz"
    if not path.is_file():
        return []
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        return [line.split("\t")[1] for line in stream.read().splitlines()[1:401]]


def test_the_same_in_a_fresh_process(trained, tmp_path):
    """Morphemes also of real reviews, in either normal form."""
    reviews = some_reviews()
    texts = [*documents(20), *PROBES]
    texts += [unicodedata.normalize(form, review) for review in reviews[:100] for form in ("NFC", "NFD")]
    saved = dict(trained)
    if reviews and "morpheme" in trained:
        saved["reviews"] = registry.load("processor", "morpheme")().train(iter(reviews))
    for name, tokenizer in saved.items():
        (tmp_path / name).mkdir()
        tokenizer.save(tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-c", _FRESH, str(tmp_path)], input=json.dumps(texts), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found.keys() == saved.keys()
    for name, tokenizer in saved.items():
        ids = [part.tolist() for part in tokenizer.encode(texts)]
        told = [tokenizer.kind, tokenizer.vocabulary, ids, [tokenizer.decode(part) for part in ids]]
        assert found[name] == told, name


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_one_line(trained, kind, tmp_path):
    trained[kind].save(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(HeadstartError) as caught:
            load_processor(tmp_path)
        assert "\n" not in str(caught.value)
        path.write_bytes(whole)
    load_processor(tmp_path)
