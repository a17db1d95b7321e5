"""Files of pairs: columns, rows without a text, recognising texts among labels, what an answer is worth."""

from __future__ import annotations

import json
import unicodedata

import pytest

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.data.read_request import ReadRequest
from headstart.data.task_guess import guess_task
from headstart.tasks.generate import GenerateTask


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    rows = [
        {"en": f"Tom has {n} cats.", "ko": unicodedata.normalize("NFD", f"톰은 고양이 {n}마리가 있다.")}
        for n in range(30)
    ]
    rows += [{"en": "No answer.", "ko": " "}, {"en": "", "ko": "없다."}, {"en": "None", "ko": None}]
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


def test_pairs_are_read_both_ways(pairs):
    examples, ledger = GenerateTask().read_examples(ReadRequest(paths=[pairs], text="en", label="ko"))
    assert examples.task == "generate"
    assert (examples.items[3], examples.targets[3]) == ("Tom has 3 cats.", "톰은 고양이 3마리가 있다.")
    assert len(examples) == 30
    assert examples.classes == ()
    assert examples.labels is None
    assert ledger.skipped == {"no text to write": 2, "empty text": 1}
    turned, _ = GenerateTask().read_examples(ReadRequest(paths=[pairs], text="ko", label="en"))
    assert (turned.items[3], turned.targets[3]) == ("톰은 고양이 3마리가 있다.", "Tom has 3 cats.")
    with pytest.raises(HeadstartError, match="no label column 'kr'"):
        GenerateTask().read_examples(ReadRequest(paths=[pairs], text="en", label="kr"))


def test_texts_are_told_from_labels(pairs, tmp_path):
    assert guess_task(ReadRequest(paths=pairs, text="en", label="ko"))[0] == "generate"
    assert guess_task(ReadRequest(paths=pairs, text="en"))[0] == "classify"
    for labels in (["good", "bad"] * 15, [str(n) for n in range(30)], [f"{n / 7:.3f}" for n in range(30)]):
        table = tmp_path / "table.tsv"
        lines = ["text\tlabel", *(f"word {n}\t{label}" for n, label in enumerate(labels))]
        table.write_text("\n".join(lines), encoding="utf-8")
        assert guess_task(ReadRequest(paths=table, text="text", label="label"))[0] == "classify"


def test_what_an_answer_is_worth():
    task, examples = GenerateTask(), Examples(["a", "b", "c"], targets=["the cat sat", "the cat sat", "the cat sat"])
    right, near, wrong = task.quality(["the cat sat", "the cat sits", "dog"], examples)
    assert right == 100.0
    assert 20 < near < 100
    assert wrong < 10
    assert task.to_json("톰") == {"written": "톰"}
    assert task.metric_inputs(["x", "y", "z"], examples) == (examples.targets, ["x", "y", "z"])
