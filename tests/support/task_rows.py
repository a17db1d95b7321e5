"""Small labelled files and rows of each task, for suites that run over the registry."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from small_parts import TOPICS, documents

from headstart.core.examples import Examples, Span

LABELS = ("film", "food", "game")


def rows(task: str, count: int = 30, *, pairs: bool = False, seed: int = 5) -> Examples | None:
    """Return rows of a task that can be learnt from the words, or None where none are known here."""
    texts = documents(count, seed)
    second = [TOPICS[row % 3][row % 8] for row in range(count)] if pairs else None
    if task == "classify":
        return Examples(texts, second, np.arange(count, dtype=np.int64) % 3, LABELS)
    if task == "regress":
        return Examples(texts, second, task=task, targets=[10.0 + 2.5 * (row % 3) for row in range(count)])
    if task == "multilabel":
        sets = [("film", "food"), ("food",), ()]
        return Examples(texts, second, classes=LABELS[:2], task=task, targets=[sets[row % 3] for row in range(count)])
    if task == "tag" and not pairs:
        return Examples(texts, None, classes=LABELS, task=task, targets=[_spans(text) for text in texts])
    if task == "generate" and not pairs:
        return Examples(
            texts, None, task=task, targets=[f"this one is about {LABELS[row % 3]}" for row in range(count)]
        )
    if task == "answer" and pairs:  # the first word of the topic asked for, where there is one
        asked = [f"{LABELS[row % 2]} ?" for row in range(count)]
        found = [tuple(span for span in _spans(text) if span.label == q[:-2])[:1] for q, text in zip(asked, texts)]
        targets = [tuple(Span(s, e, text[s:e]) for s, e, _ in spans) for spans, text in zip(found, texts)]
        return Examples(asked, texts, task=task, targets=targets)
    return None


def _spans(text: str) -> tuple[Span, ...]:
    """Return every word that belongs to a topic, with the topic."""
    topic = {word: label for label, words in zip(LABELS, TOPICS) for word in words}
    found, at = [], 0
    for word in text.split():
        at = text.index(word, at)
        if word in topic:
            found.append(Span(at, at + len(word), topic[word]))
        at += len(word)
    return tuple(found)


def write(task: str, folder: Path) -> tuple[Path, int, int] | None:
    """Write a labelled file; return (path, rows that can be used, rows that cannot), or None as above."""
    made = rows(task, 12)
    if made is None or task == "generate":  # which column is to be written is never guessed from so few rows
        return None
    path = folder / f"{task}.jsonl"
    if task == "classify":
        lines, bad = [{"text": t, "label": LABELS[k]} for t, k in zip(made.items, made.labels)], [{"text": "x"}]
    elif task == "regress":
        lines = [{"text": t, "score": k} for t, k in zip(made.items, made.targets)]
        bad = [{"text": "x", "score": value} for value in ("much", None, "nan")]
    elif task == "multilabel":
        lines = [{"text": t, "labels": list(k)} for t, k in zip(made.items, made.targets)]
        bad = [{"text": "x", "labels": value} for value in (None, "", {"a": 1}, [["a"]])]
    else:
        lines = [{"text": t, "entities": [span._asdict() for span in k]} for t, k in zip(made.items, made.targets)]
        bad = [{"text": "x y", "entities": value} for value in _BAD_SPANS]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in [*lines, *bad]), encoding="utf-8")
    return path, len(lines), len(bad)


_BAD_SPANS = (
    None,
    "film",
    ["film"],
    [{"start": 0, "end": 1}],
    [{"start": 0, "end": 4, "label": "film"}],
    [{"start": 1, "end": 1, "label": "film"}],
    [{"start": 1, "end": 2, "label": "film"}],
    [{"start": True, "end": 3, "label": "film"}],
    [{"start": "0", "end": 3, "label": "film"}],
    [{"start": 0, "end": 2, "label": "film"}, {"start": 0, "end": 3, "label": "food"}],
)
