"""Leave for transformers: config.json, model.safetensors and tokenizer files that its Auto classes load as they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor, nn

from headstart.core import registry
from headstart.core.contracts import Exportable
from headstart.core.errors import HeadstartError
from headstart.core.files import read_json, write_bytes, write_json
from headstart.core.load_processor import PREPROCESSOR
from headstart.core.manifest import write_folder
from headstart.core.processor import Tokenizer
from headstart.core.shapes import TokenShape
from headstart.core.spec import BackboneSpec, ExportSpec
from headstart.interop.names import NameTable, fit_rules, write_state
from headstart.networks.writer import begin_id

_TOKENIZER = "tokenizer_config.json"
_RULES = "tokenizer.json"
_AUTO = {
    "": "Model",
    "mlm": "ModelForMaskedLM",
    "causal": "ModelForCausalLM",
    "generate": "ModelForSeq2SeqLM",
    "detect": "ModelForPreTraining",
    "classify": "ModelForSequenceClassification",
}
_AUTO_OF_IMAGES = {"": "Model", "classify": "ModelForImageClassification"}


@dataclass(frozen=True, kw_only=True)
class HfSpec(ExportSpec):
    """Nothing to set: the files follow from the model."""

    def write(self, source: Exportable, folder: Path) -> str:
        """Write a new `folder` whole or not at all; return one line that says how to load it.

        The output of an objective goes along when transformers knows it. Raises HeadstartError when the network has no
        counterpart there, or when `folder` holds other files.
        """
        folder = Path(folder)
        if source.prompt:
            raise HeadstartError(
                "this task model reads virtual words in front of every text, which no class of transformers does; "
                "export the run itself, or a task of route lora or finetune"
            )
        table = _table(source.backbone_spec)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise HeadstartError(f"{folder} is not empty: export writes a new folder, choose another name")
        kind, head = _head(source, table)
        config = _config(source, table, kind)
        tensors = hf_tensors(table, source.backbone, kind, head)

        def fill(temporary: Path) -> None:
            write_json(temporary / "config.json", config)
            write_bytes(temporary / "model.safetensors", save(tensors, metadata={"format": "pt"}))
            source.processor.save(temporary)
            _fit_tokenizer(temporary, table, source.backbone.max_tokens, kind)

        write_folder(folder, "export", fill)
        pixels = source.processor.gives == "pixels"
        auto, files, maker = (
            (_AUTO_OF_IMAGES, PREPROCESSOR, "ImageProcessor") if pixels else (_AUTO, _TOKENIZER, "Tokenizer")
        )
        loader = f"Auto{auto[kind]}.from_pretrained"
        if not kind and source.objective_spec is not None:
            loader += (
                f" (the output of objective {source.objective_spec.name} has no counterpart there and stays behind)"
            )
        if not (folder / files).is_file():
            what, made = ("image processor", "pixels") if pixels else ("tokenizer", "ids")
            missing = f"{what} {source.processor.kind} does not exist there"
            return f"{loader} loads the network; {missing}, make the {made} with headstart"
        return f"load it with {loader} and Auto{maker}.from_pretrained"


def hf_tensors(table: NameTable, backbone: nn.Module, kind: str, head: nn.Module | None) -> dict[str, Tensor]:
    """Return all tensors under transformers' names; kind: one of the table's heads, or `` (backbone alone)."""
    state = {name: tensor.detach().cpu() for name, tensor in backbone.state_dict().items()}
    prefix = table.prefix if head is not None else ""
    tensors = {prefix + name: t for name, t in write_state(fit_rules(table.backbone, state), state).items()}
    if head is not None:
        extra = {name: tensor.detach().cpu() for name, tensor in head.state_dict().items()}
        tensors.update(write_state(fit_rules(table.heads[kind], extra), extra))
    return tensors


def _table(spec: BackboneSpec) -> NameTable:
    """Return the spec's name table. Raises HeadstartError when it has none."""
    table = spec.HF_NAMES
    if table is None:
        fitting = [name for name in registry.names("backbone") if registry.load("backbone", name).HF_NAMES]
        raise HeadstartError(
            f"backbone {spec.name} does not exist in transformers, so nothing there could load it; "
            f"export works for {', '.join(fitting)}; headstart itself serves {spec.name} as it is"
        )
    return table


def _head(model: Exportable, table: NameTable) -> tuple[str, nn.Module | None]:
    """Return which of the table's heads goes along, and its module; ("", None) when an objective has none for it."""
    if model.head is not None:
        spec = model.head.spec
        kind = spec.name
        if kind not in table.heads:
            raise HeadstartError(
                f"head {kind} on backbone {model.backbone_spec.name} has no counterpart in transformers "
                f"(allowed: {', '.join(table.heads) or 'none'}); headstart itself serves it as it is"
            )
        if spec.pooling != "auto":
            raise HeadstartError(
                f"a head with pooling '{spec.pooling}' is not wired as in {table.architectures[kind]}; "
                "export needs head.pooling=auto"
            )
        return kind, model.head.output
    kind, output = (model.objective and model.objective.named_head()) or ("", None)
    return (kind, output) if kind in table.heads else ("", None)


def _config(model: Exportable, table: NameTable, kind: str) -> dict[str, Any]:
    """Return the whole config.json."""
    shape = model.processor.shape
    if isinstance(shape, TokenShape):
        shape = replace(shape, vocabulary=model.backbone.vocabulary)
    config = model.backbone_spec.to_hf_config(shape)
    config["architectures"] = [table.architectures[kind] if kind else table.architecture]
    config["dtype"] = "float32"
    if model.processor.gives == "tokens":
        config |= _special_tokens(model.processor)
    if kind == "generate":
        config["decoder_start_token_id"] = begin_id(model.processor)
    if kind == "classify":
        config["id2label"] = {str(number): label for number, label in enumerate(model.classes)}
        config["label2id"] = {label: number for number, label in enumerate(model.classes)}
        config["problem_type"] = "single_label_classification"
    return config


def _special_tokens(tokenizer: Tokenizer) -> dict[str, int | None]:
    """Return the ids of the special tokens by their names there; None where there is no such token."""
    cls_id, sep_id = (token if token >= 0 else None for token in (tokenizer.cls_id, tokenizer.sep_id))
    return {"cls_token_id": cls_id, "sep_token_id": sep_id, "bos_token_id": cls_id, "eos_token_id": sep_id}


def _fit_tokenizer(folder: Path, table: NameTable, longest: int | None, kind: str) -> None:
    """Make the saved tokenizer hand the model what it takes, so that `model(**tokenizer(text))` works.

    For a masked LM a written [MASK] becomes the mask, which their fill-mask pipeline relies on; otherwise special
    tokens in a text stay text, as in headstart. For a causal LM a text gets no end mark: the model goes on from it.
    """
    if not (folder / _TOKENIZER).is_file():
        return
    settings = read_json(folder / _TOKENIZER) | {"model_input_names": list(table.inputs)}
    if longest is not None:
        settings["model_max_length"] = longest
    if kind == "mlm":
        settings["split_special_tokens"] = False
    write_json(folder / _TOKENIZER, settings)
    if kind == "causal":
        rules = read_json(folder / _RULES)
        frame = (rules.get("post_processor") or {}).get("single", [])
        if frame and "SpecialToken" in frame[-1]:
            write_json(folder / _RULES, rules | {"post_processor": rules["post_processor"] | {"single": frame[:-1]}})
