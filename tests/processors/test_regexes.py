"""Regular expressions of foreign tokenizers: those of published models are taken, what may take forever is not."""

from __future__ import annotations

import json

import pytest
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from headstart.core.errors import HeadstartError
from headstart.core.load_processor import load_processor
from headstart.text import regexes
from headstart.text.regexes import check_regexes, doubtful

ENDINGS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
CAPITALS, SMALL = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
CODE = r"[^\r\n\p{L}\p{N}]?"
# As in the tokenizer.json of published models; none of them repeats a group.
PUBLISHED = {
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama 3": rf"{ENDINGS}|{CODE}\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "qwen": rf"{ENDINGS}|{CODE}\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "o200k": rf"{CODE}{CAPITALS}*{SMALL}+{ENDINGS}?|{CODE}{CAPITALS}+{SMALL}*{ENDINGS}?|\p{{N}}{{1,3}}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "tekken": rf"{CODE}{CAPITALS}*{SMALL}+|{CODE}{CAPITALS}+{SMALL}*|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|\s*[\r\n]+|"
    r"\s+(?!\S)|\s+",
    "deepseek": r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+"
    r"[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "bloom": r" ?[^(\s|[.,!?…。，、।۔،])]+",
    "clip": r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
    "spaces": " {2,}",
    "digits": "[0-9][0-9][0-9]",
}
TRIED = {  # groups that are repeated, with one way to read every text
    "thousands": r"\p{N}{1,3}(?=(?:\p{N}{3})*(?:$|[^\p{N}]))",
    "words and spaces": r"(?:\p{L}+\s)+\d",
    "possessive": r"(a+)++$",
}
FOREVER = {
    "nested": r"(a+)+$",
    "two ways": r"(?:a|aa)+\d",
    "behind a beginning": r"^https?://(?:\w|[a-z])+$",
    "overlapping classes": r"(?:\p{L}|[^\s])*!\b.",
    "a word twice": "(?:한국|한국한국|한국어|다)*끝",
    "a row": r"\w*\w*\w*\w*\w*!",
}
PLACES = ("pre_tokenizer", "normalizer", "decoder")


def described(pattern: str, place: str = "pre_tokenizer") -> dict:
    """A tokenizer.json with this expression, in a sequence in a sequence."""
    rust, regex = Tokenizer(models.BPE({"a": 0, "[UNK]": 1}, [], unk_token="[UNK]")), Regex(pattern)
    kind, part = {
        "pre_tokenizer": (pre_tokenizers, lambda: pre_tokenizers.Split(regex, "isolated")),
        "normalizer": (normalizers, lambda: normalizers.Replace(regex, "x")),
        "decoder": (decoders, lambda: decoders.Replace(regex, "x")),
    }[place]
    setattr(rust, place, kind.Sequence([part()]))
    data = json.loads(rust.to_str())
    name = "pretokenizers" if place == "pre_tokenizer" else f"{place}s"
    data[place] = {"type": "Sequence", name: [data[place]]}
    return data


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_expressions_need_no_trial(name):
    assert not doubtful(PUBLISHED[name])
    check_regexes(described(PUBLISHED[name]), "x")


@pytest.mark.parametrize("name", TRIED)
def test_repeated_groups_are_tried_and_taken(name):
    assert doubtful(TRIED[name])
    check_regexes(described(TRIED[name]), "x")


@pytest.mark.parametrize("name", FOREVER)
def test_what_takes_forever_is_refused(name):
    with pytest.raises(
        HeadstartError, match=r"^x: the regular expression .* takes too many steps on texts like '"
    ) as told:
        check_regexes(described(FOREVER[name]), "x")
    assert FOREVER[name] in str(told.value)


@pytest.mark.parametrize("place", PLACES)
def test_every_part_is_looked_at_before_it_is_loaded(place, tmp_path):
    (tmp_path / "tokenizer.json").write_text(json.dumps(described("(a+)+$", place)))
    with pytest.raises(HeadstartError, match=r"tokenizer\.json: the regular expression '\(a\+\)\+\$' takes too many"):
        load_processor(tmp_path)


def test_without_the_look_it_loads_and_a_text_takes_the_most_steps(tmp_path, monkeypatch):
    """The planted fault: nothing is tried. What is left is one line, after ten million steps."""
    monkeypatch.setattr(regexes, "doubtful", lambda pattern: False)
    (tmp_path / "tokenizer.json").write_text(json.dumps(described("(a+)+$")))
    tokenizer = load_processor(tmp_path)
    assert tokenizer.encode(["aaa"])[0].tolist() == [0, 0, 0]
    with pytest.raises(HeadstartError, match=r"fails on the text 'a{40}!'; .*retry-limit-in-match over"):
        tokenizer.encode(["aaa", "a" * 40 + "!"])


def test_a_trial_has_a_time(monkeypatch):
    monkeypatch.setattr(regexes, "_SECONDS", 0.001)
    with pytest.raises(HeadstartError, match=r"'\(b\|c\)\+' could not be tried on short texts within 0.001 s"):
        check_regexes(described("(b|c)+"), "x")


@pytest.mark.parametrize(
    ("pattern", "asks"),
    [
        (r"[(a+)+]", False),
        (r"\(a+\)+", False),
        (r"[]()+]", False),
        (r"[^])]+", False),
        (r"[a[)]+]+", False),
        (r"\p{L}+(?=\s)", False),
        (r"(?:a)?b", False),
        (r"[\])]+", False),
        (r"(?:a){2}", True),
        (r"[[:alpha:]](?:b)+", True),
        (r"[](](a)*", True),
        (r"(?<w>a)\g<w>", True),
        (r"[ab(c)+", True),  # no end of the class: taken for groups
    ],
)
def test_groups_are_told_from_what_looks_like_them(pattern, asks):
    assert doubtful(pattern) is asks
