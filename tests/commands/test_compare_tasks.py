"""compare, verify, ablate and cross of every task on texts: a classical and a base route, and answers that lie."""

from __future__ import annotations

import json
import random
import shlex
from pathlib import Path

import pytest

from headstart.core import registry
from headstart.reporting.phrases import phrase

NAMES = ("Anna", "Bert", "Cleo", "Dora")
PLACES = ("kitchen", "garden", "office", "cellar")
TOPICS = {"film": ("actor", "scene", "camera", "plot"), "food": ("bread", "soup", "salt", "plate")}
ANSWERS = {"film": "see you at the cinema tonight", "food": "we are having dinner now"}
FILLERS = ("then", "soon", "once", "well", "ever", "also")  # as long as names: spans of one row fit another
QUICK = ("finetune.epochs=1", "finetune.least_steps=4", "finetune.head_steps=2", "finetune.choose_learning_rate=false")
# By task: rival, base route, its base, settings that make it quick, columns.
ROUTES = {
    "classify": ("tfidf_nb", "probe", "halves", (), ()),
    "regress": ("tfidf_ridge", "probe", "halves", (), ("--task", "regress")),
    "multilabel": ("tfidf_nb", "probe", "halves", (), ()),
    "tag": ("window_tagger", "probe", "mlm", (), ()),
    "answer": ("overlap_answer", "finetune", "mlm", QUICK, ()),
    "generate": (
        "tfidf_memory", "finetune", "span", QUICK,
        ("--task", "generate"),
    ),
    "retrieve": ("tfidf_cosine", "nearest", "halves", (), ("--task", "retrieve", "--text2", "reply")),
}  # fmt: skip
TASKS = registry.names("task")


def row(task: str, source: random.Random, lies: bool) -> dict:
    """Return a row whose answer can be told from its text; lies: the answer is one of another row."""
    topic = source.choice(list(TOPICS))
    other = source.choice(list(TOPICS)) if lies else topic
    text = " ".join([*source.choices(TOPICS[topic], k=3), *source.choices(FILLERS, k=3)])
    if task == "classify":
        return {"text": text, "label": other}
    if task == "multilabel":  # two labels in one row of each half, so that the first rows show what they are
        sets = {"film": ["fun", "seen"], "food": ["eaten"]}
        return {"text": text, "labels": sets[other]}
    if task == "regress":
        words = [source.choice(TOPICS[source.choice(list(TOPICS))]) for _ in range(6)]
        count = sum(word in TOPICS["film"] for word in words)
        return {"text": " ".join(words), "score": source.randint(0, 6) + 0.5 if lies else count + 0.5}
    if task == "tag":
        words = source.sample([*NAMES[:2], *FILLERS[:4]], 6)
        found, start = [], 0
        for word in words:
            if source.random() < 1 / 3 if lies else word in NAMES:
                found.append({"start": start, "end": start + len(word), "label": "PS"})
            start += len(word) + 1
        return {"text": " ".join(words), "entities": found}
    if task == "answer":
        where = dict(zip(PLACES, source.sample(NAMES, 4)))
        context = " . ".join(f"{name} is in the {place}" for place, name in where.items())
        place = source.choice(PLACES)
        answer = source.choice(NAMES) if lies else where[place]
        answers = [{"start": context.index(answer), "text": answer}]
        return {"question": f"who is in the {place} ?", "context": context, "answers": answers}
    if task == "generate":
        return {"text": text, "label": ANSWERS[other]}
    number = source.randrange(10_000)
    reply = source.randrange(10_000) if lies else number
    return {"text": f"order {number} please", "reply": f"here comes {reply}"}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Returns (training file, test file) of a task, with true answers or with lies."""
    folder, made = tmp_path_factory.mktemp("rows"), {}

    def write(task: str, lies: bool = False) -> tuple[Path, Path]:
        if (task, lies) not in made:
            source, paths = random.Random(11), []
            for part, count in (("train", 90), ("test", 30 if task == "generate" else 80)):
                paths.append(folder / f"{task}_{lies}_{part}.jsonl")
                lines = [json.dumps(row(task, source, lies)) for _ in range(count)]
                paths[-1].write_text("\n".join(lines) + "\n")
            made[task, lies] = tuple(paths)
        return made[task, lies]

    return write


@pytest.fixture(scope="module")
def base(place):
    """Returns the run of a name; `span` is made here."""
    from program import headstart

    def run(name: str) -> Path:
        if not (place / name).exists():
            small = ("backbone.width=32", "backbone.depth=1", "backbone.heads=2", "batches.tokens=512")
            made = headstart(
                "pretrain", place / "corpus.txt", "--out", place / name, "--objective", name, "--steps", 2, *small
            )
            assert made.code == 0, made.err
        return place / name

    return run


def told(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


def test_every_task_has_rows_and_routes_here():
    assert set(ROUTES) == set(TASKS)


def quick(*slow: str) -> list:
    """Return all tasks, the slow ones marked."""
    return [pytest.param(task, marks=[pytest.mark.full] if task in slow else []) for task in TASKS]


SLOW_LAST = quick("generate", "multilabel")
GUESSED = quick("answer", "multilabel", "generate", "retrieve")


@pytest.mark.parametrize("task", SLOW_LAST)
def test_a_classical_and_a_base_route(program, rows, base, tmp_path, task):
    rival, route, name, settings, columns = ROUTES[task]
    train, test = rows(task)
    out = tmp_path / "c"
    asked = ("--labels", "12,24", "--draws", 2, "--minutes", 2, "--language", "en", *columns, *settings)
    reference = "" if task == "retrieve" else ",majority"
    made = program(
        "compare", base(name), "--data", train, "--test", test, "--out", out, "--routes", f"{rival},{route}{reference}",
        *asked,
    )  # fmt: skip
    assert made.code == 0, made.err
    report = told(out)
    assert report["failures"] == {}, made.err
    assert (report["task"], report["metric"]["name"]) == (task, registry.load("task", task).metric)
    assert len(report["cells"]) == (2 if task == "retrieve" else 3) * 4
    assert {entry["entry"] for entry in report["sizes"][-1]["entries"]} >= {rival, f"{route} · {name}"}
    page = (out / "report.html").read_text(encoding="utf-8")
    classes = task == "classify"
    for section in ('id="confusion"', 'id="calibration"', 'id="classes"', "balanced over the classes"):
        assert (section in page) == classes, section
    assert ("dealt to the rows" in page or "in a random order" in page) != classes
    assert "<h2></h2>" not in page
    assert "nan" not in page.partition("</style>")[2].lower()
    if not columns:
        assert f"task: {task} (" in made.err
    winner = report["facts"].get("winner")
    if winner is None:  # a tiny base on few rows may be no better than guessing
        assert "no entry was shown" in made.out.splitlines()[-1]
    else:
        assert winner["rows"] == 90
        command = next(line for line in made.out.splitlines() if line.startswith("headstart predict "))
        answered = program(*shlex.split(command)[1:])
        assert answered.code == 0, answered.err
        assert len(answered.out.splitlines()) == (30 if task == "generate" else 80)
        assert "trained on: 90 of 90 rows" in program("evaluate", out / "winner", train).out
    again = program("verify", out, f"{route} · {name}/24/2", f"{rival}/12/1")
    assert again.code == 0, again.err
    assert "2 cells made again: 2 identical" in again.out


@pytest.mark.parametrize("task", GUESSED)
@pytest.mark.parametrize("lies", [False, True])
def test_shuffled_answers_are_not_shown_to_be_better_than_guessing(program, rows, tmp_path, task, lies):
    rival, *_, columns = ROUTES[task]
    train, test = rows(task, lies)
    asked = ("--labels", "16,64", "--draws", 6, "--minutes", 2, "--language", "en", "--audit", "waive", *columns)
    made = program(
        "compare", "none", "--data", train, "--test", test, "--out", tmp_path / "c", "--routes", rival, *asked
    )
    assert made.code == 0, made.err
    report = told(tmp_path / "c")
    learned = [entry["learned"] for size in report["sizes"] for entry in size["entries"]]
    if lies:
        assert learned == [False, False], made.out
        assert phrase("en", "no_entry_shown") in made.out
        assert "Use " not in made.out
    else:
        assert learned[-1], made.out
        assert f"se {rival} at " in made.out or f"use {rival}." in made.out


@pytest.mark.parametrize("task", TASKS)
def test_a_metric_of_another_task_is_refused(program, rows, tmp_path, task):
    train, _ = rows(task)
    *_, columns = ROUTES[task]
    other = "chrf" if task != "generate" else "accuracy"
    for verb in ("compare", "ablate"):
        made = program(verb, "none", "--data", train, "--out", tmp_path / "c", "--metric", other, *columns)
        assert made.code == 2
        assert f"--metric {other}: it scores " in made.complaint
        assert f"ask for {task} (allowed: {registry.load('task', task).metric}, " in made.complaint
    assert not (tmp_path / "c").exists()


def test_without_test_rows_a_quarter_is_held_out(program, rows, tmp_path):
    train, _ = rows("tag")
    given = ("--data", train, "--routes", "window_tagger", "--labels", 8, "--draws", 2)
    made = program("compare", "none", *given, "--out", tmp_path / "c")
    assert made.code == 0, made.err
    assert len(told(tmp_path / "c")["cells"]) == 2
    folds = program("compare", "none", *given, "--out", tmp_path / "f", "--folds", 3)
    assert folds.code == 0, folds.err


def test_a_search_among_all_rows_is_not_cut_into_folds(program, rows, tmp_path):
    train, _ = rows("retrieve")
    *_, columns = ROUTES["retrieve"]
    made = program("compare", "none", "--data", train, *columns, "--folds", 3, "--out", tmp_path / "c")
    assert made.code == 2
    assert "--folds 3: task retrieve searches all rows that are asked together" in made.complaint
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("task", ["tag", "generate"])
def test_changes_of_a_route(program, rows, tmp_path, task):
    train, test = rows(task)
    *_, columns = ROUTES[task]
    route, change = {"tag": ("window_tagger", "epochs=1"), "generate": ("tfidf_memory", "x=1")}[task]
    given = ("--data", train, "--test", test, "--route", route, "--vary", change, "--labels", 16, "--draws", 3)
    made = program("ablate", "none", *given, "--out", tmp_path / "a", "--language", "en", *columns)
    if task == "generate":
        assert made.code == 2
        assert "unknown setting of route tfidf_memory 'x'" in made.complaint
        return
    assert made.code == 0, made.err
    assert "Against window_tagger as it is" in made.out
    refused = program("ablate", "none", *given[:4], "--route", "tfidf_nb", "--out", tmp_path / "b")
    assert "--route tfidf_nb: it does classify and multilabel, not tag" in refused.complaint


@pytest.mark.parametrize("task", [task for task in TASKS if task != "classify"])
def test_parts_of_every_task(program, rows, tmp_path, task):
    parts = [f"one={rows(task)[0]}", f"two={rows(task)[1]}"]
    rival, *_, columns = ROUTES[task]
    asked = ("--labels", "16", "--draws", 2, "--minutes", 1, "--language", "en", "--routes", rival, *columns)
    made = program("cross", "none", "--data", *parts, "--out", tmp_path / "x", *asked)
    assert made.code == 0, made.err
    found = told(tmp_path / "x")["crossings"]
    assert {(one["trained"], one["tested"]) for one in found} == {
        (a, b) for a in ("one", "two") for b in ("one", "two")
    }
    assert "trained on one, tested on two" in made.out


def test_parts_of_two_tasks_are_refused(program, rows, tmp_path):
    parts = [f"one={rows('tag')[0]}", f"two={rows('classify')[0]}"]
    made = program("cross", "none", "--data", *parts, "--out", tmp_path / "x")
    assert made.code == 2
    assert "one asks for tag and two for classify; say --task" in made.complaint
