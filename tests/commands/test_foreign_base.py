"""A base that cannot read the texts is named by every verb that uses it, and one that can is not."""

from __future__ import annotations

import pytest

ENGLISH = [f"the film number {a} was a {b} story about people and their houses" for a in range(9) for b in "abcdefgh"]
KOREAN = [f"이 영화는 정말 재미있어요 {a} 다시 보고 싶습니다 {b}" for a in range(9) for b in "가나다라마바사아"]
SAID = "hardly knows these texts"


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    home = tmp_path_factory.mktemp("foreign")
    for name, lines in (("english", ENGLISH), ("korean", KOREAN)):
        (home / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        rows = [f"{line}\t{number % 2}" for number, line in enumerate(lines)]
        (home / f"{name}.tsv").write_text("text\tlabel\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return home


def test_each_verb_says_it_before_it_scores(program, texts, tmp_path):
    base = tmp_path / "base"
    assert program("pretrain", texts / "english.txt", "--out", base, "--steps", 2, "backbone.width=16").code == 0
    for name, expected in (("korean", True), ("english", False)):
        rows, corpus = texts / f"{name}.tsv", texts / f"{name}.txt"
        asked = [
            ("embed", base, corpus, "--out", tmp_path / f"{name}.npy"),
            ("transfer", base, "--data", rows, "--out", tmp_path / f"{name}-task"),
            ("pretrain", corpus, "--base", base, "--out", tmp_path / f"{name}-run", "--steps", 1),
        ]
        for words in asked:
            made = program(*words)
            assert made.code == (2 if words[0] == "pretrain" and expected else 0), made.err
            assert (SAID in made.err) == expected, (words[0], name)
