"""Occurrences: the built-in ones are sound, files are read with their mistakes named, made ones hide the word."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from headstart.core.errors import HeadstartError
from headstart.inspection.occurrences import pseudo_occurrences, read_occurrences


def corpus(count: int = 6000) -> list[str]:
    """Return documents of twelve topics with words of their own, and some in which all topics meet."""
    source = random.Random(4)
    syllables = "가나다라마바사아자차카타파하거너더러머버서어저처커터퍼허"
    words = [a + b for a in syllables for b in syllables]
    source.shuffle(words)
    topics = [words[20 * n : 20 * n + 20] for n in range(12)]
    common = words[400:440]
    own = [" ".join(source.choices(topics[n % 12], k=6) + source.choices(common, k=4)) for n in range(count)]
    return own + [" ".join(source.sample(words[:240], k=60)) for _ in range(count // 20)]


def test_built_in_homographs():
    found = read_occurrences()
    counts = Counter((item.word, item.sense) for item in found)
    assert len(counts) == 20
    assert set(counts.values()) == {4}
    assert len({item.word for item in found}) == 10
    for item in found:
        assert item.text[item.start : item.end] == item.word
        assert item.start > 0
        assert not item.text[item.start - 1].isalnum()
        assert not item.text[item.end].isalnum()  # the word stands alone, so that it is cut alike


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"word": "배", "text": "그 배 가"}', "line 2: expected"),
        ('{"word": "배", "sense": "x", "text": "배 와 배"}', "line 2: '배' stands 2 times"),
        ('{"word": "배", "sense": "x", "text": "없다"}', "line 2: '배' stands 0 times"),
        ('{"word": "배", "sense": "x", "text": "그 배", "start": 1}', "line 2: '배' does not stand at character 1"),
    ],
)
def test_mistakes_in_a_file_are_named(tmp_path, line, said):
    path = tmp_path / "own.jsonl"
    good = '{"word": "배", "sense": "ship", "text": "배 와 배", "start": 4}\n'
    path.write_text(good, encoding="utf-8")
    assert [(item.start, item.end) for item in read_occurrences(path)] == [(4, 5)]
    path.write_text(good + line + "\n", encoding="utf-8")
    with pytest.raises(HeadstartError, match=said):
        read_occurrences(path)


def test_made_words_hide_which_word_it_was():
    documents = corpus()
    found = pseudo_occurrences(documents, words=10, each=6)
    assert len(found) == 10 * 2 * 6
    texts = set()
    for word in {item.word for item in found}:
        own = [item for item in found if item.word == word]
        senses = Counter(item.sense for item in own)
        assert sorted(senses.values()) == [6, 6]
        assert word not in senses
        for item in own:
            assert item.text[item.start : item.end] == word
            words = item.text.split()
            assert words.count(word) == 1
            assert not set(senses) & set(words)
            restored = item.text[: item.start] + item.sense + item.text[item.end :]
            assert any(restored in document for document in documents)
            texts.add((word, restored))
    assert len(texts) == len(found)
    assert pseudo_occurrences(documents, words=10, each=6) == found
    assert pseudo_occurrences(documents, words=10, each=6, seed=1) != found


def test_the_two_senses_stand_in_unlike_company():
    documents = corpus()
    topic = {}
    for number, document in enumerate(documents[:6000]):
        for word in document.split()[:6]:
            topic[word] = number % 12
    pairs = {item.word: set() for item in pseudo_occurrences(documents, words=10, each=6)}
    for item in pseudo_occurrences(documents, words=10, each=6):
        pairs[item.word].add(topic.get(item.sense))
    assert all(len(topics) == 2 for topics in pairs.values())


def test_a_small_corpus_is_refused():
    with pytest.raises(HeadstartError, match="give a larger --corpus"):
        pseudo_occurrences(corpus(100))
