"""Pickles of estimators: every route of texts answers alike after pickle, joblib and skops."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import skops.io
from tiny_bases import bag_base, corpus, token_base

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.shapes import TokenShape
from headstart.estimators.classifier import HeadstartClassifier
from headstart.estimators.regressor import HeadstartRegressor
from headstart.training.pretrained_model import PretrainedModel

TEXTS = [f"{('good', 'bad', 'fine')[row % 3]} film number {row}" for row in range(24)]
NUMBERS = [float((2, 0, 1)[row % 3]) for row in range(24)]
LABELS = ["yes" if number > 0 else "no" for number in NUMBERS]
QUICK = {
    "finetune": {"epochs": 1, "least_steps": 4, "choose_learning_rate": False},
    "bag": {"member": "tfidf_nb", "count": 2},
    "vote": {"members": ("tfidf_nb", "probe")},
    "stack": {"members": ("tfidf_nb", "probe")},
}


WORDS = ("continued", "few_shot", "one_shot", "zero_shot")  # routes that want a base which predicts words


def word_base() -> PretrainedModel:
    """Return a random Transformer over words with the output that it predicts them by."""
    base, mlm = token_base(), registry.load("objective", "mlm")()
    processor = registry.load("processor", "wordpiece")().train([*TEXTS, *corpus(), "yes no"] * 3, 140)
    backbone = base.backbone_spec.build(TokenShape(processor.vocabulary, processor.pad_id))
    return PretrainedModel(processor, base.backbone_spec, backbone, mlm.build(backbone, processor), mlm)


def fitted(name: str) -> tuple[HeadstartClassifier | HeadstartRegressor, Any]:
    """Return an estimator fitted by a route, and the texts or pairs; skip a route that cannot run here."""
    base = bag_base()
    if name in ("prompt", "lora", "unfreeze", *WORDS):
        base = word_base() if name in WORDS else token_base()
    route = registry.load("route", name)
    kind = HeadstartRegressor if "classify" not in (route.tasks or ("classify",)) else HeadstartClassifier
    if "regress" not in (route.tasks or ("classify", "regress")) and kind is HeadstartRegressor:
        pytest.skip(f"route {name} does neither classes nor numbers")
    answers = LABELS if kind is HeadstartClassifier else NUMBERS
    made = kind(base, route=name, settings=QUICK.get(name), corpus=TEXTS, seconds=5.0)
    X = np.array([TEXTS, TEXTS[::-1]], object).T if name in ("tfidf_cosine", "nearest") else TEXTS
    try:
        made.fit(X, answers)
    except HeadstartError as error:
        pytest.skip(str(error))
    return made, X


def check_pickles(name: str, folder: Path) -> None:
    """Fit an estimator by a route and check that its pickles answer as it does; skip a route that cannot run here."""
    made, X = fitted(name)
    kind = type(made)
    joblib.dump(made, folder / "model.joblib")
    written = skops.io.dumps(made)
    unknown = skops.io.get_untrusted_types(data=written)
    assert unknown == [f"{kind.__module__}.{kind.__name__}"]  # nothing else need be trusted
    again = (pickle.loads(pickle.dumps(made)), joblib.load(folder / "model.joblib"), skops.io.loads(written, unknown))
    for one in again:
        assert np.array_equal(one.predict(X), made.predict(X))
        assert one.get_params().keys() == made.get_params().keys()
