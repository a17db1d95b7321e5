"""Every task: what it names exists, files are read whole or skipped by name, its metrics take its answers."""

from __future__ import annotations

import json

import pytest
import task_rows

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.data.read_request import ReadRequest
from headstart.data.task_guess import guess_task
from headstart.fitting.checks import routes_for

NAMES = registry.names("task")


@pytest.mark.parametrize("name", NAMES)
def test_what_it_names_exists(name):
    spec = registry.load("task", name)()
    assert registry.build_spec("task", spec.to_dict()) == spec
    assert spec.head in registry.names("head")
    assert registry.load("metric", spec.metric).task == name
    assert len(registry.describe("task", name)) > 20
    assert {"finetune", "scratch"} <= set(routes_for(name))


def read(name, tmp_path):
    made = task_rows.write(name, tmp_path)
    if made is None:
        pytest.skip(f"no rows of task {name} here")
    return made


def right_answers(made):
    """Return the right answers as a task model gives them."""
    if made.task == "multilabel":
        return [{"labels": list(k), "scores": {one: float(one in k) for one in made.classes}} for k in made.targets]
    return [made.classes[label] for label in made.labels] if made.task == "classify" else list(made.targets)


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_used_or_skipped_by_name(name, tmp_path):
    path, good, bad = read(name, tmp_path)
    spec = registry.load("task", name)()
    examples, ledger = spec.read_examples(ReadRequest(paths=path))
    assert (len(examples), sum(ledger.skipped.values())) == (good, bad)
    assert ledger.balanced
    assert examples.task == name
    expected = task_rows.rows(name, 12)
    assert list(examples.items) == list(expected.items)
    assert examples.classes == expected.classes
    truth, again = spec.metric_inputs(right_answers(expected), examples)
    assert list(truth) == [tuple(one["labels"]) if name == "multilabel" else one for one in again]
    again, _ = spec.read_examples(ReadRequest(paths=path, classes=examples.classes or None, remembered=ledger.columns))
    assert again.classes == examples.classes
    with pytest.raises(HeadstartError, match="no label column 'x'"):
        spec.read_examples(ReadRequest(paths=path, label="x"))


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_written_judged_and_ranked(name):
    made = task_rows.rows(name, 12)
    if made is None:
        pytest.skip(f"no rows of task {name} here")
    spec = registry.load("task", name)()
    right = right_answers(made)
    wrong = right[1:] + right[:1]
    for answer in right:
        json.dumps(spec.to_json(answer))
    every = [registry.load("metric", metric)() for metric in registry.names("metric")]
    metrics = [metric for metric in every if metric.task == name]
    assert metrics
    for metric in metrics:
        assert metric.score(*spec.metric_inputs(right, made)) == pytest.approx(metric.limits[1])
        assert metric.score(*spec.metric_inputs(wrong, made)) < metric.score(*spec.metric_inputs(right, made))
    assert len(spec.quality(right, made)) == 12
    assert all(good >= poor for good, poor in zip(spec.quality(right, made), spec.quality(wrong, made)))
    assert sum(spec.quality(right, made)) > sum(spec.quality(wrong, made))


def test_the_task_is_guessed_from_the_columns(tmp_path):
    def guess(lines, **named):
        path = tmp_path / "rows.jsonl"
        path.write_text(lines)
        return guess_task(ReadRequest(paths=path, **named))

    spans = '{"text": "a b", "intent": "x", "entities": [{"start": 0, "end": 1, "label": "y"}]}\n'
    assert guess(spans) == ("tag", "'entities' holds lists of spans")
    assert guess(spans, label="intent")[0] == "classify"
    lists = '{"text": "a", "labels": ["x"]}\n{"text": "b", "labels": %s}\n'
    assert guess(lists % '["x", "y"]') == ("multilabel", "'labels' lists several labels, such as ['x', 'y']")
    assert guess(lists % '["y"]')[0] == guess(lists % '["O", "O", "B"]')[0] == "classify"
    two = '{"text": "a", "hate": "none", "bias": "gender"}\n'
    assert guess(two, label="hate,bias") == ("multilabel", "several label columns: hate, bias")
    assert guess(spans.replace("entities", "words"))[0] == "tag"
    assert guess('{"text": "a", "label": "x", "tags": ["y"]}\n')[0] == "classify"
    pairs = '{"a": "x", "b": "y", "score": 4}\n{"a": "x", "b": "y", "score": "%s"}\n'
    assert guess(pairs % 3.5, text="a", text2="b") == ("regress", "pairs with numbers such as 3.5 in 'score'")
    assert guess(pairs % 3.0, text="a", text2="b")[0] == "classify"
    assert guess(pairs % "low", text="a", text2="b")[0] == "classify"
    assert guess(pairs % 3.5, text="a")[0] == "classify"
    assert guess("plain text\n")[0] == "classify"
