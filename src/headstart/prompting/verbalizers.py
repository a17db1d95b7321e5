"""Verbalizers: the words of each class, given by the user, taken from the class names, or searched on labelled rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from headstart.core.errors import HeadstartError, unknown
from headstart.core.json_files import read_json
from headstart.core.processor import Tokenizer
from headstart.core.reason import Reason

Words = tuple[tuple[str, ...], ...]  # of each class; () = the class is never predicted

_WORD = re.compile(r"[가-힣一-鿿ぁ-ヿ]|[^\W\d_]{2}")
_NUMBERED = re.compile(r"(label|class|category|c|y)?[\s_-]*\d+", re.IGNORECASE)
_CANDIDATES = 1_000  # most likely tokens that the search considers
_FOUND = 10  # words kept per class, as in PETAL


def words_of(setting: str, classes: Sequence[str]) -> Words | None:
    """Return the words of each class from the setting, else the class names; None if the names are no words.

    setting: `positive:good,great;negative:bad`, or a JSON file {"positive": ["good", "great"], ...}, or "".
    Raises HeadstartError: a class without words or of another name.
    """
    if not setting:
        names = [re.sub(r"[\s_]+", " ", name).strip() for name in classes]
        plain = all(_WORD.search(name) and not _NUMBERED.fullmatch(name) for name in names)
        return tuple((name,) for name in names) if plain else None
    given = _of_file(Path(setting)) if setting.endswith(".json") else _of_text(setting)
    for name in given:
        if name not in classes:
            raise unknown("class of verbalizer", name, list(classes))
    missing = [name for name in classes if not given.get(name)]
    if missing:
        raise HeadstartError(
            Reason(
                "no_class_words",
                "verbalizer: no words for class {missing}; add '{setting}'",
                missing=tuple(missing[:5]),
                setting=setting_for(classes),
            )
        )
    return tuple(tuple(given[name]) for name in classes)


def setting_for(classes: Sequence[str]) -> str:
    """Return an example of the setting that gives words for these classes."""
    return f"route.verbalizer={';'.join(f'{name}:word,word' for name in classes[:3])}"


def _of_text(setting: str) -> dict[str, list[str]]:
    given = {}
    for part in filter(str.strip, setting.split(";")):
        name, colon, words = part.rpartition(":")
        if not colon:
            raise HeadstartError(
                Reason(
                    "verbalizer_colon",
                    "verbalizer: '{part}' has no colon; write class:word,word;class:word",
                    part=part.strip(),
                )
            )
        given[name.strip()] = [word.strip() for word in words.split(",") if word.strip()]
    return given


def _of_file(path: Path) -> dict[str, list[str]]:
    data = read_json(path)
    fine = isinstance(data, dict) and all(
        isinstance(words, list) and all(isinstance(word, str) for word in words) for words in data.values()
    )
    if not fine:
        raise HeadstartError(
            Reason("verbalizer_file", '{path}: expected {{"class": ["word", ...], ...}}', path=str(path))
        )
    return data


def word_ids(tokenizer: Tokenizer, words: Words, blank: bool) -> list[list[np.ndarray]]:
    """Return the ids of each class's words; blank: a blank stands before them.

    Raises HeadstartError: a word that the vocabulary does not have, two classes with the same word.
    """
    owner: dict[bytes, int] = {}
    found = []
    for place, own in enumerate(words):
        ids = tokenizer.encode([f" {word}" if blank else word for word in own])
        for word, one in zip(own, ids, strict=True):
            if not len(one) or tokenizer.unk_id in one:
                raise HeadstartError(
                    Reason(
                        "unknown_word",
                        "verbalizer: the word '{word}' is not in the vocabulary of the base; take another",
                        word=word,
                    )
                )
            if owner.setdefault(one.tobytes(), place) != place:
                raise HeadstartError(
                    Reason(
                        "word_of_two_classes",
                        "verbalizer: '{word}' stands for two classes; take words that tell them apart",
                        word=word,
                    )
                )
        found.append(ids)
    return found


def known(tokenizer: Tokenizer, words: Words) -> bool:
    """Return whether the vocabulary has these words and they tell the classes apart."""
    try:
        word_ids(tokenizer, words, blank=True)
    except HeadstartError:
        return False
    return True


def search_words(
    tokenizer: Tokenizer, nats_NV: np.ndarray, labels_N: np.ndarray, classes: int, *, blank: bool
) -> Words:
    """Return the words whose likelihood separates each class best (PETAL, Schick, Schmid & Schütze 2020).

    nats_NV: log-likelihood of every token in the slot of each labelled row. After arXiv:2010.13641, section 4: whole
    words with the largest log-likelihood ratio between rows of the class and the mean over rows of other classes, among
    words more likely than by chance in rows of the class, since likelihoods of rare words are noisy.
    """
    whole = _whole_words(tokenizer, nats_NV, blank)
    nats_NK, texts = nats_NV[:, list(whole)].astype(np.float64), list(whole.values())
    seen = np.unique(labels_N)
    mean_SK = np.stack([nats_NK[labels_N == label].mean(0) for label in seen])
    ratio_SK = mean_SK - (mean_SK.sum(0) - mean_SK) / max(1, len(seen) - 1)
    best_K = ratio_SK.argmax(0)  # each word belongs to one class
    found: list[tuple[str, ...]] = [()] * classes
    for place, label in enumerate(seen.tolist()):
        own = np.flatnonzero(best_K == place)
        likely = own[mean_SK[place, own] > -np.log(nats_NV.shape[1])]
        own = likely if len(likely) else own
        order = own[np.argsort(-ratio_SK[place, own], kind="stable")][:_FOUND]
        found[label] = tuple(texts[word] for word in order)
    return tuple(found)


def _whole_words(tokenizer: Tokenizer, nats_NV: np.ndarray, blank: bool) -> dict[int, str]:
    """Return {token: word} of the most likely tokens that are whole words."""
    likely = np.argsort(-np.exp(nats_NV).mean(0), kind="stable")[: 2 * _CANDIDATES].tolist()
    special = {*tokenizer.special_ids, tokenizer.unk_id, tokenizer.mask_id, tokenizer.cls_id, tokenizer.sep_id}
    texts = {token: tokenizer.decode([token]).strip() for token in likely if token not in special}
    texts = {token: text for token, text in texts.items() if _WORD.search(text) and " " not in text}
    again = tokenizer.encode([f" {text}" if blank else text for text in texts.values()])
    whole = {token: text for (token, text), ids in zip(texts.items(), again, strict=True) if ids.tolist() == [token]}
    if not whole:
        raise HeadstartError(
            Reason(
                "no_whole_words",
                "the vocabulary of this base ({tokenizer}) has no whole words that could stand for classes; give a "
                "verbalizer",
                tokenizer=tokenizer.kind,
            )
        )
    return dict(list(whole.items())[:_CANDIDATES])
