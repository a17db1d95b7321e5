"""Unigram language model pieces (Kudo 2018), as SentencePiece writes them: blanks are part of the pieces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, trainers

from headstart.core.spec import ProcessorSpec
from headstart.text.fast_tokenizer import FastTokenizer, finish
from headstart.text.rust import Rust
from headstart.text.tokenizer_training import batches, check_size, common_characters, sample, special_tokens, target

_STAGE_BYTES = 2**20  # the trainer is slow (a suffix array and several rounds of EM): half of the others' sample
_ROUNDS = 3
_CHARACTERS = 0.6  # most of the vocabulary that single characters may take; rarer ones are unknown


@dataclass(frozen=True, kw_only=True)
class Unigram(ProcessorSpec):
    """vocabulary: ids in all (None = from the data). Runs of white space count as one blank. sentinels: special
    tokens for hidden spans (T5), beside the usual 5."""

    vocabulary: int | None = None
    sentinels: int = 0

    def train(self, documents: Iterable[str], vocabulary: int | None = None) -> FastTokenizer:
        """Train on a sample of 1 MiB x (1 + log2(corpus / 1 MiB)). Raises HeadstartError: size out of reach."""
        texts, text_bytes = sample(documents, _STAGE_BYTES)
        size, strict = target(text_bytes, vocabulary, self.vocabulary)
        texts = _without_rare(texts, int(size * _CHARACTERS))
        specials = special_tokens(self.sentinels)
        normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " ")])
        cut = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always"),
                pre_tokenizers.Split(Regex(r"[\[\]<>]"), "isolated"),  # so that no piece spells a special token
            ]
        )
        decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
        rust = Rust.of_model(models.Unigram(), "unigram", normalizer=normalizer, pre_tokenizer=cut, decoder=decoder)
        trainer = trainers.UnigramTrainer(
            vocab_size=size, special_tokens=list(specials), unk_token="[UNK]", show_progress=False
        )
        rust.train(texts, trainer)
        check_size("unigram", rust.size(), size, strict)
        rust.use(model=_settled(rust, texts, specials))
        return finish(rust, "unigram", specials)

    def load(self, folder: Path) -> FastTokenizer:
        """Read a saved tokenizer; see `FastTokenizer.load`."""
        return FastTokenizer.load(folder)


def _without_rare(texts: list[str], most: int) -> list[str]:
    """Blank out the characters beyond the `most` frequent ones: the trainer refuses texts that have too many."""
    kept = set(common_characters(texts, most))
    rare = {ord(c): " " for c in set().union(*texts) - kept if not c.isspace()}
    return [text.translate(rare) for text in texts] if rare else texts


def _settled(rust: Rust, texts: list[str], specials: tuple[str, ...]) -> models.Unigram:
    """Return the model with the scores counted anew by Viterbi segmentation of the sample, three rounds.

    The trainer sums in a random order and its scores differ from run to run in the second decimal; these depend on
    nothing but the pieces and the texts.
    """
    pieces = sorted(piece for piece in rust.vocabulary() if piece not in specials)
    scores = np.full(len(pieces), -1.0)
    head = [(token, 0.0) for token in specials]
    for _ in range(_ROUNDS):
        rust.use(model=models.Unigram(head + list(zip(pieces, scores.tolist())), unk_id=1, byte_fallback=False))
        counts = np.full(len(head) + len(pieces), 0.5)
        for batch in batches(texts):
            counts += np.bincount(rust.ids(batch)[0], minlength=len(counts))
        scores = np.log(counts[len(head) :] / counts[len(head) :].sum())
    ranked = sorted(zip(pieces, scores.tolist()), key=lambda entry: (-entry[1], entry[0]))
    return models.Unigram(head + ranked, unk_id=1, byte_fallback=False)
