"""A tokenizer of the Rust library `tokenizers`: the one way to it, on which whatever the library throws is one line.

A panic of the library is no Exception: it would end a comparison of many models for a fault of one. What the library
itself writes to standard error about a panic stays, since only the whole process could turn that off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tokenizers import AddedToken, models, normalizers, trainers
from tokenizers import Tokenizer as Raw

from headstart.core.errors import HeadstartError
from headstart.text.excerpt import excerpt
from headstart.text.flat_ids import flat_ids
from headstart.text.tokenizer_training import batches

_NO_TEXT = (TypeError, UnicodeError)  # half a surrogate pair; the caller mends the text
_PASSED = (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError, HeadstartError)
_LONGEST = 200  # characters of what the library says


class Guarded:
    """A block in which whatever is thrown, panics (no Exception) included, becomes a HeadstartError that begins `what`.

    A wish to stop, a lack of memory and errors that teach already are left as they are.
    """

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if error is not None and not isinstance(error, _PASSED):
            raise HeadstartError(f"{self._what} ({str(error).partition(chr(10))[0][:_LONGEST]})") from None


class Rust:
    """A tokenizer of the Rust library. name: where it was read from, or its kind; every message holds it.

    Every method raises HeadstartError for whatever the library throws.
    """

    __slots__ = ("_raw", "name")

    def __init__(self, raw: Raw, name: str) -> None:
        self._raw, self.name = raw, name

    @classmethod
    def of_model(cls, model: models.Model, name: str, **parts: Any) -> Rust:
        """Return a tokenizer around a model; parts: see `use`."""
        with Guarded(f"{name}: not a tokenizer"):
            made = cls(Raw(model), name)
        made.use(**parts)
        return made

    @classmethod
    def from_str(cls, text: str, name: str) -> Rust:
        """Return the tokenizer that the text of a tokenizer.json describes."""
        with Guarded(f"{name}: not a tokenizer"):
            return cls(Raw.from_str(text), name)

    def to_str(self) -> str:
        """Return the text of its tokenizer.json."""
        with self._whole():
            return self._raw.to_str(pretty=False)

    def use(self, **parts: Any) -> None:
        """Take other parts: normalizer, pre_tokenizer, model, post_processor, decoder."""
        with self._whole():
            for part, value in parts.items():
                setattr(self._raw, part, value)

    def write_small(self) -> None:
        """Write every text in small letters before all else."""
        with self._whole():
            usual, small = self._raw.normalizer, normalizers.Lowercase()
            self._raw.normalizer = small if usual is None else normalizers.Sequence([small, usual])

    def read_plainly(self) -> None:
        """Read special tokens that are written out as text; leave texts as long or short as they are."""
        with self._whole():
            self._raw.encode_special_tokens = True
            self._raw.no_padding()
            self._raw.no_truncation()

    def reads_plainly(self) -> bool:
        """Whether special tokens that are written out are text."""
        with self._whole():
            return self._raw.encode_special_tokens

    def add_special(self, tokens: Sequence[str]) -> None:
        """Make these tokens special; those that are not there yet get the next ids."""
        with self._whole():
            self._raw.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in tokens])

    def special_ids(self) -> list[int]:
        """Return the ids of the special tokens."""
        with self._whole():
            return [number for number, token in self._raw.get_added_tokens_decoder().items() if token.special]

    def size(self) -> int:
        """Return how many ids there are, added tokens included."""
        with self._whole():
            return self._raw.get_vocab_size(with_added_tokens=True)

    def vocabulary(self) -> dict[str, int]:
        """Return the ids of all tokens, added ones included."""
        with self._whole():
            return self._raw.get_vocab(with_added_tokens=True)

    def id_of(self, token: str) -> int | None:
        """Return the id of a token, or None."""
        with self._whole():
            return self._raw.token_to_id(token)

    def token_of(self, number: int) -> str | None:
        """Return the token of an id, or None."""
        with self._whole():
            return self._raw.id_to_token(number)

    def train(self, texts: Sequence[str], trainer: trainers.Trainer) -> None:
        """Train the model on these texts."""
        with Guarded(f"tokenizer {self.name} cannot be trained with vocabulary {trainer.vocab_size:,}"):
            self._raw.train_from_iterator(batches(texts), trainer, length=len(texts))

    def ids(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return (ids of all texts, int64 [T]; how many each text has, int64 [N]), without special tokens.

        Raises TypeError: half a surrogate pair in a text.
        """
        with self._reading(texts):
            return flat_ids(self._raw.encode_batch_fast(texts, add_special_tokens=False))

    def offsets(self, texts: Sequence[str]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return (ids, int64 [T]; where each begins and ends in the text, int64 [T, 2]) of each text; see `ids`."""
        with self._reading(texts):
            found = self._raw.encode_batch(texts, add_special_tokens=False)
            return [(np.array(item.ids, np.int64), np.array(item.offsets, np.int64).reshape(-1, 2)) for item in found]

    def words(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the words of each text as the model gets them: normalised and cut."""
        with self._reading(texts):
            normalizer, cutting = self._raw.normalizer, self._raw.pre_tokenizer
            normal = texts if normalizer is None else [normalizer.normalize_str(text) for text in texts]
            if cutting is None:
                return [[text] for text in normal]
            return [[word for word, _ in cutting.pre_tokenize_str(text)] for text in normal]

    def pieces(self, words: Sequence[str]) -> list[list[tuple[str, int]]]:
        """Return the pieces (token, id) that the model writes each word with."""
        with self._reading(words):
            model = self._raw.model
            return [[(token.value, token.id) for token in model.tokenize(word)] for word in words]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, special tokens left out."""
        with Guarded(f"{self.name}: this tokenizer cannot turn ids into text; take another one"):
            return self._raw.decode(ids, skip_special_tokens=True)

    def _whole(self) -> Guarded:
        return Guarded(f"{self.name}: not a usable tokenizer")

    def _reading(self, texts: Sequence[str]) -> _Reading:
        return _Reading(self._raw, self.name, texts)


class _Reading:
    """A block that reads texts, guarded; of several the first one that fails is named."""

    __slots__ = ("_name", "_raw", "_texts")

    def __init__(self, raw: Raw, name: str, texts: Sequence[str]) -> None:
        self._raw, self._name, self._texts = raw, name, texts

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if error is None or isinstance(error, (*_PASSED, *_NO_TEXT)):
            return
        for text in self._texts:
            with Guarded(f"{self._name}: this tokenizer fails on the text '{excerpt(text)}'; take another one"):
                self._raw.encode_batch([text], add_special_tokens=False)
        with Guarded(f"{self._name}: this tokenizer fails on some texts; take another one"):
            raise error
