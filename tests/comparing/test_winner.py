"""The seconds that training the winner takes, and what keeps it from being left behind."""

from __future__ import annotations

import numpy as np
import pytest

from headstart.comparing.winner import Winner, expected_seconds, leading
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.time_limit import OutOfTime
from headstart.fitting.task_model_files import load_task
from headstart.fitting.workspace import Workspace
from headstart.routes import majority, probe, tfidf_nb
from headstart.statistics.study import Cell, Entry


def cell(entry: str, size: int, score: float, training: float, folds: int | None = None) -> Cell:
    split = {"how": "labels"} if folds is None else {"how": "folds", "folds": folds}
    receipt = {"seconds": {"training": training, "testing": 1.0}, "split": split}
    return Cell(entry, size, 0, score, training + 1.0, None, {}, np.zeros(2, np.uint16), receipt=receipt)


def test_the_seconds_grow_with_the_rows_from_the_cells_at_the_most_labels():
    cells = [cell("a", 16, 0.9, 1.0), cell("a", 64, 0.8, 4.0), cell("a", 64, 0.8, 6.0), cell("b", 64, 0.9, 1.0)]
    assert expected_seconds(cells, "b", 640) == 10.0
    assert expected_seconds(cells, "a", 640) == 4.0 + 576 * 3.0 / 48  # of the quicker one of two cells
    fixed = [cell("d", 16, 0.9, 4.0), cell("d", 64, 0.9, 4.6)]  # 4 s whatever the rows are
    assert expected_seconds(fixed, "d", 640) == pytest.approx(4.6 + 576 * 0.6 / 48)
    assert expected_seconds([cell("a", 80, 0.9, 10.0, folds=5)], "a", 100) == 2.5  # one model of five
    assert expected_seconds(cells, "c", 640) == 0.0
    assert leading(cells) == "b"
    assert leading([]) is None
    assert leading([cell("a", 64, float("nan"), 1.0)]) is None


class Slow(tfidf_nb.TfidfNb):
    """Never ends."""

    def run(self, *_args, **_named):
        while True:
            pass


def rows() -> Examples:
    texts = [f"{word} number {number}" for number in range(20) for word in ("film", "bread")]
    return Examples(items=texts, labels=np.arange(40) % 2, classes=("a", "b"))


def winner(folder, route, cells=()) -> Winner:
    return Winner(folder / "winner", Entry(route), cells, rows(), Workspace(None, rows().items.copy), {}, 0)


def test_it_is_known_again_until_anything_differs(tmp_path):
    made = winner(tmp_path, tfidf_nb.TfidfNb())
    assert not made.is_there
    model = made.train(60.0, 60.0)
    assert made.is_there
    assert np.array_equal(load_task(made.folder).predict_proba(rows()), model.predict_proba(rows()))
    assert not winner(tmp_path, majority.Majority()).is_there
    weights = made.folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert not made.is_there


def test_training_without_end_is_cut_off_and_leaves_nothing(tmp_path):
    made = winner(tmp_path, Slow(), [cell("tfidf_nb", 16, 0.9, 0.001)])
    with pytest.raises(OutOfTime):
        made.train(-1.0, 0.3)
    assert not list(tmp_path.iterdir())


def test_a_route_that_refuses_says_why(tmp_path):
    made = winner(tmp_path, probe.Probe())
    with pytest.raises(HeadstartError, match="needs a pre-trained base"):
        made.train(60.0, 60.0)
