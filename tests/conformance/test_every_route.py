"""Every route: what it says of itself, many classes with few labels, answers that do not depend on other rows.

Fitting, saving, fresh processes and refusals of every route are in tests/routes/test_routes.py.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_parts import TOPICS, documents, small, small_tokenizer

from headstart.base import registry
from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.routes.workspace import Workspace
from headstart.training.artefact import Artefact

NAMES = registry.names("route")


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    spec, tokenizer = small("backbone", "modernbert"), small_tokenizer(True)
    torch.manual_seed(0)
    base = Artefact(tokenizer, spec, spec.build(tokenizer.vocabulary, tokenizer.pad_id))
    return Workspace(base, lambda: iter(documents()))


def many_classes() -> Examples:
    """36 rows of a task with 77 classes: 41 classes have no row, none has two."""
    texts = documents(36)
    return Examples(texts, None, np.arange(36, dtype=np.int64) * 2, tuple(f"intent {i:02d}" for i in range(77)))


@pytest.mark.parametrize("name", NAMES)
def test_what_it_says_of_itself(name):
    spec = registry.load("route", name)()
    assert spec.needs in ("nothing", "corpus", "base")
    assert isinstance(spec.classical, bool)
    assert registry.build_spec("route", spec.to_dict()) == spec
    assert len(registry.describe("route", name)) > 20


@pytest.mark.parametrize("name", NAMES)
def test_fewer_labels_than_classes(name, workspace):
    model = small("route", name).run(many_classes(), workspace, seed=1, seconds=5.0)
    scores_NC = model.scores(Examples(documents(9, seed=4)))
    assert scores_NC.shape == (9, 77)
    assert np.isfinite(scores_NC).all()
    assert (scores_NC >= 0).all()
    assert np.allclose(scores_NC.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pairs", [False, True])
def test_a_row_is_scored_alike_alone_and_among_others(name, pairs, workspace):
    texts = documents(30)
    second = [TOPICS[i % 3][i % 8] for i in range(30)] if pairs else None
    task = Examples(texts, second, np.arange(30, dtype=np.int64) % 3, ("a", "b", "c"))
    model = small("route", name).run(task, workspace, seed=1, seconds=5.0)
    new = Examples(
        [*documents(6, seed=8), "", "뷁 🙂", " ".join(documents(30))], ["정말"] * 8 + ["영화 " * 200] if pairs else None
    )
    together = model.scores(new)
    for row in range(len(new)):
        alone = model.scores(new.take(np.array([row])))
        assert np.allclose(alone[0], together[row], atol=1e-5)
    turned = model.scores(new.take(np.arange(len(new))[::-1]))[::-1]
    assert np.allclose(turned, together, atol=1e-5)
    assert model.scores(new.take(np.array([], np.int64))).shape == (0, 3)


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_setting_names_the_right_ones(name):
    with pytest.raises(HeadstartError, match=f"setting of route {name} 'nonsense'"):
        registry.load("route", name)().replace_text("nonsense", "1")
