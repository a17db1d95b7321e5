"""Reasons: every one that the source can make has Korean, copies keep their code, JSON holds code, text and values."""

from __future__ import annotations

import copy
import json
import string
from pathlib import Path

import pytest
from reasons_in_source import unreasoned, written_reasons

import headstart
from headstart.core.errors import HeadstartError
from headstart.core.reason import Reason, as_reason, cannot_run, reason_of
from headstart.reporting.phrases import catalogue
from headstart.reporting.reason_phrases import reason_text

ROOT = Path(headstart.__file__).parent
KOREAN_REASONS = {
    name.removeprefix("reasons."): words for name, words in catalogue("ko").items() if name.startswith("reasons.")
}


@pytest.fixture(scope="module")
def written() -> list:
    return written_reasons(ROOT)


def filled_in(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def hangul(text: str) -> bool:
    return any("가" <= char <= "힣" for char in text)


def test_every_reason_has_one_korean_sentence_and_no_korean_is_left_over(written):
    codes = {one.code for one in written}
    assert len(codes) > 60
    assert codes == set(KOREAN_REASONS)


def test_a_code_has_one_english_sentence(written):
    by_code: dict[str, set[str]] = {}
    for one in written:
        by_code.setdefault(one.code, set()).add(one.english)
    assert {code for code, sentences in by_code.items() if len(sentences) > 1} == set()


def test_both_sentences_are_filled_with_what_is_given(written):
    for one in written:
        where, korean = f"{one.code} {one.place}", KOREAN_REASONS[one.code]
        assert filled_in(one.english) <= one.values, where
        assert filled_in(korean) <= one.values, where
        assert hangul(korean) or one.code == "other", where
        assert not hangul(one.english), where
        # Nothing that the English says is missing; kinds of networks are phrases in English and names in Korean.
        assert filled_in(one.english) <= filled_in(korean) or one.code == "objective_reads", where


def test_no_function_that_promises_a_reason_returns_plain_text():
    assert unreasoned(ROOT) == []


def test_a_new_reason_without_korean_is_found(tmp_path):
    (tmp_path / "new.py").write_text('def refuses(self):\n    return Reason("brand_new", "so {x}", x=1) or f"plain"\n')
    assert [one.code for one in written_reasons(tmp_path)] == ["brand_new"]
    assert unreasoned(tmp_path) == ["new.py:2 returns plain text"]


def test_json_holds_code_text_and_values_and_speaks_korean_again():
    inner = Reason("one_class", "it needs at least 2 classes, got {count}", count=1)
    outer = Reason("member", "its member {member} cannot run: {why}", member="probe", why=inner)
    assert outer == "its member probe cannot run: it needs at least 2 classes, got 1"
    told = json.loads(json.dumps(outer.told()))
    assert told["code"] == "member"
    assert told["values"]["why"] == {"code": "one_class", "text": str(inner), "values": {"count": 1}}
    assert reason_text("en", told) == outer
    assert (
        reason_text("ko", told)
        == reason_text("ko", outer)
        == "구성 방법 probe 실행 불가: 클래스가 2개는 필요한데 1개입니다"
    )


def test_lists_are_joined_by_the_word_of_the_language():
    one = Reason(
        "head_reads",
        "head {head} needs a network that reads {reads:or}; this one reads {given}",
        head="tag",
        reads=("causal", "token"),
        given="document",
    )
    assert "reads causal or token;" in one
    assert "causal 또는 token" in reason_text("ko", json.loads(json.dumps(one.told())))


def test_copies_keep_the_code():
    one = Reason("behind", "behind {best} in screening", best="bag")
    for other in (copy.copy(one), copy.deepcopy({"a": one})["a"]):
        assert (other, other.code, other.values) == (one, "behind", {"best": "bag"})


def test_what_an_error_says():
    carried = Reason("no_span", "the training rows hold no span")
    assert reason_of(HeadstartError(carried)) is carried
    assert str(HeadstartError(carried)) == "the training rows hold no span"
    assert reason_of(HeadstartError("a\nb")).told() == {"code": "error", "text": "a", "values": {"message": "a"}}
    assert reason_of(MemoryError()).code == "out_of_memory"
    assert reason_of(RuntimeError("DefaultCPUAllocator: not enough memory: you tried")).code == "out_of_memory"
    found = reason_of(IndexError("out {of} range"))
    assert (found.code, found) == ("unforeseen", "IndexError: out {of} range")
    assert reason_text("ko", found) == "예상하지 못한 오류: IndexError: out {of} range"


def test_a_text_of_a_third_party_stays_as_it_is():
    assert as_reason(None) is None
    assert reason_text("ko", "it wants {more}") == "it wants {more}"
    assert cannot_run("it wants more").told()["values"]["why"]["code"] == "other"
