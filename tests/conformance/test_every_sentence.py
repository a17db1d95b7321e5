"""Every sentence that the source can say has its Korean, every Korean sentence its source, and both find each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import sentences_in_source as source

import headstart
from headstart.core import registry
from headstart.core.sentence_catalogue import fields_of
from headstart.core.setting_lines import setting_lines
from headstart.core.spoken import spoken

ROOT = Path(headstart.__file__).parent
FOLDER = ROOT / "core/catalogue/ko"
# What the source does not write out as a sentence: words, what others say, docstrings of choices and of settings.
APART = ("words.toml", "foreign.toml", "choices.toml", "settings.toml")
FILES = {file.name: tomllib.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.toml"))}
SENTENCES = {english: own for name, told in FILES.items() if name not in APART for english, own in told.items()}
# The same in both languages, and why.
SAME = {
    "language: {0}": "the name of the filter, with a code",
    "pooling {0}": "a setting",
    "`headstart list export`": "a command to copy",
    "probe, knn, finetune, scratch, tfidf_logreg ... (`headstart list route`)": "names and a command",
    "{0} to {1}": "a range",
    "{0}  {1}     {2} to {3}      {4}": "a range",
    "{0}  {1}  {2} to {3}  {4}": "a range",
    "{0} called {1} {2}": "an arrow",
    "'{0}' called '{1}' ({2})": "an arrow",
    "yes": "a value to write",
    "no": "a value to write",
}
PLACE = re.compile(r"\{(\w*)(?::(\w+))?\}")


@pytest.fixture(scope="module")
def written() -> dict[str, source.Written]:
    return {one.template: one for one in source.written_sentences(ROOT)}


def places(korean: str) -> set[str]:
    return {place[1] for place in PLACE.finditer(korean)}


def hangul(text: str) -> bool:
    return any("가" <= char <= "힣" for char in text)


def test_every_sentence_of_the_source_has_korean(written):
    assert len(written) > 1200
    missing = [f"{one.place}: {one.template}" for one in written.values() if one.template not in SENTENCES]
    assert not missing, "\n".join(["add these to core/catalogue/ko/:", *missing])


def test_every_korean_sentence_is_said_somewhere(written):
    assert sorted(SENTENCES.keys() - written.keys()) == []


def test_nothing_is_silent_for_nothing():
    told = {one for path in ROOT.rglob("*.py") for one in source.silent_templates(path)}
    assert sorted(source.SILENT.keys() - told) == []
    assert [name for name in source.SILENT_FILES if not (ROOT / name).exists()] == []


def test_no_sentence_stands_in_two_files():
    names = [english for name, told in FILES.items() if name != "words.toml" for english in told]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_choices_and_settings_have_korean():
    """`headstart list` and `headstart list AXIS NAME` print first lines and meanings from docstrings."""
    made = [(axis, name) for axis in registry.axes() for name in registry.names(axis) if builtin(axis, name)]
    lines = {registry.describe(axis, name) for axis, name in made}
    meanings = {line.meaning for axis, name in made for line in setting_lines(registry.load(axis, name))} - {""}
    known = [name for told in FILES.values() for name in told]
    assert sorted((lines | meanings) - set(known)) == []
    assert sorted(FILES["choices.toml"].keys() - lines) == []
    assert sorted(FILES["settings.toml"].keys() - meanings) == []


def builtin(axis: str, name: str) -> bool:
    return (ROOT / registry.FOLDERS[axis] / f"{name}.py").exists()


@pytest.mark.parametrize("name", [name for name in FILES if name not in ("choices.toml", "settings.toml")])
def test_fields_agree(name, written):
    for english, korean in FILES[name].items():
        asked = set(fields_of(english))
        needed = asked - {str(one) for one in written[english].optional} if english in written else asked
        assert needed <= places(korean) <= asked, english
        numbers = written[english].numbers if english in written else ()
        quoted = set(re.findall(r"'\{(\d+)\}'", english))
        for number in {str(one) for one in numbers} - quoted:
            assert f"{{{number}}}" not in korean, f"{english}: write {{{number}:number}}"
        if english not in SAME:
            assert hangul(korean), english


def test_a_sentence_of_fields_alone_would_take_everything():
    for english in SENTENCES:
        assert re.search("[A-Za-z]{2}", "".join(re.split(r"\{\d+\}", english))), english


def test_a_sentence_of_few_letters_says_what_its_fields_hold():
    """Otherwise it would be found in texts of the user: `no {0}` in any that begins so."""
    for english, korean in SENTENCES.items():
        letters = re.findall("[A-Za-z]", re.sub(r"\{\d+\}", "", english))
        open_fields = {place[1] for place in PLACE.finditer(korean) if not place[2]}
        if english in SAME:
            continue
        quoted = set(re.findall(r"(?<=['(\[}])\{(\d+)\}", english))
        assert len(letters) > 3 or open_fields <= quoted or ": {" in english or "; " in english, english


def test_every_sentence_finds_its_korean():
    """Filled with names that no catalogue holds, every sentence is found again, and by no other template."""
    for english, korean in SENTENCES.items():
        values = named(english, korean)
        said = filled(english, values)
        assert spoken(said, "ko") == filled(korean, values), english
        assert spoken(said, "en") == said


def named(english: str, korean: str) -> dict[str, str]:
    """Return something for every field: a number where that is wanted, an addition behind another field."""
    kinds = {place[1]: place[2] for place in PLACE.finditer(korean)}
    added = set(re.findall(r"(?<=\})\{(\d+)\}", english))
    return {
        name: str(40 + int(name)) if kinds.get(name) == "number" else f"; x{name}Q" if name in added else f"x{name}Q"
        for name in fields_of(english)
    }


def filled(template: str, values: dict[str, str]) -> str:
    return PLACE.sub(lambda place: values[place[1]], template)


def test_a_planted_sentence_is_found(tmp_path):
    (tmp_path / "new.py").write_text(
        '"""Docstring that says nothing."""\n'
        "raise HeadstartError(f\"{path}: a brand new fault in {n} row{'s' if n > 1 else ''}\" + f\"; see {what}\")\n"
        'say("first line is said\\nsecond line is said")\n'
        'key(seed, "part of a seed")\nRULE = re.compile("not a sentence")\nReason("code", "has its own way")\n'
    )
    found = list(source.in_file(tmp_path / "new.py", tmp_path))
    assert [one.template for one in found] == [
        "{0}: a brand new fault in {1} row{2}; see {3}",
        "first line is said",
        "second line is said",
    ]
    assert found[0].optional == {2}
