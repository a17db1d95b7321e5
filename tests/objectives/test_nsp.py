"""Next sentence: half of the pairs are real, strangers come from elsewhere, nothing but meaning tells them apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import OneHotEncoder

from headstart.backbones.bert import BertSpec
from headstart.core.batch import TokenBatch
from headstart.core.seeds import KeyedRandom
from headstart.core.shapes import TokenShape
from headstart.objectives.mlm_nsp import MaskedNextSentenceSpec
from headstart.objectives.nsp import NextSentenceSpec
from headstart.processors.wordpiece import WordPiece

WORDS = [f"w{number}" for number in range(60)]


def texts(count: int, seed: int = 0) -> list[str]:
    """Return documents of two to five sentences whose words are drawn from all words alike."""
    source = np.random.default_rng(seed)
    return [
        " ".join(" ".join(source.choice(WORDS, source.integers(3, 12))) + " ." for _ in range(source.integers(2, 6)))
        for _ in range(count)
    ]


TOKENIZER = WordPiece().train(iter(texts(300)))


def batch(documents: list[str], *, document: list[int] | None = None) -> TokenBatch:
    framed = [TOKENIZER.add_special_tokens(ids)[0] for ids in TOKENIZER.encode(documents)]
    return TokenBatch(
        ids_N=torch.from_numpy(np.concatenate(framed)),
        lengths_B=torch.tensor([len(ids) for ids in framed]),
        sample_B=torch.arange(len(framed)),
        document_B=None if document is None else torch.tensor(document),
    )


ALONE = NextSentenceSpec()


def objective(spec=ALONE, longest: int = 256):
    torch.manual_seed(0)
    backbone = BertSpec(width=16, depth=1, heads=2, mlp_width=16, max_tokens=longest).build(
        TokenShape(TOKENIZER.vocabulary, 0)
    )
    return spec.build(backbone, TOKENIZER), backbone


def pairs(made: TokenBatch) -> list[tuple[list[int], list[int], bool]]:
    """Return (first, second, real) of each framed pair."""
    found = []
    for ids, kinds, real in zip(
        made.ids_N.split(made.lengths_B.tolist()),
        made.segment_ids_N.split(made.lengths_B.tolist()),
        made.extra["real_B"],
    ):
        found.append((ids[kinds == 0][1:-1].tolist(), ids[kinds == 1][:-1].tolist(), bool(real)))
    return found


def test_real_pairs_follow_and_strangers_come_from_another_document():
    documents = texts(80)
    task, _ = objective()
    made = task.corrupt(batch(documents, document=[number // 2 for number in range(80)]), KeyedRandom(3))
    own = [ids.tolist() for ids in TOKENIZER.encode(documents)]
    kept = made.sample_B.tolist()
    assert len(kept) > 60
    for row, (first, second, real) in zip(kept, pairs(made), strict=True):
        assert own[row][: len(first)] == first
        begins_there = own[row][len(first) : len(first) + len(second)] == second
        assert begins_there == real
        homes = {
            number // 2
            for number, ids in enumerate(own)
            if any(ids[at : at + len(second)] == second for at in range(len(ids)))
        }
        assert (row // 2 in homes) == real


def test_half_are_real_within_three_sigma():
    documents = texts(400)
    task, _ = objective()
    real = [
        value
        for epoch in range(25)
        for low in range(0, 400, 40)
        for value in task.corrupt(batch(documents[low : low + 40]), KeyedRandom(0, epoch)).extra["real_B"].tolist()
    ]
    assert len(real) > 5000
    assert abs(np.mean(real) - 0.5) < 3 * 0.5 / len(real) ** 0.5


def test_lengths_and_borders_do_not_give_it_away():
    """A classifier that sees lengths, first and last tokens of both parts learns nothing about unseen pairs."""
    task, _ = objective()
    seen = []
    for low in range(0, 4000, 40):
        seen += pairs(task.corrupt(batch(texts(40, seed=low)), KeyedRandom(1, low)))
    real = np.array([pair[2] for pair in seen])
    borders = [[first[-1], second[0], second[-1]] for first, second, _ in seen]
    lengths = np.array([[len(first), len(second), len(first) + len(second)] for first, second, _ in seen])
    features = np.hstack([OneHotEncoder(sparse_output=False).fit_transform(borders), lengths / 10, (lengths / 10) ** 2])
    half = len(seen) // 2
    model = LogisticRegression(C=0.1, max_iter=2000).fit(features[:half], real[:half])
    auc = roc_auc_score(real[half:], model.predict_proba(features[half:])[:, 1])
    assert abs(auc - 0.5) < 3 * 0.29 / (half / 2) ** 0.5  # sd of an AUC of two equal halves of noise


def test_every_epoch_deals_anew_and_the_same_keys_give_the_same():
    task, _ = objective()
    given = batch(texts(30))
    first, again = (task.corrupt(given, KeyedRandom(5, 1)) for _ in range(2))
    assert torch.equal(first.ids_N, again.ids_N)
    assert not torch.equal(first.ids_N[:50], task.corrupt(given, KeyedRandom(5, 2)).ids_N[:50])


def test_long_pairs_fit_the_network():
    task, backbone = objective(longest=16)
    made = task.corrupt(batch(texts(40)), KeyedRandom(0))
    assert int(made.lengths_B.max()) <= 16
    assert task(backbone, made).count == made.size


def test_documents_of_one_sentence_are_of_no_use():
    task, backbone = objective()
    given = batch(["w1 w2 w3 w4 w5 w6 w7", "w8 w9 w10 w11 w12 w13 w14 ."])
    assert task.usable(given) == 0
    loss = task(backbone, task.corrupt(given, KeyedRandom(0)))
    assert (loss.count, loss.total.item()) == (0, 0.0)


def test_both_at_once_mask_the_pairs_that_nsp_makes():
    both, backbone = objective(MaskedNextSentenceSpec())
    alone, _ = objective()
    given = batch(texts(40))
    made, plain = both.corrupt(given, KeyedRandom(2)), alone.corrupt(given, KeyedRandom(2))
    restored = made.ids_N.index_put((made.extra["target_position"],), made.extra["target_id"])
    assert torch.equal(restored, plain.ids_N)
    assert torch.equal(made.extra["real_B"], plain.extra["real_B"])
    loss = both(backbone, made)
    masked = both.masked(backbone, made)
    pair = both.pairs(backbone, made)
    assert loss.mean().item() == pytest.approx(
        masked.total.item() / masked.count + pair.total.item() / pair.count, rel=1e-5
    )
    assert set(loss.parts) == {"accuracy", "next_right"}
