"""The regressor and the vectorizer, pictures, frames and column transformers, and pickles of routes with a base."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pickles import LABELS, NUMBERS, TEXTS, check_pickles
from PIL import Image
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from tiny_bases import bag_base

from headstart.core.errors import HeadstartError
from headstart.estimators.classifier import HeadstartClassifier
from headstart.estimators.regressor import HeadstartRegressor
from headstart.estimators.vectorizer import HeadstartVectorizer


def test_numbers_of_texts():
    model = HeadstartRegressor(route="tfidf_ridge").fit(TEXTS, NUMBERS)
    found = model.predict(["good film", "bad film"])
    assert found.dtype == np.float64
    assert found[0] > found[1]
    assert model.score(TEXTS, NUMBERS) > 0.9
    assert model.predict([]).shape == (0,)
    own = HeadstartRegressor(bag_base(), route="probe").fit(pd.Series(TEXTS), pd.Series(NUMBERS))
    assert own.predict(TEXTS).shape == (24,)
    with pytest.raises(HeadstartError, match="'yes' is no number; HeadstartClassifier is for classes"):
        HeadstartRegressor(route="tfidf_ridge").fit(TEXTS[:2], ["yes", "no"])
    with pytest.raises(HeadstartError, match="route tfidf_nb: it does classify and multilabel, not regress"):
        HeadstartRegressor(route="tfidf_nb").fit(TEXTS, NUMBERS)
    with pytest.raises(HeadstartError, match="fitted on texts or images; predict needs the same"):
        model.predict(np.zeros((2, 3)))


def test_vectors_in_a_pipeline_and_a_column_transformer():
    base = bag_base()
    made = HeadstartVectorizer(base).fit(TEXTS)
    assert np.array_equal(made.transform(TEXTS), base.embed(TEXTS))
    assert made.transform([]).shape == (0, made.transform(TEXTS[:1]).shape[1])
    pairs = np.array([TEXTS, TEXTS[::-1]], object).T
    assert HeadstartVectorizer(base).fit_transform(pairs).shape == (24, 2 * made.transform(TEXTS).shape[1])
    assert make_pipeline(HeadstartVectorizer(base), LogisticRegression()).fit(TEXTS, LABELS).score(TEXTS, LABELS) > 0.5
    frame = pd.DataFrame({"review": TEXTS, "stars": NUMBERS})
    both = ColumnTransformer([("text", HeadstartVectorizer(base), "review"), ("rest", "passthrough", ["stars"])])
    both.set_output(transform="pandas")
    found = both.fit_transform(frame)
    assert list(found.columns[:2]) == ["text__headstart0", "text__headstart1"]
    assert found.columns[-1] == "rest__stars"
    one = HeadstartVectorizer(base).fit(frame[["review"]])
    assert (one.feature_names_in_.tolist(), one.n_features_in_) == (["review"], 1)
    with pytest.raises(HeadstartError, match="vectors of texts and images are those of a base"):
        HeadstartVectorizer().fit(TEXTS)


def picture(level: int) -> np.ndarray:
    pixels = np.random.default_rng(level).integers(0, 60, (8, 8), np.uint8)
    return pixels + np.uint8(level)


@pytest.mark.parametrize(
    "kind",
    [np.stack, lambda ones: [Image.fromarray(one) for one in ones], lambda ones: list(ones)],
    ids=["array", "pillow", "list"],
)
def test_pictures(kind):
    pictures = kind([picture(10 if row % 2 else 150) for row in range(20)])
    labels = ["dark" if row % 2 else "light" for row in range(20)]
    model = HeadstartClassifier(route="pixels_logreg").fit(pictures, labels)
    assert model.predict(pictures[:4]).tolist() == ["light", "dark", "light", "dark"]
    levels = HeadstartRegressor(route="pixels_logreg").fit(pictures, [float(row % 2) for row in range(20)])
    assert levels.predict(pictures[:2]) == pytest.approx([0, 1], abs=0.3)
    with pytest.raises(HeadstartError, match="cannot run"):
        HeadstartClassifier(route="tfidf_nb").fit(pictures, labels)


def test_logarithms_of_probabilities():
    model = HeadstartClassifier(route="tfidf_nb").fit(TEXTS, LABELS)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(TEXTS)), model.predict_proba(TEXTS))


@pytest.mark.parametrize("name", ["probe", "joined", "finetune", "knn", "stack", "tfidf_ridge"])  # tests/full: all
def test_routes_are_pickled(name, tmp_path):
    check_pickles(name, tmp_path)
