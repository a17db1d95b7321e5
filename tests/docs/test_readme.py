"""The README: its commands exist with these options, alike in both languages; the documents' links lead somewhere."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pages
import pytest
from pages import ROOT, check, commands

from headstart.core.errors import HeadstartError
from headstart.data import digits, docstrings
from headstart.sizing import planning

READMES = ["README.md", "README.ko.md"]
DOCUMENTS = [
    *READMES,
    "CONTRIBUTING.md",
    "SECURITY.md",
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
]
_LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?[^)]*\)|<(?:img|source|a)\b[^>]*?\b(?:src|srcset|href)=\"([^\"\s]+)")
_MARKER = re.compile(r"<!--\s*(?:numbers|output)\b.*")
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def links(text: str) -> list[str]:
    """Return where the links and pictures of a document lead inside the repository; code is passed over."""
    found = [one or other for one, other in _LINK.findall(_CODE.sub("", text))]
    return [target for target in found if not re.match(r"[a-z]+:|#", target)]


def lost(name: str, text: str) -> list[str]:
    """Return the links of the document `name` that lead nowhere, or out of the repository."""
    places = {target: (ROOT / name).parent / target.partition("#")[0] for target in links(text)}
    return [t for t, place in places.items() if not place.exists() or not place.resolve().is_relative_to(ROOT)]


def read(name: str) -> str:
    path = ROOT / name
    if not path.is_file():
        pytest.skip(f"{name} is not written yet")
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", READMES)
def test_every_shown_command_exists(name):
    shown = commands(read(name))
    assert shown, f"{name} shows no command in a ```console block"
    for command in shown:
        try:
            check(command)
        except Exception as error:
            pytest.fail(f"{name}: `{command}`: {error}")


def test_every_command_runs(tmp_path, monkeypatch, few_strengths):
    """In order, for few steps; `tests/full/test_page_commands.py` runs them as they stand, in their minutes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(docstrings, "docstring_task", pages.docstrings)
    monkeypatch.setattr(digits, "write_digits", pages.write_digits)
    monkeypatch.setattr(planning, "FAMILIES", {"text": ("halves",)})
    monkeypatch.setattr(planning, "LADDER", ())
    told = pages.run(commands(read("README.md")))
    assert len(told) > 15
    assert any("winner: " in made.out for made in told.values())
    assert (tmp_path / "answers.jsonl").is_file()
    asked = ("--to", "sentence-transformers", "--data", "play/test.csv", "--out", "SHARED")
    made = pages.headstart("export", "REPORT/winner", *asked)
    assert made.code == 0, made.err
    _check_card((tmp_path / "SHARED" / "README.md").read_text(encoding="utf-8"), tmp_path / "play" / "test.csv")


def _check_card(card: str, test: Path) -> None:
    """The card of a winner tells audit, scores and verdict, and shows no text of the rows."""
    for told in ("## Audit of the data\n\n- ", "- test.csv: accuracy: ", "precision  recall", "- 16 labels: "):
        assert told in card, told
    with test.open(encoding="utf-8", newline="") as stream:
        assert not [row["text"] for row in csv.DictReader(stream) if row["text"] in card]


def test_both_languages_show_the_same_commands():
    assert commands(read("README.ko.md")) == commands(read("README.md"))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_somewhere(name):
    assert lost(name, read(name)) == []


@pytest.mark.parametrize("name", READMES)
def test_nothing_is_left_to_fill_in(name):
    assert _MARKER.findall(read(name)) == []


def test_the_link_and_marker_checks_can_fail():
    text = (
        "[a](README.md) ![b](docs/none.png) [c](https://x.y) [d](#here) [e](CONTRIBUTING.md#style) `[f](code.md)`\n"
        '<img alt="" src="docs/gone.svg"> [g](../outside.md "title")\n```\n[h](block.md)\n```\n'
    )
    assert links(text) == ["README.md", "docs/none.png", "CONTRIBUTING.md#style", "docs/gone.svg", "../outside.md"]
    assert lost("README.md", text) == ["docs/none.png", "docs/gone.svg", "../outside.md"]
    assert _MARKER.findall("a\n<!-- numbers: nsmc -->\n<!--output: x -->\n<!-- a note -->") == [
        "<!-- numbers: nsmc -->",
        "<!--output: x -->",
    ]


def test_the_check_can_fail():
    text = (
        "```console\n$ cat a.txt | headstart pretrain - --out RUN --minutes 8 \\\n    objective.minimum=3 > log\nsaid\n"
        "$ headstart predict TASK texts.txt\n```\n"
    )
    assert commands(text) == [
        "headstart pretrain - --out RUN --minutes 8  objective.minimum=3",
        "headstart predict TASK texts.txt",
    ]
    for command in commands(text):
        check(command)
    for wrong in ("pretrain a --out b --minuets 8", "pretrain a --out b objective.raet=1", "predcit a b", "embed a b"):
        with pytest.raises((HeadstartError, Exception)):
            check(f"headstart {wrong}")
