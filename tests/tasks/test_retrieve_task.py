"""Pairs of texts that belong together: columns, refusals, what is judged, by hand."""

from __future__ import annotations

import json
import unicodedata

import pytest

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.data.matching import Match
from headstart.data.read_request import ReadRequest
from headstart.data.task_guess import guess_task
from headstart.tasks.retrieve import RetrieveTask


@pytest.fixture
def pairs(tmp_path):
    rows = [{"question": f"q {n}", "answer": unicodedata.normalize("NFD", f"대답 {n}")} for n in range(4)]
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in [*rows, {"question": "q", "answer": " "}, {"question": ""}]))
    return path


def test_pairs_are_read(pairs):
    examples, ledger = RetrieveTask().read_examples(ReadRequest(paths=pairs, text2="answer"))
    assert (examples.task, examples.labels, examples.classes) == ("retrieve", None, ())
    assert list(examples.items) == ["q 0", "q 1", "q 2", "q 3"]
    assert examples.targets[2] == Match("대답 2", 1.0, 1)
    assert examples.second[2] == "대답 2"
    assert ledger.skipped == {"empty text": 2}
    assert ledger.columns == {"text": "question", "text2": "answer"}
    again, _ = RetrieveTask().read_examples(ReadRequest(paths=pairs, remembered=ledger.columns))
    assert again == examples
    with pytest.raises(HeadstartError, match="name the second text with --text2"):
        RetrieveTask().read_examples(ReadRequest(paths=pairs))
    with pytest.raises(HeadstartError, match="takes pairs"):
        RetrieveTask().read_examples(ReadRequest(paths=pairs, text2="answer", label="question"))
    with pytest.raises(HeadstartError, match="no text2 column 'answers'; did you mean 'answer'"):
        RetrieveTask().read_examples(ReadRequest(paths=pairs, text2="answers"))
    assert guess_task(ReadRequest(paths=pairs, text="question", text2="answer"))[0] == "classify"


def test_what_is_judged(pairs):
    task = RetrieveTask()
    examples, _ = task.read_examples(ReadRequest(paths=pairs, text2="answer"))
    said = [Match("x", 0.5, rank) for rank in (1, 2, 4, 1)]
    assert task.metric_inputs(said, examples) == ([4, 4, 4, 4], [1, 2, 4, 1])
    assert task.quality(said, examples) == [1.0, 0.5, 0.25, 1.0]
    assert task.to_json(said[1]) == {"match": "x", "score": 0.5, "rank": 2}
    score = {
        name: registry.load("metric", name)().score(*task.metric_inputs(said, examples))
        for name in ("mrr", "recall_at_1", "recall_at_5")
    }
    assert score == {"mrr": pytest.approx(2.75 / 4), "recall_at_1": 0.5, "recall_at_5": 1.0}
    weighted = registry.load("metric", "mrr")().score(*task.metric_inputs(said, examples), [0, 1, 3, 0])
    assert weighted == pytest.approx((0.5 + 3 * 0.25) / 4)


def test_items_of_a_class_belong_together(tmp_path):
    task, path = RetrieveTask(), tmp_path / "rows.jsonl"
    rows = [{"text": f"t {n}", "topic": "ab"[n % 2]} for n in range(5)]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    examples, ledger = task.read_examples(ReadRequest(paths=path, label="topic"))
    assert (examples.task, examples.second, examples.classes) == ("retrieve", None, ("a", "b"))
    assert examples.labels.tolist() == [0, 1, 0, 1, 0]
    again, _ = task.read_examples(ReadRequest(paths=path, remembered=ledger.columns))
    assert again.labels.tolist() == examples.labels.tolist()
    # Four others, of which two (a) or one (b) are right: one of two, one of four.
    said = [Match("x", 0.5, rank) for rank in (1, 2, 3, 4, 1)]
    assert task.metric_inputs(said, examples) == ([2, 4, 2, 4, 2], [1, 2, 3, 4, 1])
