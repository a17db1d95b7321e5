"""Load any saved tokenizer: ours by the kind written beside it, others by their tokenizer.json."""

from __future__ import annotations

from pathlib import Path

from headstart.base import registry
from headstart.base.contracts import Tokenizer
from headstart.base.errors import HeadstartError
from headstart.base.files import read_json
from headstart.text.fast import KIND_FILE, FastTokenizer


def load_tokenizer(folder: Path | str) -> Tokenizer:
    """Return the tokenizer saved in `folder`; a kind loads through the registry, a plain tokenizer.json as it is.

    Raises HeadstartError: no tokenizer there, unknown kind, damaged files.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise HeadstartError(f"{folder}: no such folder to load a tokenizer from")
    if not (folder / KIND_FILE).is_file():
        return FastTokenizer.load(folder)
    own = read_json(folder / KIND_FILE)
    kind = own.get("kind") if isinstance(own, dict) else None
    if not isinstance(kind, str):
        raise HeadstartError(f"{folder / KIND_FILE}: names no tokenizer kind")
    if kind == "hf":
        return FastTokenizer.load(folder)
    return registry.load("tokenizer", kind)().load(folder)
