"""Save and load a processor: ours by the kind written beside it, those of others by their tokenizer.json."""

from __future__ import annotations

from pathlib import Path

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.json_files import read_json
from headstart.core.manifest import is_listed, need_intact, write_folder
from headstart.core.processor import KIND_FILE, Processor

_OF_OTHERS = "hf"  # kind of a tokenizer.json that another library wrote
_READS_ANY = "wordpiece"  # every choice on the Rust library reads any tokenizer.json
PREPROCESSOR, _READS_IMAGES = "preprocessor_config.json", "pixels"  # of images, as transformers calls it


def save_processor(processor: Processor, folder: Path | str) -> None:
    """Write `processor` as an artefact of its own; an existing `folder` is replaced. Raises DiskError."""
    write_folder(Path(folder), "processor", processor.save)


def load_processor(folder: Path | str) -> Processor:
    """Return the processor saved in `folder`; a kind loads through the registry, a plain tokenizer.json as it is, and
    so does a plain preprocessor_config.json of images.

    A folder with a manifest is compared with it. Raises HeadstartError: no processor there, unknown kind, damage.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise HeadstartError(f"{folder}: no such folder to load a processor from")
    if is_listed(folder):
        need_intact(folder)
    own = read_json(folder / KIND_FILE) if (folder / KIND_FILE).is_file() else {"kind": _OF_OTHERS}
    kind = own.get("kind") if isinstance(own, dict) else None
    if not isinstance(kind, str):
        raise HeadstartError(f"{folder / KIND_FILE}: names no kind of processor")
    if kind == _OF_OTHERS:
        kind = _READS_IMAGES if (folder / PREPROCESSOR).is_file() else _READS_ANY
    return registry.load("processor", kind)().load(folder)
