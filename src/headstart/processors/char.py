"""Characters: one id per Unicode character (a Hangul syllable is one), rare ones are unknown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tokenizers import decoders, models, normalizers

from headstart.core.errors import HeadstartError
from headstart.core.spec import ProcessorSpec
from headstart.text.fast_tokenizer import FastTokenizer, finish
from headstart.text.rust import Rust
from headstart.text.tokenizer_training import check_size, sample, special_tokens


@dataclass(frozen=True, kw_only=True)
class Characters(ProcessorSpec):
    """vocabulary: the most frequent characters kept, special tokens included (None = all that occur twice).
    sentinels: special tokens for hidden spans (T5), beside the usual 5."""

    vocabulary: int | None = None
    sentinels: int = 0

    def train(self, documents: Iterable[str], vocabulary: int | None = None) -> FastTokenizer:
        """Count characters in one pass over a bounded sample. Raises HeadstartError: fewer than asked for."""
        counts: Counter[str] = Counter()
        for text in sample(documents).texts:
            counts.update(text)
        size = vocabulary or self.vocabulary
        least = 2 if size is None else 1
        ranked = sorted((c for c in counts if counts[c] >= least), key=lambda c: (-counts[c], c))
        if not ranked:
            raise HeadstartError("no character occurs twice in this text; more text is needed")
        specials = special_tokens(self.sentinels)
        written = [*specials, *ranked][:size]
        check_size("char", max(len(written), len(specials) + 1), size or len(written), size is not None)
        model = models.BPE({token: position for position, token in enumerate(written)}, [], unk_token="[UNK]")
        rust = Rust.of_model(model, "char", normalizer=normalizers.NFC(), decoder=decoders.Fuse())
        return finish(rust, "char", specials)

    def load(self, folder: Path) -> FastTokenizer:
        """Read a saved tokenizer; see `FastTokenizer.load`."""
        return FastTokenizer.load(folder)
