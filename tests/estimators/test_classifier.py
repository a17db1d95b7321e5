"""The scikit-learn classifier: scikit-learn's own checks, texts, pairs, and errors that teach."""

from __future__ import annotations

import pickle

import joblib
import numpy as np
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from headstart.core.errors import HeadstartError
from headstart.estimators.classifier import HeadstartClassifier
from headstart.estimators.regressor import HeadstartRegressor
from headstart.estimators.vectorizer import HeadstartVectorizer

pytestmark = pytest.mark.usefixtures("few_strengths")

GOOD = [f"good lovely film number {n}" for n in range(12)]
BAD = [f"bad boring film number {n}" for n in range(12)]
TEXTS, LABELS = GOOD + BAD, ["yes"] * 12 + ["no"] * 12


@parametrize_with_checks([HeadstartClassifier(), HeadstartRegressor(), HeadstartVectorizer()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


class Column:
    """What `datasets` gives for a column: it can be indexed and counted, and is no list."""

    def __init__(self, values):
        self.values = list(values)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, place):
        return self.values[place]


CONTAINERS = [list, tuple, np.array, lambda x: np.array(x, dtype=object)[:, None], pa.array, iter]
CONTAINERS += [lambda x: pa.chunked_array([list(x)]), lambda x: pa.table({"text": list(x)}), lambda x: (t for t in x)]
CONTAINERS += [dict.fromkeys, Column]


@pytest.mark.parametrize("container", CONTAINERS)
def test_texts_in_any_container(container):
    model = HeadstartClassifier(route="tfidf_logreg").fit(container(TEXTS), LABELS)
    assert model.predict(container(["a lovely good one", "boring bad thing"])).tolist() == ["yes", "no"]
    assert np.allclose(model.predict_proba(container(TEXTS)).sum(axis=1), 1)


def test_cross_validation_and_clone():
    model = HeadstartClassifier(route="tfidf_nb", settings={"default": 1.0})
    assert cross_val_score(clone(model), TEXTS, LABELS, cv=3).mean() > 0.9


def test_labels_in_any_container():
    for container in (np.array, pa.array, iter, Column):
        model = HeadstartClassifier(route="tfidf_nb").fit(TEXTS, container(LABELS))
        assert model.classes_.tolist() == ["no", "yes"]


def test_nothing_in_nothing_out():
    model = HeadstartClassifier(route="tfidf_nb").fit(TEXTS, LABELS)
    assert model.predict([]).tolist() == []
    assert model.predict_proba([]).shape == (0, 2)


@pytest.mark.parametrize("route", ["majority", "tfidf_logreg", "tfidf_nb", "tfidf_svm", "vote", "stack", "bag"])
def test_fitted_models_are_pickled(route, tmp_path):
    settings = {"member": "tfidf_nb", "count": 2} if route == "bag" else {}
    settings |= {"members": ("tfidf_nb", "tfidf_logreg")} if route in ("vote", "stack") else {}
    model = HeadstartClassifier(route=route, settings=settings).fit(TEXTS, LABELS)
    joblib.dump(model, tmp_path / "model.joblib")
    for again in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")):
        assert np.array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))


def test_pairs():
    same = [(f"word{n}", f"word{n}") for n in range(40)]
    other = [(f"word{n}", f"thing{n + 1}") for n in range(40)]
    pairs = np.array(same + other, dtype=object)
    model = HeadstartClassifier(route="tfidf_logreg").fit(pairs, [1] * 40 + [0] * 40)
    assert model.score(pairs, [1] * 40 + [0] * 40) > 0.95


def test_corpus_reaches_the_route():
    corpus = [f"{a} {b}" for a in ("good", "lovely", "fine") for b in ("film", "story", "actor", "music")] * 3
    model = HeadstartClassifier(route="ppmi_logreg", corpus=corpus).fit(TEXTS, LABELS)
    assert model.score(TEXTS, LABELS) > 0.8


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HeadstartClassifier(route="prob").fit(TEXTS, LABELS), "did you mean 'probe'"),
        (lambda: HeadstartClassifier().fit(TEXTS, LABELS), "needs a pre-trained base"),
        (lambda: HeadstartClassifier(route="ppmi_logreg").fit(TEXTS, LABELS), "needs the unlabelled corpus"),
        (lambda: HeadstartClassifier(route="tfidf_nb", settings={"c": 1}).fit(TEXTS, LABELS), "unknown setting"),
        (lambda: HeadstartClassifier(route="tfidf_nb").fit("one text", ["a"]), "list of texts"),
        (lambda: HeadstartClassifier(route="tfidf_nb").fit(["a", None], ["a", "b"]), "row 1 holds NoneType"),
        (lambda: HeadstartClassifier(route="tfidf_nb").fit(["a", "b"], ["a"]), "2 rows and y 1 labels"),
        (lambda: HeadstartClassifier(route="tfidf_nb").fit([["a"] * 3], ["a"]), "3 text columns"),
        (lambda: HeadstartClassifier(route="tfidf_nb").fit(["a", "b"], ["a", None]), "y: row 1 holds None"),
        (lambda: HeadstartClassifier(route="tfidf_nb").fit(["a", "b"], [1.0, float("nan")]), "y: row 1 holds nan"),
        (lambda: HeadstartClassifier(route="tfidf_nb").fit([], []), "X holds no text"),
        (lambda: HeadstartClassifier(route="tfidf_nb").fit(TEXTS, LABELS).predict([[1.0]]), "fitted on texts"),
        (lambda: HeadstartClassifier().fit(np.eye(4), [0, 1, 0, 1]).predict(TEXTS), "fitted on ready features"),
    ],
)
def test_errors_teach(make, message):
    with pytest.raises(HeadstartError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
