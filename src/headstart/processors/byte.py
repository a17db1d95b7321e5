"""UTF-8 bytes: 256 ids and 5 special tokens, no training, every text comes back exactly (Xue et al. 2022, ByT5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tokenizers import decoders, models, normalizers, pre_tokenizers

from headstart.core.errors import HeadstartError
from headstart.core.spec import ProcessorSpec
from headstart.text.fast_tokenizer import FastTokenizer, finish
from headstart.text.rust import Rust
from headstart.text.tokenizer_training import special_tokens


@dataclass(frozen=True, kw_only=True)
class Bytes(ProcessorSpec):
    """vocabulary: None or 261 and the sentinels, there is no other size. sentinels: special tokens for hidden spans
    (T5), beside the usual 5. Byte b has the id b + 5 + sentinels."""

    vocabulary: int | None = None
    sentinels: int = 0

    def train(self, documents: Iterable[str], vocabulary: int | None = None) -> FastTokenizer:
        """Return the tokenizer; the documents are not looked at. Raises HeadstartError: another size is set."""
        specials = special_tokens(self.sentinels)
        size = len(specials) + 256
        if self.vocabulary not in (None, size):
            raise HeadstartError(f"tokenizer byte.vocabulary={self.vocabulary}: it is always {size}; leave it out")
        written = [*specials, *_byte_characters()]
        rust = Rust.of_model(
            models.BPE({token: position for position, token in enumerate(written)}, []),
            "byte",
            normalizer=normalizers.NFC(),
            pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            decoder=decoders.ByteLevel(),
        )
        return finish(rust, "byte", specials, reversible=True)

    def load(self, folder: Path) -> FastTokenizer:
        """Read a saved tokenizer; see `FastTokenizer.load`."""
        return FastTokenizer.load(folder)


def _byte_characters() -> list[str]:
    """Return the printable character that stands for each byte 0..255 (the table of GPT-2)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = (byte for byte in range(256) if byte not in printable)
    stands = {byte: chr(byte) for byte in printable} | {byte: chr(256 + rank) for rank, byte in enumerate(others)}
    return [stands[byte] for byte in range(256)]
