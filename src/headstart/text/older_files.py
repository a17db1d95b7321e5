"""Tokenizers of other libraries without a tokenizer.json: a vocabulary of WordPiece, or of BPE with its merges."""

from __future__ import annotations

from pathlib import Path

from tokenizers import decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE, WordPiece

from headstart.core.errors import HeadstartError
from headstart.core.json_files import read_json
from headstart.text.rust import Guarded, Rust

_CONFIG = "tokenizer_config.json"


def tokenizer_of_older_files(folder: Path) -> Rust | None:
    """Return what vocab.txt (BERT) or vocab.json with merges.txt (GPT-2, RoBERTa) describes, or None without these.

    Settings are those of tokenizer_config.json, else the usual ones of the family (BERT: lower case). Special tokens
    are the caller's to find. Raises HeadstartError: a model of SentencePiece alone, a damaged file.
    """
    told = read_json(folder / _CONFIG) if (folder / _CONFIG).is_file() else {}
    told = told if isinstance(told, dict) else {}
    if (folder / "vocab.txt").is_file():
        return _wordpiece(folder / "vocab.txt", told)
    if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        with Guarded(f"{folder}: not a tokenizer"):
            model = BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"))
        cut = pre_tokenizers.ByteLevel(add_prefix_space=bool(told.get("add_prefix_space", False)))
        return Rust.of_model(model, str(folder), pre_tokenizer=cut, decoder=decoders.ByteLevel())
    pieces = sorted(path.name for path in folder.glob("*.model")) if folder.is_dir() else []
    if pieces:
        raise HeadstartError(
            f"{folder / pieces[0]}: a model of SentencePiece without a tokenizer.json; make one: "
            "transformers.AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
        )
    return None


def _wordpiece(path: Path, told: dict[str, object]) -> Rust:
    lower, accents = bool(told.get("do_lower_case", True)), told.get("strip_accents")
    unknown = told.get("unk_token", "[UNK]")
    unknown = unknown.get("content", "[UNK]") if isinstance(unknown, dict) else unknown
    with Guarded(f"{path}: not a tokenizer"):
        model = WordPiece.from_file(str(path), unk_token=str(unknown))
    clean = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=bool(told.get("tokenize_chinese_chars", True)),
        strip_accents=None if accents is None else bool(accents),
        lowercase=lower,
    )
    cut, decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    return Rust.of_model(model, str(path), normalizer=clean, pre_tokenizer=cut, decoder=decoder)
