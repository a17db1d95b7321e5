"""A Korean reader meets no English sentence: what the verbs print, what they refuse, their pages, their help."""

from __future__ import annotations

import shutil

import pytest
from english_left import english, words_of_page
from test_bad_input import REFUSED, USED

from headstart.commands.app import VERBS

KOREAN = ("--language", "ko")


def hangul(text: str) -> bool:
    return any("가" <= char <= "힣" for char in text)


def test_the_search_finds_what_is_planted():
    assert english("훈련을 마침\nnothing was left half done (see `headstart list`)") != []
    assert english("3 rows read, 2 used") != []
    assert english("a.tsv: 파일이 없습니다. 혹시 'some file name'인가요? --out run `headstart list --help`") == []
    page = '<style>a b c {}</style><p title="an English title">한국어</p><pre>headstart list route</pre>'
    assert english(words_of_page(page)) == ["an English title  <- an English title"]


@pytest.mark.parametrize("case", REFUSED)
def test_errors(program, tmp_path, case):
    found = program(*REFUSED[case][0].format(tmp=tmp_path).split(), *KOREAN)
    assert found.code == 2
    assert hangul(found.complaint)
    assert english(found.err + found.out) == []


@pytest.mark.parametrize("case", [name for name in USED if "labels" not in name])
def test_what_is_left_out_is_told(program, tmp_path, case):
    found = program(*USED[case][0].format(tmp=tmp_path).split(), *KOREAN)
    assert found.code == 0
    assert english(found.err + found.out) == []


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help(program, verb):
    found = program(*verb.split(), "--help", *KOREAN)
    assert found.code == 0
    assert "사용법:" in found.out
    # The layout breaks lines in boxes; a command that is broken there is still a command.
    assert english(" ".join(line.strip("│ ") for line in found.out.splitlines())) == []


COMMANDS = {
    "pretrain": "pretrain corpus.txt --out {tmp}/run --steps 4 backbone.width=32",
    "pretrain mlm": "pretrain corpus.txt --out {tmp}/run --objective mlm --steps 3 backbone.width=32 backbone.depth=1 "
    "backbone.heads=2 batches.tokens=512",
    "pretrain in minutes": "pretrain corpus.txt --out {tmp}/run --minutes 0.1 backbone.width=32",
    "pretrain from a base": "pretrain corpus.txt --base mlm --out {tmp}/run --steps 2 batches.tokens=512",
    "transfer": "transfer halves --data train.tsv --out {tmp}/task",
    "transfer finetune": "transfer mlm --data train.tsv --route finetune --out {tmp}/task finetune.epochs=1 "
    "finetune.least_steps=10",
    "evaluate": "evaluate task test.tsv",
    "predict": "predict task test.tsv --out {tmp}/answers.csv --threshold 0.99",
    "embed": "embed halves corpus.txt --out {tmp}/v.npy",
    "audit": "audit train.tsv --test test.tsv --corpus corpus.txt --out {tmp}/audit",
    "audit without labels": "audit corpus.txt",
    "next": "next task corpus.txt --labelled train.tsv --count 5 --out {tmp}/rows.csv",
    "fill": "fill mlm [MASK]",
    "export": "export mlm --out {tmp}/hf",
    "inspect": "inspect mlm --tokens 영화",
    "list": "list",
    "list of a choice": "list objective mlm",
    "list of a choice with long meanings": "list route finetune",
    "doctor": "doctor",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_verbs(program, tmp_path, name):
    found = program(*COMMANDS[name].format(tmp=tmp_path).split(), *KOREAN)
    assert found.code in (0, 1) if name == "doctor" else found.code == 0, found.err
    assert english(found.err + found.out) == []
    for page in tmp_path.rglob("*.html"):
        assert english(words_of_page(page.read_text(encoding="utf-8"))) == []


@pytest.fixture(scope="module")
def compared(program, place, tmp_path_factory):
    folder = tmp_path_factory.mktemp("korean") / "report"
    return folder, program(*compare(place, folder))


def compare(place, folder) -> list[object]:
    command = "compare {0}/halves --data {0}/train.tsv --test {0}/test.tsv --labels 4,16 --draws 5 --minutes 1"
    routes = "probe,scratch,ppmi_logreg,lora"
    quick = ("scratch.least_steps=10", "scratch.epochs=2", "lora.least_steps=10", "lora.epochs=2")
    return [*command.format(place).split(), "--routes", routes, "--target", 0.99, "--out", folder, *KOREAN, *quick]


def test_compare(compared):
    folder, found = compared
    assert found.code == 0, found.err
    assert english(found.err + found.out) == []
    assert english(words_of_page((folder / "report.html").read_text(encoding="utf-8"))) == []


def test_compare_goes_on_and_is_verified(program, place, compared, tmp_path):
    again = shutil.copytree(compared[0], tmp_path / "report")
    for command in (compare(place, again), ["verify", again, "--sample", 1, *KOREAN]):
        found = program(*command)
        assert found.code == 0, found.err
        assert english(found.err + found.out) == []


def test_a_base_that_cannot_read_the_texts_is_told(program, place, tmp_path):
    unread = tmp_path / "unread.tsv"
    unread.write_text("text\tlabel\n" + "".join(f"zyx{n} qwv kjh\t{n % 2}\n" for n in range(40)))
    found = program("transfer", place / "mlm", "--data", unread, "--out", tmp_path / "task", *KOREAN)
    assert found.code == 0, found.err
    assert "이 텍스트를 거의 모릅니다" in found.err
    assert english(found.err + found.out) == []
