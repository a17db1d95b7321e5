"""The shared wrapper of all tokenizers that the Rust `tokenizers` library runs, ours and those of others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count, takewhile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from tokenizers.processors import TemplateProcessing

from headstart.core.errors import HeadstartError
from headstart.core.files import write_bytes
from headstart.core.json_files import read_json, write_json
from headstart.core.normal_form import normal_form
from headstart.core.processor import KIND_FILE, Tokenizer
from headstart.text.alignment import compose, mend
from headstart.text.older_files import tokenizer_of_older_files
from headstart.text.piece_ids import PieceIds, walks
from headstart.text.regexes import check_regexes
from headstart.text.rust import Rust
from headstart.text.spaced_ids import SpacedIds, cut_before
from headstart.text.text_parts import RUST_AT_ONCE, encoded_by_parts, text_groups
from headstart.text.tokenizer_training import SPECIALS, sentinel

_MANY = 1 << 13  # characters of texts from which on words are tokenised once
_NAMES = ("pad", "unk", "cls", "sep", "mask")
_DEFAULT = {
    "pad": ("[PAD]", "<pad>"),
    "unk": ("[UNK]", "<unk>"),
    "cls": ("[CLS]", "<s>", "<|endoftext|>"),
    "sep": ("[SEP]", "</s>", "<|endoftext|>"),
    "mask": ("[MASK]", "<mask>"),
}


class FastTokenizer(Tokenizer):
    """A trained or loaded Rust tokenizer with named special tokens.

    Special tokens written out in a text are text: no document can smuggle in a [MASK].
    reversible: whether `decode(encode(x))` is NFC(x) for every text.
    """

    model_file: ClassVar[str] = "tokenizer.json"

    def __init__(self, rust: Rust, kind: str, specials: dict[str, str] | None = None, reversible: bool = False):
        self.rust, self.kind, self.reversible = rust, kind, reversible
        self.specials = dict(zip(_NAMES, SPECIALS)) if specials is None else specials
        rust.read_plainly()
        self.vocabulary = rust.size()
        for name, token in self.specials.items():
            found = rust.id_of(token)
            setattr(self, f"{name}_id", -1 if found is None else found)
        numbered = (rust.id_of(sentinel(number)) for number in count())
        self.sentinel_ids = tuple(takewhile(lambda found: found is not None, numbered))
        self.special_ids = frozenset({*self.sentinel_ids, *rust.special_ids()})
        self._quick: PieceIds | SpacedIds | None = None
        self._asked = False  # whether there can be a quick one

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Return one int64 id array per text; half surrogate pairs, which are no text, count as U+FFFD."""
        ids, lengths_N = self._ids(texts, keep=False)
        ids, end_N = ids.astype(np.int64, copy=False), np.cumsum(lengths_N).tolist()
        return [ids[low:end] for low, end in zip([0, *end_N], end_N)]

    def encode_flat(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """See `Tokenizer.encode_flat`; of much text every word is tokenised once where the tokenizer allows it."""
        return self._ids(texts, keep=True)

    def _ids(self, texts: Sequence[str], *, keep: bool) -> tuple[np.ndarray, np.ndarray]:
        try:
            return self._run([normal_form(text) for text in texts], keep)
        except (TypeError, UnicodeError):
            return self._run([normal_form(mend(text)) for text in texts], keep)

    def _run(self, composed: list[str], keep: bool) -> tuple[np.ndarray, np.ndarray]:
        many = sum(map(len, composed)) >= _MANY
        if many and not self._asked:  # asked once: it writes the whole model out
            self._quick = self._quicker()
            self._asked = True
        if self._quick is None or not many:
            return encoded_by_parts(self._by_rust, composed, RUST_AT_ONCE)
        return self._quick.encode(self.prepare(composed), keep=keep)

    def _by_rust(self, composed: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        return self.rust.ids(self.prepare(list(composed)))

    def _quicker(self) -> PieceIds | SpacedIds | None:
        """Return what tokenises every word once, and as `rust` does; None: words are not tokenised one by one."""
        if walks(self.rust):
            return PieceIds(self.rust)
        before = cut_before(self.rust)
        return SpacedIds(self.rust, before) if before else None

    def __getstate__(self) -> dict[str, Any]:
        """A copy in another process learns its words anew."""
        return self.__dict__ | {"_quick": None, "_asked": False}

    def encode_spans(self, texts: Sequence[str]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return (ids [N], spans [N, 2]) per text; see `Tokenizer.encode_spans`."""
        composed = [compose(text) for text in texts]
        groups = text_groups([item.text for item in composed], RUST_AT_ONCE)
        found = [one for some in groups for one in self._offsets(list(some))]
        return [(ids, item.original(offsets)) for item, (ids, offsets) in zip(composed, found)]

    def _offsets(self, composed: list[str]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return (ids, offsets into the composed text) per text."""
        return self.rust.offsets(self.prepare(composed))

    def prepare(self, composed: list[str]) -> list[str]:
        """Return what the Rust tokenizer is given for NFC texts: the texts."""
        return composed

    def write_small(self) -> None:
        """From here on read every text in small letters, whatever else the tokenizer does to it."""
        self.rust.write_small()
        self._quick, self._asked = None, False

    def decode(self, ids: Sequence[int]) -> str:
        """Return the NFC text of `ids`, special tokens left out; bytes that are no UTF-8 become U+FFFD."""
        kept = [int(i) for i in ids if int(i) not in self.special_ids]
        return normal_form(self.rust.decode(kept))

    def token(self, token_id: int) -> str:
        """Return how one id is written. Raises HeadstartError when there is no such id."""
        written = self.rust.token_of(int(token_id)) if token_id >= 0 else None
        if written is None:
            raise HeadstartError(f"no token {token_id}: ids go from 0 to {self.vocabulary - 1:,}")
        return written

    def save(self, folder: Path) -> None:
        """Write tokenizer.json, its config and special tokens (transformers loads them) and the kind."""
        named = {f"{name}_token": token for name, token in self.specials.items()}
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            **named,
            "clean_up_tokenization_spaces": False,
            "split_special_tokens": True,
            "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
        }
        write_bytes(Path(folder) / self.model_file, self.rust.to_str().encode())
        write_json(Path(folder) / "tokenizer_config.json", config)
        write_json(Path(folder) / "special_tokens_map.json", named)
        write_json(Path(folder) / KIND_FILE, {"kind": self.kind, "reversible": self.reversible})

    @classmethod
    def load(cls, folder: Path) -> FastTokenizer:
        """Read a saved tokenizer or any folder with a tokenizer.json, or with the older files of BERT and GPT-2.

        Raises HeadstartError: missing, damaged, or with a regular expression that may take forever.
        """
        folder = Path(folder)
        path = folder / cls.model_file
        if path.is_file():
            check_regexes(description := read_json(path), str(path))
            rust = Rust.from_str(json.dumps(description, ensure_ascii=False), str(path))
        elif (rust := tokenizer_of_older_files(folder)) is None:
            raise HeadstartError(f"{path}: no such file; a tokenizer folder holds a {cls.model_file}")
        if not path.is_file():  # the tokens are there, and nothing says that they are special
            rust.add_special([*dict.fromkeys(_specials(folder, rust).values())])
        own = read_json(folder / KIND_FILE) if (folder / KIND_FILE).is_file() else {}
        if not isinstance(own, dict):
            raise HeadstartError(f"{folder / KIND_FILE}: not a tokenizer's description")
        return cls(rust, str(own.get("kind", "hf")), _specials(folder, rust), bool(own.get("reversible", False)))


def finish(
    rust: Rust, kind: str, specials: Sequence[str], reversible: bool = False, make: type[FastTokenizer] = FastTokenizer
) -> FastTokenizer:
    """Return a trained Rust tokenizer with its special tokens and the frame [CLS] first [SEP] second [SEP].

    The special tokens have the first ids already: trainers count them in the size that is asked for.
    """
    rust.add_special(specials)
    assert [rust.id_of(token) for token in specials] == list(range(len(specials)))
    frame = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", SPECIALS.index("[CLS]")), ("[SEP]", SPECIALS.index("[SEP]"))],
    )
    rust.use(post_processor=frame)
    return make(rust, kind, reversible=reversible)


def _specials(folder: Path, rust: Rust) -> dict[str, str]:
    """Return the special tokens that the folder's files name, else those of the usual names that exist."""
    named: dict[str, str] = {}
    for file in ("special_tokens_map.json", "tokenizer_config.json"):
        data = read_json(folder / file) if (folder / file).is_file() else {}
        for name in _NAMES:
            token = data.get(f"{name}_token") if isinstance(data, dict) else None
            token = token.get("content") if isinstance(token, dict) else token
            if isinstance(token, str):
                named.setdefault(name, token)
    for name, default in _DEFAULT.items():
        found = next((token for token in default if rust.id_of(token) is not None), None)
        if found is not None:
            named.setdefault(name, found)
    return named
