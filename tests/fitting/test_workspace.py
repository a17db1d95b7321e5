"""The shared workspace embeds each text once, makes costly things once, and says what is missing."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_bases import bag_base, corpus, rows, token_base

from headstart.core.contracts import Pieces
from headstart.core.disk_cache import DiskCache
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.fitting.supervised import LabelledBatches, LabelledPieces, encode_for_head
from headstart.fitting.workspace import NO_BASE, Workspace
from headstart.heads.classify import ClassifySpec
from headstart.vectors.ppmi import SubwordVectors, train_subword_vectors
from headstart.vectors.transform import VectorTransform


class Counting:
    """A base that counts the texts it embeds."""

    def __init__(self):
        self.inner, self.texts = bag_base(), []
        self.identity, self.backbone = self.inner.identity, self.inner.backbone
        self.processor = self.inner.processor

    def embed(self, texts, **settings):
        self.texts += list(texts)
        return self.inner.embed(texts, **settings)


def test_each_text_is_embedded_once():
    base = Counting()
    workspace = Workspace(base)
    first = workspace.vectors(["a film", "b story", "a film"])
    assert base.texts == ["a film", "b story"]
    again = workspace.vectors(["b story", "c scene", "a film"])
    assert base.texts == ["a film", "b story", "c scene"]
    assert np.array_equal(again[2], first[0])
    workspace.vectors(["a film"], layer=0)  # another layer is another vector
    assert len(base.texts) == 4


def test_rows_are_embedded_in_fixed_batches_whoever_asks_first():
    found = []
    for order in (["a film", "c scene"], ["c scene", "a film"], ["d plot", "b story", "a film"]):
        base = Counting()
        workspace = Workspace(base)
        for together in (["a film", "b story"], ["b story", "c scene", "d plot"], ["e ending"]):
            workspace.read_together(together)
        for item in order:
            workspace.vectors([item])
        batches = [base.texts[:2], base.texts[2:]]
        assert sorted(batches) == [["a film", "b story"], ["c scene", "d plot"]]
        found.append(workspace.vectors(["a film", "b story", "c scene", "d plot"]))
        assert len(base.texts) == 4
    assert all(np.array_equal(one, found[0]) for one in found)
    workspace.forget_vectors()
    workspace.vectors(["a film"])
    assert base.texts[4:] == ["a film"]  # as a reader of the saved model asks


def test_what_another_process_embedded_meanwhile_is_found_where_many_share_a_cache(tmp_path):
    bases = Counting(), Counting()
    for base in bases:
        base.pooling = base.inner.pooling
    first, second = (Workspace(base, cache=DiskCache(tmp_path, crowded=True)) for base in bases)
    second.vectors(["a film"])
    first.vectors(["a film", "b story"])
    first.flush()
    assert np.array_equal(second.vectors(["b story"]), first.vectors(["b story"]))
    assert bases[1].texts == ["a film"]


def test_features_are_centred_unit_and_paired():
    workspace = Workspace(bag_base(), corpus)
    train = rows(10, pairs=True)
    transform = workspace.transform(train)
    assert transform.source == "corpus"
    features = workspace.features(train, transform=transform)
    assert features.shape == (10, 64)
    u, v = features[:, :16], features[:, 16:32]
    assert np.allclose(np.linalg.norm(u, axis=1), 1, atol=1e-5)
    assert np.allclose(features[:, 32:48], np.abs(u - v))
    assert np.allclose(features[:, 48:], u * v)


def test_frame_without_corpus_is_that_of_the_rows():
    workspace = Workspace(bag_base())
    train = rows(10)
    transform = workspace.transform(train)
    assert transform.source == "training rows"
    assert np.allclose(transform.center, workspace.vectors(train.items).mean(axis=0))


def test_the_frame_is_that_of_documents_from_everywhere():
    documents = [f"{number} film" for number in range(7_999)]
    base = Counting()
    Workspace(base, lambda: documents).transform(rows(4))
    numbers = [int(text.split()[0]) for text in base.texts]
    assert len(numbers) == 4_000
    assert numbers[0] == 0
    assert numbers[-1] >= 7_997  # not only the first half
    assert set(np.diff(numbers)) <= {1, 2}
    few = Counting()
    Workspace(few, lambda: documents[:30]).transform(rows(4))
    assert few.texts == documents[:30]


def test_the_frame_emphasises_what_varies_and_refuses_to_guess():
    random = np.random.default_rng(0)
    sample = random.normal(size=(4_000, 3)) * np.array([4.0, 1.0, 0.25]) + 7.0
    transform = VectorTransform.of(sample, "corpus")
    assert np.allclose(transform.center, 7.0, atol=0.3)
    assert np.allclose(np.linalg.eigvalsh(transform.turn), [0.25, 0.5, 1.0], atol=0.02)  # square roots of 1/16, 1/4, 1
    assert np.allclose(np.linalg.norm(transform.apply(sample[:5]), axis=1), 1.0, atol=1e-5)
    assert np.array_equal(VectorTransform.of(sample[:5], "few").turn, np.eye(3, dtype=np.float32))


def test_once():
    workspace, made = Workspace(), []
    assert [workspace.once("key", lambda: made.append(1) or 7) for _ in range(3)] == [7, 7, 7]
    assert made == [1]


def test_missing_parts_are_named():
    workspace = Workspace()
    assert not workspace.has_documents
    with pytest.raises(HeadstartError, match="give a corpus"):
        workspace.documents()
    with pytest.raises(HeadstartError, match=NO_BASE):
        workspace.vectors(["a"])
    assert list(Workspace(corpus=lambda: ["x"]).documents()) == ["x"]


def labelled(base, examples) -> tuple[LabelledPieces, Pieces]:
    rows = encode_for_head(ClassifySpec(), base, examples)
    head = ClassifySpec().build(base.backbone, base.processor, examples.classes)
    return LabelledPieces(rows, head.targets(examples, rows), base.processor), rows


def test_labelled_batches_visit_every_row_once_per_epoch():
    examples = rows(50, pairs=True)
    made, _ = labelled(token_base(), examples)
    chosen = np.arange(5, 50)
    batches = LabelledBatches(made, chosen, size=8, seed=3)
    seen = [batches.at(number) for number in range(2 * batches.per_epoch)]
    for epoch in (0, 1):
        part = [b for b in seen if b.epoch == epoch]
        assert sorted(int(row) for b in part for row in b.sample_B) == chosen.tolist()
    for batch in seen:
        assert batch.extra["label_B"].tolist() == examples.labels[batch.sample_B.numpy()].tolist()
        assert batch.units == int(batch.lengths_B.sum()) == len(batch.segment_ids_N)
    assert batches.at(3).sample_B.tolist() == seen[3].sample_B.tolist()


def test_labelled_rows_are_framed_like_the_base_frames_them():
    base, train = token_base(), Examples(["good film", "bad"], labels=np.array([0, 1]), classes=("a", "b"))
    made, framed = labelled(base, train)
    ids = base.processor.add_special_tokens(base.processor.encode(["good film"])[0])[0]
    assert made.batch(np.array([0])).ids_N.tolist() == ids.tolist()
    assert framed.cut == 0


def test_vectors_are_kept_on_disk_between_commands(tmp_path):
    cache, texts = DiskCache(tmp_path), [f"film {number}" for number in range(300)]
    first, second, third = (Workspace(bag_base(), corpus, cache) for _ in range(3))
    before = first.vectors(texts)
    first.vectors(["one more"])
    first.flush()
    second.base.embed = _never
    assert np.array_equal(second.vectors([*texts[::-1], "one more"])[:300], before[::-1])
    with pytest.raises(AssertionError, match="embedded again"):
        second.vectors(["another text"])
    state = third.base.backbone.state_dict()
    next(iter(state.values())).add_(1.0)  # other weights are another base
    third.base.embed = _never
    with pytest.raises(AssertionError, match="embedded again"):
        third.vectors(texts)


def test_what_depends_on_the_documents_is_kept_by_their_content(tmp_path):
    cache, made = DiskCache(tmp_path), []

    def learned(documents: list[str], *, first: int = 100) -> SubwordVectors:
        def make() -> SubwordVectors:
            made.append(len(documents))
            return train_subword_vectors(iter(documents), dimensions=4)

        return Workspace(None, lambda: iter(documents), cache).kept(("ppmi", 4), first, SubwordVectors, make)

    texts = [*corpus()][:60]
    before, again = learned(texts), learned(list(texts))
    assert made == [60]
    assert np.array_equal(before.embed(texts[:5]), again.embed(texts[:5]))
    learned([*texts[:-1], "another end"])
    learned(texts, first=50)
    assert made == [60, 60, 60]


def _never(*_items: object, **_settings: object) -> None:
    raise AssertionError("embedded again")
