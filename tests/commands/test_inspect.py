"""inspect: senses by layer, neighbours and tokens are printed; what cannot be shown is one line."""

from __future__ import annotations

import json


def test_all_three_at_once(program):
    shown = program(
        "inspect", "mlm", "--senses", "builtin", "--neighbours", "film", "--top", 3, "--tokens", "film 감동"
    )
    assert shown.code == 0, shown.err
    table, near, cut = shown.out.strip().split("\n\n")
    lines = table.splitlines()
    assert "occurrences compared" in lines[0]
    assert lines[2].split() == ["0", "0.500", "0.500", "to", "0.500", "0.500"]
    assert len(lines) == 5  # embeddings, one layer
    assert len(near.splitlines()) == 3
    assert cut.startswith("film 감동")


def test_own_files(program, tmp_path):
    rows = [
        {"word": "film", "sense": sense, "text": f"the film {rest}"}
        for sense, texts in (("a", ("actor", "plot")), ("b", ("soup", "salt")))
        for rest in texts
    ]
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    shown = program("inspect", "mlm", "--senses", path)
    assert shown.code == 0, shown.err
    assert shown.out.startswith("1 words, 4 occurrences compared, 0 left out")


def test_mistakes(program):
    assert "say what to look at" in program("inspect", "mlm").complaint
    assert "no vectors of words" in program("inspect", "halves", "--senses", "builtin").complaint
    assert "larger --corpus" in program("inspect", "mlm", "--senses", "corpus").complaint
    assert "--corpus is for" in program("inspect", "mlm", "--senses", "builtin", "--corpus", "corpus.txt").complaint
    assert "no text to cut" in program("inspect", "mlm", "--tokens", " ").complaint
    assert "--top" in program("inspect", "mlm", "--neighbours", "film", "--top", 0).complaint
