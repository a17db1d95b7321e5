"""Tables whose cells are lists of tokens and of their tags, as many sets of named entities are: texts and spans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from headstart.data.columns import sample_rows
from headstart.data.ledger import Ledger
from headstart.data.row import Row
from headstart.data.tag_schemes import scheme_of, spans

TOKENS = ("tokens", "words", "token")
TAGS = ("ner_tags", "tags", "labels", "ner", "bio", "pos_tags", "pos", "upos")


def with_spans(rows: Iterator[Row], ledger: Ledger) -> Iterator[Row]:
    """Yield the rows of a file; where a table has lists of tokens and of as many tags, its rows get `text`, the tokens
    joined by blanks unless there is one, and `entities`, lists of {start, end, label}, also in place of the tags.

    Tags are BIO, IOB1 or BIOES (B-PER, b_per, PER-B), labels with O between entities, or one label for each token.
    Numbers name no label: such tables stay as they are.
    """
    head = sample_rows(rows)
    tables = [row.value for row in head if isinstance(row.value, dict)]
    found = _columns(tables)
    if found is None:
        yield from chain(head, rows)
        return
    tokens, tags = found
    text = next((name for name in ("text", "sentence") if all(isinstance(row.get(name), str) for row in tables)), None)
    ledger.note(f"texts and spans are made of the lists '{tokens}' and '{tags}'", head[0].source)
    scheme = scheme_of([tag for row in tables for tag in row.get(tags) or ()])
    for row in chain(head, rows):
        value = row.value
        if not isinstance(value, dict) or not _fits(value.get(tokens), value.get(tags)):
            ledger.reject("not as many tags as tokens", row.source, row.line)
            continue
        made = _placed(value[tokens], value.get(text) if text else None)
        if made is None:
            ledger.reject("tokens that are not in the text", row.source, row.line)
            continue
        written, places = made
        own = value[tags]
        named = spans(list(map(scheme, own))) if scheme else [(at, at + 1, tag) for at, tag in enumerate(own)]
        entities = [
            {"start": places[first][0], "end": places[last - 1][1], "label": label} for first, last, label in named
        ]
        yield Row({**value, tags: entities, "text": written, "entities": entities}, row.source, row.line)


def _columns(tables: Sequence[dict[str, Any]]) -> tuple[str, str] | None:
    """Return the names of the columns of tokens and of tags in words, None where there are none."""
    for tokens in TOKENS:
        for tags in TAGS:
            if tables and all(_fits(row.get(tokens), row.get(tags)) for row in tables):
                return (tokens, tags) if any(row[tags] for row in tables) else None
    return None


def _fits(tokens: Any, tags: Any) -> bool:
    if not isinstance(tokens, list) or not isinstance(tags, list) or len(tokens) != len(tags):
        return False
    return all(isinstance(one, str) for one in (*tokens, *tags))


def _placed(tokens: Sequence[str], text: str | None) -> tuple[str, list[tuple[int, int]]] | None:
    """Return (the text, where each token is in it); None where the tokens are not in the text in this order."""
    text = " ".join(tokens) if text is None else text
    places, at = [], 0
    for token in tokens:
        start = text.find(token, at)
        if start < 0:
            return None
        at = start + len(token)
        places.append((start, at))
    return text, places
