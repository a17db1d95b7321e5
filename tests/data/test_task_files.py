"""Task files: columns, labels, pairs, groups; every row that is left out is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from headstart.core.errors import HeadstartError
from headstart.data.read_request import ReadRequest
from headstart.data.task_files import read_items
from headstart.tasks.classify import ClassifyTask


def read_examples(paths: Path, **named):
    return ClassifyTask().read_examples(ReadRequest(paths=paths, **named))


def texts_of(paths: Path, **named):
    return read_items(ReadRequest(paths=paths, **named))


def shared(name: str) -> Path:
    path = Path(os.environ.get("HEADSTART_DATA") or Path(__file__).parents[3] / "shared" / "data") / name
    if not path.exists():
        pytest.skip("no shared data")
    return path


@pytest.fixture
def table(tmp_path):
    def write(text: str, name: str = "a.tsv") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def test_columns_are_guessed_and_labels_sorted(table):
    examples, ledger = read_examples(table("id\tdocument\tlabel\n1\t나쁘다\t10\n2\t좋다\t9\n3\t그냥\t9\n"))
    assert examples.classes == ("9", "10")
    assert list(examples.labels) == [1, 0, 0]
    assert list(examples.items) == ["나쁘다", "좋다", "그냥"]
    assert examples.second is examples.groups is None
    assert ledger.balanced
    assert any("text column 'document' chosen" in note for note in ledger.notes)


def test_rows_left_out_are_named(table):
    path = table("text\tlabel\n하나\ta\n둘\t\n\tb\n넷\tb\n")
    examples, ledger = read_examples(path)
    assert len(examples) == 2
    assert dict(ledger.skipped) == {"no label": 1, "empty text": 1}
    assert ledger.complaints == [f"{path}:3: no label", f"{path}:4: empty text"]
    assert ledger.balanced


def test_unknown_label_of_a_test_file(table):
    path = table("text\tlabel\n하나\tgood\n둘\tgoood\n")
    examples, ledger = read_examples(path, classes=("bad", "good"))
    assert examples.classes == ("bad", "good")
    assert list(examples.labels) == [1]
    assert ledger.complaints == [f"{path}:3: unknown label ('goood'; did you mean 'good'?)"]


def test_errors_teach(table):
    path = table("text\tlabel\n하나\ta\n둘\ta\n")
    with pytest.raises(HeadstartError, match=r"only one class, 'a', in .*a\.tsv"):
        read_examples(path)
    with pytest.raises(HeadstartError, match="no label column 'labl'; did you mean 'label'"):
        read_examples(path, label="labl")
    with pytest.raises(HeadstartError, match="every label"):
        read_examples(table("text\tlabel\n하나\ta\n둘\tb\n셋\tc\n"))
    with pytest.raises(HeadstartError, match="no usable row"):
        read_examples(table("text\tlabel\n하나\ta\n", "b.tsv"), classes=("x", "y"))
    with pytest.raises(HeadstartError, match="plain text has no labels"):
        read_examples(table("하나\n둘\n", "c.txt"))
    with pytest.raises(HeadstartError, match="which column is the label"):
        read_examples(table("text\tu\tv\n하나\t1\t2\n둘\t3\t4\n", "d.tsv"))


def test_pairs_groups_and_json_labels(table):
    text = '{"q1": "가", "q2": "나", "label": true, "who": 1}\n{"q1": "다", "q2": "라", "label": false, "who": 2}\n'
    examples, _ = read_examples(table(text, "a.jsonl"), text="q1", text2="q2", group="who")
    assert list(examples.second) == ["나", "라"]
    assert list(examples.groups) == ["1", "2"]
    assert examples.classes == ("false", "true")


def test_second_text_is_hinted_never_guessed(table):
    examples, ledger = read_examples(table("sentence1\tsentence2\tlabel\n가\t나\t0\n다\t라\t1\n"))
    assert examples.second is None
    assert any("text2=sentence2" in note for note in ledger.notes)


def test_texts_to_predict_keep_every_row(table):
    path = table("text\tlabel\n하나\t\n\t1\n셋\t2\n")
    examples, ledger = texts_of(path)
    assert list(examples.items) == ["하나", "", "셋"]
    assert examples.labels is None
    assert ledger.used == 3
    assert examples.places == [(str(path), 2), (str(path), 3), (str(path), 4)]
    assert ledger.complaints == [f"{path}:3: empty text, kept"]
    assert list(texts_of(table("하나\n둘\n\n셋", "b.txt"))[0].items) == ["하나", "둘", "", "셋"]


def test_columns_of_training_are_used_where_they_are(table):
    path = table("review\tdocument\tclass\tlabel\nx\t하나\t1\ta\ny\t둘\t2\tb\n")
    _, trained = read_examples(table("document\tlabel\n하나\ta\n둘\tb\n", "train.tsv"))
    assert trained.columns == {"text": "document", "label": "label"}
    crossed = {"text": "review", "label": "class"}
    for remembered, first, classes in (
        (trained.columns, ["하나", "둘"], ("a", "b")),
        (crossed, ["x", "y"], ("1", "2")),
    ):
        examples, ledger = read_examples(path, remembered=remembered)
        assert (list(examples.items), examples.classes) == (first, classes)
        assert not any("chosen" in note for note in ledger.notes)
        assert ledger.columns == remembered
    named = texts_of(path, text="review", remembered=trained.columns)
    assert list(named[0].items) == ["x", "y"]


def test_columns_of_training_do_not_bind_other_files(table):
    remembered = {"text": "document", "label": "label", "text2": None}
    texts, ledger = texts_of(table("하나\n둘\n", "new.txt"), remembered=remembered)
    assert (list(texts.items), ledger.notes) == (["하나", "둘"], [])
    assert [line for _, line in texts.places] == [1, 2]
    examples, ledger = read_examples(table("review\tclass\n하나\ta\n둘\tb\n"), remembered=remembered)
    assert list(examples.items) == ["하나", "둘"]
    assert ledger.columns == {"text": "review", "label": "class"}
    assert any("no text column 'document' as in training" in note for note in ledger.notes)
    assert any("text column 'review' chosen" in note for note in ledger.notes)
    with pytest.raises(HeadstartError, match="no text2 column 'q2'"):  # a model of pairs needs both
        texts_of(table("하나\n", "one.txt"), remembered={"text": "q1", "text2": "q2"})
    with pytest.raises(HeadstartError, match="no text column 'document'"):
        texts_of(table("하나\n", "one.txt"), text="document")


@pytest.mark.full
def test_public_sets_load_whole():
    examples, ledger = read_examples(shared("nsmc/train.tsv.gz"))
    assert ledger.read == 140_000
    assert ledger.used == 140_000 - ledger.skipped["empty text"] == 139_995
    assert examples.classes == ("0", "1")
    pairs, ledger = read_examples(shared("korsts/train.tsv.gz"), text="sentence1", text2="sentence2", label="score")
    assert len(pairs) == len(pairs.second) == ledger.read == 5_749
    pairs, ledger = read_examples(shared("ko_question_pair/train.tsv.gz"), text="question1", text2="question2")
    assert len(pairs) == ledger.read == 5_536
    examples, ledger = read_examples(shared("banking77"))
    assert len(examples.classes) == 77
    assert ledger.used == ledger.read == 9_005 + 998
