"""Every route of texts serves thousands of requests of ever new texts: flat containers, flat memory, right answers.

Run it by name: pytest tests/full/test_thousands_of_requests.py (about half an hour on one core). HEADSTART_REQUESTS in
the environment says how many requests each model gets.
"""

from __future__ import annotations

import os

import pytest
from pickles import fitted
from served import growth_of_memory, left_behind, mixed_up, request

from headstart.core import registry
from headstart.fitting.task_model_files import load_task, save_task

REQUESTS = int(os.environ.get("HEADSTART_REQUESTS", "2000"))
MOST = 8  # MiB by which a process may grow between the first and the last half of its requests
NAMES = [name for name in registry.names("route") if "text" in registry.load("route", name).takes]


@pytest.mark.parametrize("name", NAMES)
def test_a_route(name, tmp_path):
    made, X = fitted(name)
    save_task(made.model_, tmp_path / "task", made._route(), {})
    for model in (made.model_, load_task(tmp_path / "task")):
        pairs = not isinstance(X, list)

        def ask(texts, model=model, pairs=pairs):
            rows = list(zip(texts, texts[::-1])) if pairs else texts
            return model.predict_proba(rows) if model.task == "classify" else model.predict(rows)

        assert left_behind(ask, model, made, requests=REQUESTS // 4) == {}
        assert growth_of_memory(ask, REQUESTS // 2) < MOST
        assert mixed_up(ask, [request(number) for number in range(60)]) == 0


def test_memory_that_grows_is_found():
    kept = []
    assert growth_of_memory(lambda texts: kept.append(bytearray(100_000)), REQUESTS // 4) > MOST
