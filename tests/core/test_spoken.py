"""The language of the program: who chooses it, what is translated in a message and what never is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from headstart.commands.reading import say
from headstart.core import spoken as speech
from headstart.core.errors import HeadstartError, unknown
from headstart.core.reason import Reason, cannot_run, reason_of
from headstart.core.sentence_catalogue import Catalogue
from headstart.core.spoken import Verbatim, language, speaking, spoken, use_language

SENTENCES = {
    "{0}: no such file{1}": "{0}: 파일이 없습니다{1}",
    "; did you mean '{0}'?": ". 혹시 '{0}'인가요?",
    "base {0}: {1}": "베이스 {0}: {1}",
    "{0}, {1} M parameters": "{0}, 파라미터 {1:number} M",
    "{0} rows read, {1} skipped": "{0:number}행을 읽어 {1:number}행을 건너뜀",
    "no label": "라벨 없음",
    "unknown {0} '{1}'": "{0:word} '{1}': 없는 이름입니다",
    "no {0}": "{0:term} 없음",
    "head {0} needs one that reads {1}": "헤드 {0}: {1:또는} 방식",
}


@pytest.fixture(autouse=True)
def _nothing_chosen(monkeypatch):
    monkeypatch.setattr(speech._Chosen, "language", "")
    monkeypatch.delenv("HEADSTART_LANGUAGE", raising=False)
    yield
    use_language("en")


@pytest.fixture
def told():
    return Catalogue(
        SENTENCES,
        {"route": "방법", "image": "이미지"},
        {"few": "{least}행이 필요합니다", "slow": "{seconds:.0f}초 걸림({all:또는})"},
    ).told


@pytest.mark.parametrize(
    ("english", "korean"),
    [
        ("a.tsv: no such file", "a.tsv: 파일이 없습니다"),
        ("a.tsv: no such file; did you mean 'b.tsv'?", "a.tsv: 파일이 없습니다. 혹시 'b.tsv'인가요?"),
        ("  no label  ", "  라벨 없음  "),
        ("base A: net, 1.5 M parameters", "베이스 A: net, 파라미터 1.5 M"),  # the outer sentence has fewer letters
        ("x.csv: 1,234 rows read, 5 skipped", "x.csv: 1,234행을 읽어 5행을 건너뜀"),
        ("7 rows read, 8 skipped (8 no label)", "7행을 읽어 8행을 건너뜀 (라벨 없음 8)"),
        ("unknown route 'no label'", "방법 'no label': 없는 이름입니다"),  # in quotes: of the user
        ("no image", "이미지 없음"),
        ("no place is like home", "no place is like home"),
        ("head tag needs one that reads causal or token", "헤드 tag: causal 또는 token 방식"),
        (
            "a text of the user; with ends. of all: kinds, (of them)",
            "a text of the user; with ends. of all: kinds, (of them)",
        ),
        ("no label\nno label", "라벨 없음\n라벨 없음"),
        ("12 + 34", "12 + 34"),
    ],
)
def test_sentences_are_found(told, english, korean):
    assert told(english) == korean


def test_a_reason_is_told_by_its_code_alone_and_inside_of_a_sentence(told):
    few = Reason("few", "it needs {least} rows here", least=8)
    assert told(few) == "8행이 필요합니다"
    slow = Reason("slow", "it took {seconds:.0f} s of {all:or}", seconds=3.2, all=("a", "b"))
    assert told(f"base A: {slow}") == "베이스 A: 3초 걸림(a 또는 b)"
    assert told(f"base A: {few}") == "베이스 A: 8행이 필요합니다"
    assert told(Reason("of_a_third_party", "it needs the {moon}", moon="full")) == "it needs the full"
    assert spoken(cannot_run(Reason("one_class", "it needs at least 2 classes, got {count}", count=1)), "ko") == (
        "이 방법은 실행할 수 없습니다: 클래스가 2개는 필요한데 1개입니다"
    )


def test_two_sentences_of_one_code_are_both_recognised(told):
    first = Reason("few", "there are {least} rows too few", least=2)
    assert told(f"base A: {first}") == "베이스 A: 2행이 필요합니다"
    Reason("few", "rows are missing: {least}", least=3)  # of another module, or of a plugin
    assert told(f"base A: {first}") == "베이스 A: 2행이 필요합니다"
    assert told("base A: rows are missing: 3") == "베이스 A: 3행이 필요합니다"


def test_texts_of_the_user_and_english_are_left_alone():
    assert spoken("no labels", "ko") == "라벨 없음"
    assert spoken(Verbatim("no labels"), "ko") == "no labels"
    assert spoken("no labels") == "no labels"


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, "en"),
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ko_KR"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "HEADSTART_LANGUAGE": "en"}, "en"),
        ({"HEADSTART_LANGUAGE": "ko"}, "ko"),
        ({"HEADSTART_LANGUAGE": "auto", "LANG": "C.UTF-8"}, "en"),
    ],
)
def test_auto_is_the_environment(monkeypatch, environment, wanted):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with speaking("auto") as chosen:
        assert chosen == language() == wanted
    assert language() == "en"


def test_unknown_languages_are_refused(monkeypatch):
    with pytest.raises(HeadstartError, match=r"unknown language 'kr'.* did you mean 'ko'"):
        use_language("kr")
    with pytest.raises(HeadstartError, match="unknown language"):
        speaking("")
    monkeypatch.setenv("HEADSTART_LANGUAGE", "kr")
    with pytest.raises(HeadstartError, match="unknown HEADSTART_LANGUAGE 'kr'"):
        speaking("auto")


def test_from_python_messages_are_english_until_a_language_is_chosen(capsys):
    error = unknown("route", "prob", ["probe"])
    assert str(error) == "unknown route 'prob'; did you mean 'probe'? (allowed: probe)"
    assert use_language("ko") == "ko"
    assert str(error) == "방법 'prob': 없는 이름입니다. 혹시 'probe'인가요? (가능: probe)"
    say("warning: no labels")
    assert capsys.readouterr().err == "경고: 라벨 없음\n"
    assert reason_of(error) == "unknown route 'prob'; did you mean 'probe'? (allowed: probe)"  # what is kept is English
    use_language("en")
    assert str(error).startswith("unknown")


@pytest.mark.parametrize(("given", "wanted"), [("ko", "그런 폴더도"), ("", "no such directory")])
def test_the_variable_chooses_for_python_too(given, wanted):
    program = "import headstart as hs\ntry: hs.PretrainedModel.open('nowhere')\nexcept hs.HeadstartError as e: print(e)"
    environment = {**os.environ, "HEADSTART_LANGUAGE": given, "LANG": "C.UTF-8", "PYTHONIOENCODING": "utf-8"}
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", env=environment)
    assert wanted in ran.stdout, ran.stderr
