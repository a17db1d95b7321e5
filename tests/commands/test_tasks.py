"""Tasks other than classification by commands: guessed from the columns, trained, scored, answered, refused."""

from __future__ import annotations

import json

import pytest

NAMES = ("민수", "영희", "Kim", "Lee")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    tagged, paired = [], ["a\tb\tscore"]
    for row in range(60):
        name, other = NAMES[row % 4], NAMES[(row + row // 4) % 4]
        text = f"{name}는 film {row} with {other}"
        spans = [(0, len(name), "PS"), (len(text) - len(other), len(text), "PS")]
        entities = [{"start": start, "end": end, "label": label} for start, end, label in spans]
        tagged.append(json.dumps({"text": text, "intent": "x" if row % 2 else "y", "entities": entities}))
        paired.append(
            f"film {name} plot\t{'film' if row % 3 else 'soup'} {other} plot\t{1.5 * (name == other) + (row % 3 > 0)}"
        )
    (folder / "tag.jsonl").write_text("\n".join(tagged) + "\n")
    (folder / "pairs.tsv").write_text("\n".join(paired) + "\n")
    (folder / "new.txt").write_text("Kim는 film\n\nno one\n")
    return folder


def test_spans(program, files, tmp_path):
    task = tmp_path / "task"
    made = program("transfer", "none", "--data", files / "tag.jsonl", "--out", task, "--route", "window_tagger")
    assert made.code == 0, made.err
    assert "task: tag ('entities' holds lists of spans; another one by --task)" in made.err
    assert "training route window_tagger on 60 rows, 1 classes" in made.err
    scored = program("evaluate", task, files / "tag.jsonl")
    assert scored.code == 0, scored.err
    lines = scored.out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["entity_f1", "tag_accuracy", "rows", "trained on"]
    assert lines[0] == "entity_f1: 1.0000 (95 % interval 1.0000 to 1.0000)"
    answers = [json.loads(line) for line in program("predict", task, files / "new.txt").out.splitlines()]
    assert [answer["entities"] for answer in answers] == [[{"start": 0, "end": 3, "label": "PS"}], [], []]
    assert answers[0].keys() == {"row", "file", "line", "entities", "text"}
    again = tmp_path / "again.jsonl"  # what is predicted is itself a labelled file
    assert program("predict", task, files / "tag.jsonl", "--out", again).code == 0
    assert "entity_f1: 1.0000" in program("evaluate", task, again).out


def test_offsets_are_those_of_the_text_as_given(program, files, tmp_path):
    task, new = tmp_path / "task", tmp_path / "new.txt"
    assert (
        program("transfer", "none", "--data", files / "tag.jsonl", "--out", task, "--route", "window_tagger").code == 0
    )
    given = "Kim\u1102\u1173\u11ab film 1 with Lee"  # 는 in three characters, one after normalisation
    new.write_text(given + "\n")
    (answer,) = [json.loads(line) for line in program("predict", task, new).out.splitlines()]
    assert answer["text"] == given
    assert [given[span["start"] : span["end"]] for span in answer["entities"]] == ["Kim", "Lee"]


@pytest.mark.parametrize("route", ["tfidf_cosine", "probe"])
def test_numbers(program, files, tmp_path, route):
    task, columns = tmp_path / "task", ("--text", "a", "--text2", "b")
    made = program("transfer", "halves", "--data", files / "pairs.tsv", *columns, "--out", task, "--route", route)
    assert made.code == 0, made.err
    assert "task: regress (pairs with numbers such as 1.5 in 'score'; another one by --task)" in made.err
    scored = program("evaluate", task, files / "pairs.tsv")
    assert scored.code == 0, scored.err
    assert [line.split(":")[0] for line in scored.out.splitlines()] == ["spearman", "pearson", "rows", "trained on"]
    assert float(scored.out.split()[1]) > 0.5
    answers = [json.loads(line) for line in program("predict", task, files / "pairs.tsv").out.splitlines()]
    assert len(answers) == 60
    assert answers[0].keys() == {"row", "file", "line", "number", "text", "text2", "score"}
    assert isinstance(answers[0]["number"], float)


def test_a_constant_answer_has_no_correlation(program, files, tmp_path):
    task, columns = tmp_path / "task", ("--text", "a", "--text2", "b")
    made = program("transfer", "none", "--data", files / "pairs.tsv", *columns, "--out", task, "--route", "majority")
    assert made.code == 0, made.err
    scored = program("evaluate", task, files / "pairs.tsv")
    assert "spearman: not defined for these answers" in scored.out
    assert "Warning" not in scored.err


def test_a_task_can_be_named(program, files, tmp_path):
    columns = ("--text", "text", "--label", "intent", "--task", "classify")
    made = program(
        "transfer", "none", "--data", files / "tag.jsonl", *columns, "--out", tmp_path / "t", "--route", "tfidf_nb"
    )
    assert made.code == 0, made.err
    assert "task:" not in made.err
    assert json.loads((tmp_path / "t/task.json").read_text())["task"] == "classify"


@pytest.mark.parametrize(
    ("command", "pieces"),
    [
        (
            ("transfer", "none", "--data", "tag.jsonl", "--out", "x", "--route", "tfidf_nb"),
            ["route tfidf_nb: it does classify and multilabel, not tag; ", "window_tagger"],
        ),
        (
            ("transfer", "none", "--data", "pairs.tsv", "--out", "x", "--route", "window_tagger"),
            ["route window_tagger: it does tag, not classify; ", "tfidf_nb"],
        ),
        (
            ("transfer", "none", "--data", "tag.jsonl", "--out", "x", "--route", "majority", "--task", "tags"),
            ["unknown task 'tags'; did you mean 'tag'", "classify, "],
        ),
        (
            ("transfer", "none", "--data", "pairs.tsv", "--out", "x", "--route", "majority", "--task", "tag"),
            ["no column holds lists of spans; name it with --label (columns: a, b, score)"],
        ),
        (
            ("transfer", "halves", "--data", "tag.jsonl", "--out", "x", "--route", "finetune"),
            ["head tag needs a network"],
        ),
        (
            ("compare", "none", "--data", "tag.jsonl", "--out", "x", "--metric", "accuracy"),
            ["--metric accuracy: it scores classify, and these rows ask for tag (allowed: entity_f1, tag_accuracy)"],
        ),
        (
            ("compare", "none", "--data", "tag.jsonl", "--out", "x", "--metric", "entity_f2"),
            ["unknown metric 'entity_f2'; did you mean 'entity_f1'? (allowed: entity_f1, tag_accuracy)"],
        ),
        (
            ("compare", "none", "--data", "tag.jsonl", "--out", "x", "--task", "tagg"),
            ["unknown task 'tagg'; did you mean 'tag'"],
        ),
        (
            ("compare", "none", "--data", "tag.jsonl", "--out", "x", "--routes", "tfidf_nb"),
            ["--routes tfidf_nb: it does classify and multilabel, not tag; ", "window_tagger"],
        ),
        (
            ("compare", "none", "--data", "tag.jsonl", "--label", "intent", "--out", "x", "--routes", "window_tagger"),
            ["--routes window_tagger: it does tag, not classify"],
        ),
    ],
)
def test_what_does_not_fit_is_one_line(program, files, tmp_path, command, pieces):
    given = [
        files / part if part.endswith((".jsonl", ".tsv")) else tmp_path / part if part == "x" else part
        for part in command
    ]
    found = program(*given)
    assert found.code == 2
    for piece in pieces:
        assert piece in found.complaint
    assert not (tmp_path / "x").exists()


def test_rows_with_several_labels_are_learned_scored_and_compared(program, tmp_path):
    words = ["seoul", "busan", "film", "game"]
    lines = ["text\tplace\tkind\n"]
    for number in range(80):
        one, other = words[number % 2], words[2 + number // 2 % 2]
        held = (one if number % 3 else "none", other if number % 5 else "none")
        text = " ".join(word if word != "none" else "and so on" for word in held)
        lines.append(f"{text} {number}\t{held[0]}\t{held[1]}\n")
    data, task, out = tmp_path / "rows.tsv", tmp_path / "task", tmp_path / "report"
    data.write_text("".join(lines), encoding="utf-8")
    asked = ("--data", data, "--label", "place,kind")
    told = program("transfer", "none", *asked, "--route", "tfidf_logreg", "--out", task)
    assert "several label columns: place, kind" in told.err
    assert "'none' (27 rows) means that there is no label" in told.err
    lines = program("evaluate", task, data).out.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == ["micro_f1", "label_macro_f1", "lrap"]
    assert float(lines[0].split()[1]) > 0.95
    answers = [json.loads(line) for line in program("predict", task, data).out.splitlines()]
    assert answers[1]["labels"] == ["kind=film", "place=busan"]
    assert set(answers[0]["probabilities"]) == {"kind=film", "kind=game", "place=busan", "place=seoul"}
    asked += ("--labels", 30, "--draws", 3, "--minutes", 0.4, "--routes", "majority,tfidf_logreg", "--deep")
    told = program("compare", "none", *asked, "--out", out)
    assert "micro_f1 by number of labels" in told.out
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    scores = {one["entry"].split(" ")[0]: one["mean"] for one in report["sizes"][0]["entries"]}
    assert scores["tfidf_logreg"] > scores["majority"]
