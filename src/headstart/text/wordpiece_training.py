"""Training WordPiece models: what the tokenizers `wordpiece` and `morpheme` share."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from headstart.core.errors import HeadstartError
from headstart.text.bert_words import BertWords, reads
from headstart.text.rust import Rust
from headstart.text.tokenizer_training import batches, check_size, common_characters


def train_pieces(
    kind: str, texts: list[str], size: int, strict: bool, characters: float, specials: Sequence[str], mark: str = "##"
) -> Rust:
    """Return a Rust WordPiece tokenizer of `size` ids; with another mark than ##, words are also cut before each mark.

    Characters beyond their share of the ids are unknown. Characters within words are numbered beforehand: the Rust
    library numbers them in random order, and ids would change from run to run.
    Raises HeadstartError: the size was asked for (strict) and is out of reach, a share that is none.
    """
    if not 0 < characters < 1:
        raise HeadstartError(f"tokenizer {kind}.characters={characters}: expected a share between 0 and 1")
    alphabet = common_characters(texts, int(size * characters))
    within = _within(kind, texts, mark) & set(alphabet)
    fixed = [*specials, *(mark + letter for letter in sorted(within))]
    check_size(kind, max(size, len({*fixed, *alphabet})), size, strict)
    entries = _trained(kind, texts, fixed, alphabet, size=size, mark=mark).vocabulary()
    check_size(kind, len(entries), size, strict)
    model = models.WordPiece(entries, unk_token="[UNK]", continuing_subword_prefix=mark, max_input_chars_per_word=100)
    return _pipeline(kind, model, mark)


def _within(kind: str, texts: list[str], mark: str) -> set[str]:
    """Return the characters that stand within words."""
    rust = _pipeline(kind, models.WordPiece(unk_token="[UNK]"), mark)
    if reads(json.loads(rust.to_str())):
        return BertWords(rust).letters_within("\n".join(some) for some in batches(texts))
    return {letter for some in batches(texts) for words in rust.words(some) for word in words for letter in word[1:]}


def _pipeline(kind: str, model: models.Model, mark: str) -> Rust:
    clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=False)
    normalizer = normalizers.Sequence([normalizers.NFC(), clean])
    words = pre_tokenizers.BertPreTokenizer()
    if mark != "##":
        words = pre_tokenizers.Sequence([words, pre_tokenizers.Split(mark, "merged_with_next")])
    decoder = decoders.WordPiece(prefix=mark, cleanup=False)
    return Rust.of_model(model, kind, normalizer=normalizer, pre_tokenizer=words, decoder=decoder)


def _trained(kind: str, texts: list[str], fixed: Sequence[str], alphabet: list[str], *, size: int, mark: str) -> Rust:
    rust = _pipeline(kind, models.WordPiece(unk_token="[UNK]"), mark)
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=list(fixed),
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        continuing_subword_prefix=mark,
        show_progress=False,
    )
    rust.train(texts, trainer)
    return rust
