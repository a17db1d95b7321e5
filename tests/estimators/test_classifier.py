"""The scikit-learn classifier: scikit-learn's own checks, texts, pairs, and errors that teach."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from headstart.core.errors import HeadstartError
from headstart.estimators.classifier import HeadstartClassifier

pytestmark = pytest.mark.usefixtures("few_strengths")

GOOD = [f"good lovely film number {n}" for n in range(12)]
BAD = [f"bad boring film number {n}" for n in range(12)]
TEXTS, LABELS = GOOD + BAD, ["yes"] * 12 + ["no"] * 12


@parametrize_with_checks([HeadstartClassifier()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("container", [list, tuple, np.array, lambda x: np.array(x, dtype=object)[:, None]])
def test_texts_in_any_container(container):
    model = HeadstartClassifier(route="tfidf_logreg").fit(container(TEXTS), LABELS)
    assert model.predict(container(["a lovely good one", "boring bad thing"])).tolist() == ["yes", "no"]
    assert np.allclose(model.predict_proba(container(TEXTS)).sum(axis=1), 1)


def test_cross_validation_and_clone():
    model = HeadstartClassifier(route="tfidf_nb", settings={"default": 1.0})
    assert cross_val_score(clone(model), TEXTS, LABELS, cv=3).mean() > 0.9


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
        (lambda: HeadstartClassifier(route="tfidf_nb").fit(TEXTS, LABELS).predict([[1.0]]), "fitted on texts"),
        (lambda: HeadstartClassifier().fit(np.eye(4), [0, 1, 0, 1]).predict(TEXTS), "fitted on ready features"),
    ],
)
def test_errors_teach(make, message):
    with pytest.raises(HeadstartError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
