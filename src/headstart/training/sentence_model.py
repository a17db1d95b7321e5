"""A folder of sentence-transformers, read as its modules.json says, or refused: nothing is left out in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from headstart.core.errors import HeadstartError
from headstart.core.json_files import read_json
from headstart.core.tensor_files import load_tensors
from headstart.interop.huggingface import WEIGHTS
from headstart.nn.sentence_head import ACTIVATIONS, Dense, SentenceHead
from headstart.text.fast_tokenizer import FastTokenizer

MODULES = "modules.json"
_POOLING = "1_Pooling"
_LEAST_WINDOW = 3  # tokens: two special ones and a word
_KNOWN = {"mean": "mean", "cls": "cls", "mean_tokens": "mean", "cls_token": "cls"}


class SentenceModel(NamedTuple):
    """network: the folder of the network. pooling: mean or cls. head: what else belongs to a vector, or None. lower:
    texts are read in small letters, by whatever learns from the network too."""

    network: Path
    pooling: str
    head: SentenceHead | None
    lower: bool = False


def read_sentence_model(folder: Path) -> SentenceModel | None:
    """Return what a folder of sentence-transformers describes, or None for another folder.

    Raises HeadstartError: modules, poolings or activations that are not read here.
    """
    if not (folder / MODULES).is_file():
        described = folder / _POOLING / "config.json"
        return SentenceModel(folder, _pooling(described), None) if described.is_file() else None
    modules = read_json(folder / MODULES)
    if not isinstance(modules, list) or not all(isinstance(one, dict) for one in modules):
        raise HeadstartError(f"{folder / MODULES}: expected a list of modules")
    network, pooling, layers, unit = None, "", [], False
    for module in modules:
        kind, place = str(module.get("type", "")).rpartition(".")[2], folder / str(module.get("path", ""))
        if kind == "Transformer" and network is None:
            network = place
        elif kind == "Pooling" and network is not None and not pooling:
            pooling = _pooling(place / "config.json")
        elif kind == "Dense" and pooling:
            if unit:
                raise _refused(folder, "module 'Dense' after 'Normalize'")
            layers.append(_dense(place))
        elif kind == "Normalize" and pooling:
            unit = True
        elif kind != "Dropout":
            raise _refused(folder, f"module '{kind}'")
    if network is None or not pooling:
        raise _refused(folder, "a model without Transformer and Pooling")
    told = _told(network)
    head = _head(folder, told, tuple(layers), unit)
    return SentenceModel(network, pooling, head, bool(told.get("do_lower_case", False)))


def _told(network: Path) -> dict[str, Any]:
    """Return what is said of the texts; older versions called the file by the kind of the network."""
    files = sorted(network.glob("sentence_*_config.json"))
    return _object(files[0]) if files else {}


def _head(folder: Path, told: dict[str, Any], layers: tuple[Dense, ...], unit: bool) -> SentenceHead | None:
    prompts = _object(folder / "config_sentence_transformers.json")
    named, known = prompts.get("default_prompt_name"), prompts.get("prompts") or {}
    if not isinstance(known, dict):
        raise _refused(folder, "prompts without names")
    if named is not None and named not in known:
        raise _refused(folder, f"default_prompt_name '{named}' without such a prompt")
    window = told.get("max_seq_length")
    if isinstance(window, int) and window < _LEAST_WINDOW:
        raise _refused(folder, f"max_seq_length {window}, in which no word fits,")
    head = SentenceHead(
        layers=layers,
        unit=unit,
        prompt=str(known[named]) if named is not None else "",
        window=window if isinstance(window, int) else None,
    )
    return None if head == SentenceHead() else head


def suit_tokenizer(folder: Path, model: SentenceModel, tokenizer: Any, width: int | None) -> None:
    """Let the tokenizer of the network write small letters where the model does; width: of the network.

    Raises HeadstartError: a dense layer does not take what comes before it.
    """
    if model.lower and isinstance(tokenizer, FastTokenizer):
        tokenizer.write_small()
    for number, layer in enumerate(model.head.layers if model.head else ()):
        made, taken = layer.weight.shape
        if width is not None and taken != width:
            raise HeadstartError(
                f"{folder}: dense layer {number + 1} takes vectors of {taken:,} numbers, and {width:,} come before it; "
                "the folder mixes the parts of several models"
            )
        width = made


def _pooling(path: Path) -> str:
    """Return mean or cls; both forms of the file are read: a name, or a truth value for each mode."""
    told = _object(path)
    modes = [name for name, on in told.items() if name.startswith("pooling_mode_") and on is True]
    named = told.get("pooling_mode")
    modes = [named] if isinstance(named, str) else named if isinstance(named, list) else modes
    known = [_KNOWN.get(str(mode).removeprefix("pooling_mode_")) for mode in modes]
    if len(known) != 1 or known[0] is None:
        raise _refused(path.parent.parent, f"pooling {' with '.join(map(str, modes)) or 'of no mode'}")
    if told.get("include_prompt") is False:
        raise _refused(path.parent.parent, "pooling without the prompt (include_prompt=false)")
    return known[0]


def _dense(place: Path) -> Dense:
    if not (place / "config.json").is_file():
        raise _refused(place.parent, f"a dense layer without {place.name}/config.json")
    told = _object(place / "config.json")
    activation = str(told.get("activation_function", "Tanh")).rpartition(".")[2]
    if activation not in ACTIVATIONS:
        raise _refused(place.parent, f"activation {activation}")
    if not (place / WEIGHTS).is_file() and (place / "pytorch_model.bin").is_file():
        raise HeadstartError(
            f"{place / 'pytorch_model.bin'}: pickled weights can run code and are never opened; save the model again "
            "with sentence-transformers: SentenceTransformer(FOLDER).save(OUT)"
        )
    tensors = load_tensors(place / WEIGHTS)
    if "linear.weight" not in tensors:
        raise HeadstartError(f"{place / WEIGHTS}: no tensor linear.weight")
    return Dense(tensors["linear.weight"].float(), _float(tensors.get("linear.bias")), activation)


def _float(tensor: Any) -> Any:
    return None if tensor is None else tensor.float()


def _object(path: Path) -> dict[str, Any]:
    told = read_json(path) if path.is_file() else {}
    return told if isinstance(told, dict) else {}


def _refused(folder: Path, what: str) -> HeadstartError:
    return HeadstartError(
        f"{folder}: {what} of sentence-transformers is not read here; without {MODULES} the network alone is read, by "
        "the mean of its tokens"
    )
