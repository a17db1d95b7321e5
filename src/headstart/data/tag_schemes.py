"""Tags of tokens as data sets write them (BIO, IOB1, BIOES, BILOU), and the spans that they mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

TAG = re.compile(r"O|[BIESLU]-.+")  # L and U of BILOU are E and S of BIOES


# The ways in which the position in an entity and its label are written: B-PER, b_per, PER-B.
_WRITTEN = (
    (re.compile(r"([BIESLUbieslu])[-_](.+)"), r"\1", r"\2"),
    (re.compile(r"(.+)[-_]([BIESLUbieslu])"), r"\2", r"\1"),
)


def scheme_of(tags: Sequence[str]) -> Callable[[str], str] | None:
    """Return what writes such tags as B-PER; None where they are one label for each token.

    With O among them but no positions (PER, O) every run of one label is an entity: its tags become I-PER.
    """
    names = {tag for tag in tags if tag not in ("O", "o")}
    for pattern, position, label in _WRITTEN:
        if names and all(pattern.fullmatch(name) for name in names):
            return lambda tag, way=(pattern, position, label): (
                "O" if tag in ("O", "o") else way[0].sub(way[1], tag).upper() + "-" + way[0].sub(way[2], tag)
            )
    if "O" in tags:
        return lambda tag: "O" if tag == "O" else f"I-{tag}"
    return None


def spans(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Return (first token, end, label) of each entity, as conlleval reads tags of any scheme.

    An I- or E- that follows O, another label or an ended entity opens a new one.
    """
    found: list[tuple[int, int, str]] = []
    before, before_label = "O", ""
    for position, tag in enumerate(tags):
        kind, _, label = tag.partition("-")
        if kind in "BSU" or (kind != "O" and (before in "OESLU" or label != before_label)):
            found.append((position, position + 1, label))
        elif kind != "O":
            found[-1] = (found[-1][0], position + 1, label)
        before, before_label = kind, label
    return found
