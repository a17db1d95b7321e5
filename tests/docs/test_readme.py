"""The README: its commands exist with these options, alike in both languages; the documents' links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from headstart.commands.app import build, prepare
from headstart.commands.reading import route_with, routes_with
from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.sizing.default_recipe import choose_recipe
from headstart.sizing.facts import Facts

ROOT = Path(__file__).resolve().parents[2]
READMES = ["README.md", "README.ko.md"]
DOCUMENTS = [*READMES, "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
_LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?[^)]*\)|<(?:img|source|a)\b[^>]*?\b(?:src|srcset|href)=\"([^\"\s]+)")
_MARKER = re.compile(r"<!--\s*(?:numbers|output)\b.*")
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """Return the `headstart ...` commands of the console blocks, continued lines joined, pipes and redirections cut."""
    found = []
    for block in _BLOCK.findall(text):
        for line in re.sub(r"\\\n\s*(> )?", " ", block).splitlines():
            if line.startswith("$ "):
                parts = [part.strip() for part in re.split(r"\s(?:\||&&|;)\s", line[2:])]
                found += [re.split(r"\s\d?[<>]", part)[0].strip() for part in parts if re.match(r"headstart\b", part)]
    return found


def check(command: str) -> None:
    """Raise when the program would not take the command; nothing is run."""
    tokens = shlex.split(command, comments=True)[1:]
    _, bound, _ = build().parse_args(prepare(tokens), exit_on_error=False, print_error=False)
    settings = bound.arguments.get("settings") or []
    if tokens and tokens[0] == "pretrain":
        objective = bound.arguments.get("objective")
        takes = "image" if objective in registry.fitting("objective", batch="pixels") else "text"
        facts = Facts({"paths": []}, 60.0, None, takes=takes)
        choose_recipe(objective, facts)[0].resolve(facts).override(settings)
    elif tokens and tokens[0] == "transfer":
        route_with(bound.arguments.get("route", "probe"), settings)
    elif tokens and tokens[0] == "compare":
        routes_with(sorted({setting.partition(".")[0] for setting in settings}), settings)


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
