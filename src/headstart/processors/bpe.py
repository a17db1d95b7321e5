"""Byte-level byte-pair encoding: no unknown tokens, every text comes back exactly (Radford et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from headstart.core.spec import ProcessorSpec
from headstart.text.fast_tokenizer import FastTokenizer, finish
from headstart.text.rust import Rust
from headstart.text.tokenizer_training import PIECE_STAGE_BYTES, check_size, sample, special_tokens, target


@dataclass(frozen=True, kw_only=True)
class BytePair(ProcessorSpec):
    """vocabulary: ids in all, special tokens and 256 bytes included (None = from the data).
    sentinels: special tokens for hidden spans (T5), beside the usual 5."""

    vocabulary: int | None = None
    sentinels: int = 0

    def train(self, documents: Iterable[str], vocabulary: int | None = None) -> FastTokenizer:
        """Train in one pass over a bounded sample. Raises HeadstartError: size out of reach, no text."""
        texts, text_bytes = sample(documents, PIECE_STAGE_BYTES)
        size, strict = target(text_bytes, vocabulary, self.vocabulary)
        specials = special_tokens(self.sentinels)
        rust = Rust.of_model(
            models.BPE(),
            "bpe",
            normalizer=normalizers.NFC(),
            pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
            decoder=decoders.ByteLevel(),
        )
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=2,
            special_tokens=list(specials),
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        rust.train(texts, trainer)
        check_size("bpe", rust.size(), size, strict)
        return finish(rust, "bpe", specials, reversible=True)

    def load(self, folder: Path) -> FastTokenizer:
        """Read a saved tokenizer; see `FastTokenizer.load`."""
        return FastTokenizer.load(folder)
