"""Whole words: runs of letters and digits, and runs of other signs, the commonest kept, most frequent first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tokenizers import models, normalizers, pre_tokenizers

from headstart.core.errors import HeadstartError
from headstart.core.spec import ProcessorSpec
from headstart.text.alignment import mend
from headstart.text.fast_tokenizer import FastTokenizer, finish
from headstart.text.rust import Rust
from headstart.text.tokenizer_training import SPECIALS, batches, check_size, sample

_MOST = 30_000


@dataclass(frozen=True, kw_only=True)
class Words(ProcessorSpec):
    """vocabulary: words kept, 5 special tokens included (None = those that occur `least` times, at most 30,000).

    least: fewest occurrences; lower: fold case. Other words are unknown.
    """

    vocabulary: int | None = None
    least: int = 5
    lower: bool = True

    def train(self, documents: Iterable[str], vocabulary: int | None = None) -> FastTokenizer:
        """Count words in one pass over a bounded sample. Raises HeadstartError: fewer than asked for."""
        parts = [normalizers.NFC(), *([normalizers.Lowercase()] if self.lower else [])]
        normalizer, cutter = normalizers.Sequence(parts), pre_tokenizers.Whitespace()
        rust = Rust.of_model(models.WordLevel(), "word", normalizer=normalizer, pre_tokenizer=cutter)
        counts: Counter[str] = Counter()
        for some in batches(sample(documents).texts):
            for words in rust.words([mend(text) for text in some]):
                counts.update(words)
        for token in SPECIALS:
            counts.pop(token, None)
        size = vocabulary or self.vocabulary
        least = self.least if size is None else 1
        ranked = sorted((word for word in counts if counts[word] >= least), key=lambda word: (-counts[word], word))
        if not ranked:
            raise HeadstartError(f"no word occurs {least} times in this text (tokenizer.least); more text is needed")
        written = [*SPECIALS, *ranked][: size or _MOST]
        check_size("word", max(len(written), len(SPECIALS) + 1), size or len(written), size is not None)
        ids = {token: number for number, token in enumerate(written)}
        rust.use(model=models.WordLevel(ids, unk_token="[UNK]"))
        return finish(rust, "word", SPECIALS)

    def load(self, folder: Path) -> FastTokenizer:
        """Read a saved tokenizer; see `FastTokenizer.load`."""
        return FastTokenizer.load(folder)
