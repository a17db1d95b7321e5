"""WordPiece as BERT uses it (Devlin et al. 2019), without lower-casing; Hangul syllables stay whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from headstart.core.spec import ProcessorSpec
from headstart.text.fast_tokenizer import FastTokenizer, finish
from headstart.text.tokenizer_training import PIECE_STAGE_BYTES, sample, special_tokens, target
from headstart.text.wordpiece_training import train_pieces


@dataclass(frozen=True, kw_only=True)
class WordPiece(ProcessorSpec):
    """vocabulary: ids in all (None = from the data). characters: share of it for single characters, each of which may
    need two ids (at the start of a word and within one). sentinels: special tokens for hidden spans (T5), beside the
    usual 5."""

    vocabulary: int | None = None
    characters: float = 0.35
    sentinels: int = 0

    def train(self, documents: Iterable[str], vocabulary: int | None = None) -> FastTokenizer:
        """Train in one pass over a bounded sample. Raises HeadstartError: size out of reach, no text."""
        texts, text_bytes = sample(documents, PIECE_STAGE_BYTES)
        size, strict = target(text_bytes, vocabulary, self.vocabulary)
        specials = special_tokens(self.sentinels)
        return finish(train_pieces("wordpiece", texts, size, strict, self.characters, specials), "wordpiece", specials)

    def load(self, folder: Path) -> FastTokenizer:
        """Read a saved tokenizer; see `FastTokenizer.load`."""
        return FastTokenizer.load(folder)
