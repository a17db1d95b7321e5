"""WordPiece as BERT uses it (Devlin et al. 2019), without lower-casing; Hangul syllables stay whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer as Rust
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from headstart.base.errors import HeadstartError
from headstart.base.spec import TokenizerSpec
from headstart.text.fast import FastTokenizer, finish
from headstart.text.training import SPECIALS, batches, check_size, common_characters, sample, target

_MARK = "##"


@dataclass(frozen=True, kw_only=True)
class WordPiece(TokenizerSpec):
    """vocabulary: ids in all (None = from the data). characters: share of it for single characters, each of which may
    need two ids (at the start of a word and within one)."""

    vocabulary: int | None = None
    characters: float = 0.35

    def train(self, documents: Iterable[str], vocabulary: int | None = None) -> FastTokenizer:
        """Train in one pass over a bounded sample. Raises HeadstartError: size out of reach, no text.

        Characters beyond the share are unknown. Training runs twice in the Rust library, which numbers the
        characters within words in random order otherwise: ids would change from run to run.
        """
        texts = sample(documents)
        size, strict = target(texts, vocabulary, self.vocabulary)
        if not 0 < self.characters < 1:
            raise HeadstartError(f"tokenizer wordpiece.characters={self.characters}: expected a share between 0 and 1")
        alphabet = common_characters(texts, int(size * self.characters))
        first = _trained(texts, len(SPECIALS), SPECIALS, alphabet)
        within = sorted(token for token in first.get_vocab() if len(token) == 3 and token.startswith(_MARK))
        fixed = [*SPECIALS, *within]
        check_size("wordpiece", max(size, len(fixed) + len(alphabet)), size, strict)
        entries = _trained(texts, size, fixed, alphabet).get_vocab()
        check_size("wordpiece", len(entries), size, strict)
        model = models.WordPiece(
            entries, unk_token="[UNK]", continuing_subword_prefix=_MARK, max_input_chars_per_word=100
        )
        return finish(_pipeline(model), "wordpiece")

    def load(self, folder: Path) -> FastTokenizer:
        """Read a saved tokenizer; see `FastTokenizer.load`."""
        return FastTokenizer.load(folder)


def _pipeline(model: models.Model) -> Rust:
    rust = Rust(model)
    clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=False)
    rust.normalizer = normalizers.Sequence([normalizers.NFC(), clean])
    rust.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    rust.decoder = decoders.WordPiece(prefix=_MARK, cleanup=False)
    return rust


def _trained(texts: list[str], size: int, fixed: Iterable[str], alphabet: list[str]) -> Rust:
    rust = _pipeline(models.WordPiece(unk_token="[UNK]"))
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=list(fixed),
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        continuing_subword_prefix=_MARK,
        show_progress=False,
    )
    rust.train_from_iterator(batches(texts), trainer, length=len(texts))
    return rust
