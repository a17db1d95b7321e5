"""Commands that pages show: found, checked against the program's options, and made short enough to run in a test."""

from __future__ import annotations

import json
import random
import re
import shlex
from pathlib import Path

import numpy as np
from english_left import english
from PIL import Image
from program import Outcome, headstart

from headstart.commands.app import build, prepare
from headstart.commands.reading import route_with, routes_with
from headstart.core import registry
from headstart.data.docstrings import DocstringTask
from headstart.sizing.default_recipe import choose_recipe
from headstart.sizing.facts import Facts

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMPARING = ("compare", "ablate", "cross")
_TOPICS = {
    "film": "배우 matrix actor scene story camera plot cast drama screen director sequel",
    "food": "soup bread taste salt kitchen menu dinner spice cheese oven",
}
# Networks that are small only when they are told to be.
_SMALL = {name: ["backbone.width=32", "backbone.heads=2", "backbone.depth=2"] for name in ("mlm", "t5", "causal")}
# Words enough for word senses, which pass over the commonest 50.
_ENDS = ("", "s", "er", "ing", "ly", "less", "ful", "ish", "ness", "ette")


def commands(text: str) -> list[str]:
    """Return the `headstart ...` commands of the console blocks, continued lines joined, pipes and redirections cut."""
    found = []
    for block in _BLOCK.findall(text):
        for line in re.sub(r"\\\n\s*(> )?", " ", block).splitlines():
            if line.startswith("$ "):
                parts = [part.strip() for part in re.split(r"\s(?:\||&&|;)\s", line[2:])]
                found += [re.split(r"\s\d?[<>]", part)[0].strip() for part in parts if re.match(r"headstart\b", part)]
    return found


def of_page(name: str) -> list[str]:
    """Return the commands of a document of the repository."""
    return commands((ROOT / name).read_text(encoding="utf-8"))


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


def quick(command: str) -> list[str]:
    """Return the arguments of a command with two steps in the place of minutes, or one draw of 16 labels."""
    words = shlex.split(command)[1:]
    if words[0] == "pretrain":
        fewer = ["extend=4" if word.startswith("extend=") else word for word in _without(words, "--minutes")]
        return [*fewer, "--steps", "2", *([] if "--base" in words else _SMALL.get(_asked(words), []))]
    if words[0] in _COMPARING:
        words = [*_without(words, "--labels", "--minutes"), "--labels", "16", "--draws", "1", "--minutes", "5"]
        if words[0] == "compare" and "--routes" not in words:
            base = "scratch" if "generate" in words else "probe"
            words += ["--routes", "all" if "none" in words else f"majority,{base}"]
    if "finetune" in words:
        of = "finetune." if words[0] == "compare" else ""
        return [*words, f"{of}epochs=1", f"{of}least_steps=2"]
    return words


def _asked(words: list[str]) -> str:
    """Return the objective or recipe that a command names."""
    given = [words[words.index(option) + 1] for option in ("--objective", "--recipe") if option in words]
    return given[0] if given else ""


def _without(words: list[str], *options: str) -> list[str]:
    for option in options:
        if option in words:
            place = words.index(option)
            words = [*words[:place], *words[place + 2 :]]
    return words


def run(shown: list[str], *more: str) -> dict[str, Outcome]:
    """Run commands one after the other, in their quick form; return what each printed. AssertionError: one failed.

    more: arguments of every command.
    """
    told = {}
    for command in shown:
        told[command] = headstart(*quick(command), *more)
        # doctor complains with code 1, of a busy machine for one.
        assert told[command].code <= ("doctor" in command), f"{command}\n{told[command].err}{told[command].out}"
    return told


def run_in_korean(shown: list[str]) -> None:
    """Run commands in Korean. AssertionError: one failed, or printed an English sentence of its own."""
    for command, made in run(shown, "--language", "ko").items():
        # What a model writes, and rows of the data, are not the program's own words.
        own = made.err if command.split()[1] in ("generate", "fill", "evaluate", "inspect") else made.err + made.out
        assert english(own) == [], f"{command}\n{english(own)}"


def texts(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Return (text, topic) of short made-up documents of two topics."""
    source = random.Random(seed)
    words = {topic: [f"{word}{end}" for word in some.split() for end in _ENDS] for topic, some in _TOPICS.items()}
    topics = source.choices(sorted(_TOPICS), k=count)
    return [(" ".join(source.choices(words[topic], k=9)) + f" {n}.", topic) for n, topic in enumerate(topics)]


def docstrings() -> DocstringTask:
    """Return a small task in the place of the one that reads all packages."""
    return DocstringTask([text for text, _ in texts(400)], texts(160, 1), texts(120, 2), sorted(_TOPICS))


def write_texts(folder: Path) -> None:
    """Write the files of texts that the pages of docs/ name."""
    rows = texts(40, 3)
    words = "\n".join(f"{text} {rows[n % 40][0]}" for n, (text, _) in enumerate(texts(3_000)))
    for name in ("texts.txt", "unseen.txt", "CORPUS", "UNSEEN_TEXT", "TEXT_OF_BOTH_LANGUAGES"):
        (folder / name).write_text(words)
    (folder / "tickets.txt").write_text("\n".join(f"the refund of ticket {n} was refused twice" for n in range(200)))
    labelled = "text\tlabel\n" + "".join(f"{text}\t{topic}\n" for text, topic in rows)
    for name in ("tickets.tsv", "LABELLED"):
        (folder / name).write_text(labelled)
    (folder / "topics.csv").write_text("text,topics\n" + "".join(f"{t},{a}|{a[0]}\n" for t, a in rows))
    pairs = "".join(f"{text}\t{text[:20]}\t{len(text) % 5}.5\n" for text, _ in rows)
    (folder / "similar.tsv").write_text(f"one\tother\tscore\n{pairs}")
    (folder / "PAIRS").write_text("SOURCE\tTARGET\n" + "".join(f"{text}\t{text[:9]}\n" for text, _ in rows))
    spans = [{"text": text, "entities": [{"start": 0, "end": text.index(" "), "label": topic}]} for text, topic in rows]
    for name in ("entities.jsonl", "entities_dev.jsonl"):
        (folder / name).write_text("\n".join(json.dumps(span) for span in spans))
    (folder / "pairs.jsonl").write_text("\n".join(json.dumps({"ko": text, "en": text[:9]}) for text, _ in rows))
    answer = {"question": "what?", "answers": [{"text": "first", "answer_start": 0}]}
    asked = [{"context": f"first {text}", "qas": [answer | {"id": str(n)}]} for n, (text, _) in enumerate(rows)]
    (folder / "squad.json").write_text(json.dumps({"version": "1", "data": [{"title": "t", "paragraphs": asked}]}))


def write_pictures(folder: Path, side: int = 12) -> Path:
    """Write noisy pictures of two classes, bright above or below, in a folder per class."""
    noise = np.random.default_rng(0)
    for number in range(48):
        place = folder / ("above" if number % 2 else "below")
        place.mkdir(parents=True, exist_ok=True)
        pixels_HW = noise.integers(0, 120, (side, side), dtype=np.uint8)
        half = slice(0, side // 2) if number % 2 else slice(side // 2, side)
        pixels_HW[half] += 120
        Image.fromarray(pixels_HW).save(place / f"{number}.png")
    return folder


def write_digits(folder: Path, seed: int = 0) -> tuple[Path, Path]:
    """Write pictures in the place of the 1,797 digits."""
    return write_pictures(folder / "train", 8), write_pictures(folder / "test", 8)
