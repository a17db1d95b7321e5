"""TF-IDF equals scikit-learn's; PPMI counts equal a walk over all pairs; vectors find related words."""

from __future__ import annotations

import itertools
import unicodedata

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from tiny_bases import corpus

from headstart.core.errors import HeadstartError
from headstart.vectors import ppmi as ppmi_vectors
from headstart.vectors.ppmi import train_subword_vectors
from headstart.vectors.subword import WordRows
from headstart.vectors.tfidf import TfidfVectors

TEXTS = ["정말 재미있는 영화", "정말 지루한 영화였다", "A Good film", "a bad film film", "음악이 좋다"]
NEW = ["재미있는 film", "음악", "zzz", ""]


def test_tfidf_equals_scikit_learn():
    reference = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True)
    ours = TfidfVectors.train(TEXTS)
    expected = reference.fit_transform(TEXTS)
    columns = [list(reference.get_feature_names_out()).index(gram) for gram in ours.ngrams]
    assert len(columns) == expected.shape[1]
    assert np.allclose(ours.embed(TEXTS).toarray(), expected.toarray()[:, columns], atol=1e-6)
    assert np.allclose(ours.embed(NEW).toarray(), reference.transform(NEW).toarray()[:, columns], atol=1e-6)


def test_nfc_and_nfd_are_the_same():
    decomposed = [unicodedata.normalize("NFD", text) for text in TEXTS]
    for vectors in (TfidfVectors.train(TEXTS), train_subword_vectors(TEXTS * 3)):
        one, two = vectors.embed(TEXTS), vectors.embed(decomposed)
        assert abs(one - two).sum() == 0


def test_blank_texts():
    assert TfidfVectors.train(["", " "]).embed(["", "a"]).shape == (2, 1)


def test_meetings_equal_a_walk_over_pairs():
    documents = ["good film good", "bad film", "ab", "a good ab film"]
    rows = WordRows([document.split() for document in documents])
    known = ppmi_vectors._known_grams(rows)
    ngrams = list(known.place)
    fast = ppmi_vectors._meetings(rows.matrix, rows.spelled(known), len(ngrams))
    slow = np.zeros_like(fast)
    for document in documents:
        # Repeats of one word count as that word meeting itself in `counts(word)`, so walk over word positions.
        words = document.split()
        for one, two in itertools.product(range(len(words)), repeat=2):
            if one == two:
                continue
            for left in ppmi_vectors.GRAMS.of(words[one]):
                for right in ppmi_vectors.GRAMS.of(words[two]):
                    slow[ngrams.index(left), ngrams.index(right)] += 1
    assert np.allclose(fast, slow)


def test_words_of_one_mood_are_near():
    vectors = train_subword_vectors(corpus(300), dimensions=8)
    lovely, great, awful = vectors.embed(["lovely", "great", "awful"])
    assert lovely @ great > lovely @ awful + 0.3


def test_keyed_by_seed_and_bounded(monkeypatch):
    one, two = (train_subword_vectors(corpus(60), dimensions=8, seed=1) for _ in range(2))
    assert np.array_equal(one.vectors, two.vectors)
    monkeypatch.setattr(ppmi_vectors, "MOST_WORDS", 30)
    taken = iter(corpus(60))
    assert sum(map(len, ppmi_vectors._windows(taken))) == 30
    assert len(list(taken)) == 55


@pytest.mark.parametrize("documents", [[], ["", " "], ["one", "two"]])
def test_nothing_to_learn_from(documents):
    with pytest.raises(HeadstartError, match="no two words meet"):
        train_subword_vectors(documents)
