"""Finds English sentences in what is said to a Korean reader."""

from __future__ import annotations

import html
import re

# What may be English in a Korean sentence, and why; each is taken out before words are counted.
ALLOWED = {
    r"`[^`]*`": "a command or a name in backquotes",
    r"'[^']*'|\"[^\"]*\"": "what the user wrote, or has to write",
    r"\b(?:다음: )?headstart [a-z]+( .*)?$": "a command to copy",
    r"\bpip (un)?install .*$|\bcat FILE \| .*$|\bjq -c .*$": "a command to copy",
    r"\(가능: [^)]*\)|\(명령: [^)]*\)": "names that may be given",
    r"\([^()]*(?:\b(?:19|20)\d\d\b|arXiv)[^()]*\)": "what is cited: names and years",
    r"--[a-z][a-z0-9-]*( [^ ]+)?": "an option and its value",
    r"\S*[\d_/\\=<>{}|@.]\S*": "a number, a setting, a path, a file",
    r"Hugging Face|Label Studio|Apple GPU|CUDA GPU|Vision Transformer|Universal Dependencies": "names",
}
_RUN = re.compile(r"(?<![A-Za-z])[A-Za-z][a-z']+(?: [A-Za-z][a-z']+)+(?![A-Za-z])")


def english(text: str) -> list[str]:
    """Return the runs of two or more English words, with the line of each."""
    found = []
    for line in text.splitlines():
        left = line
        for pattern in ALLOWED:
            left = re.sub(pattern, " · ", left)
        found += [f"{run}  <- {line.strip()}" for run in _RUN.findall(left)]
    return found


def words_of_page(page: str) -> str:
    """Return what a reader of a page sees, a piece a line: texts, titles, labels of pictures.

    Left out: style, code, commands, and the rows of the data (cells of the class `item`).
    """
    page = re.sub(r'<td class="item">.*?</td>', "", page, flags=re.S)
    kept = re.sub(r"<(style|script|pre|code)\b.*?</\1>", "\n", page, flags=re.S)
    told = re.findall(r'(?:title|alt|aria-label)="([^"]*)"', kept)
    return html.unescape("\n".join([*re.sub(r"<[^>]+>", "\n", kept).splitlines(), *told]))
