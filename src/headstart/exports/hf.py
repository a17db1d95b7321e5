"""Leave for transformers: config.json, model.safetensors and tokenizer files that its Auto classes load as they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor, nn

from headstart.backbones.writer import begin_id
from headstart.base import registry
from headstart.base.errors import HeadstartError
from headstart.base.files import read_json, write_bytes, write_folder, write_json
from headstart.base.spec import ExportSpec
from headstart.interop.names import NameTable, fit_rules, write_state

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
_WRITES = {"mlm_nsp": "mlm", "distil": "mlm", "span": "generate"}  # objectives whose head is that of a task


@dataclass(frozen=True, kw_only=True)
class HfSpec(ExportSpec):
    """Nothing to set: the files follow from the model."""

    def write(self, artefact_or_task: Any, folder: Path) -> str:
        """Write a new `folder` whole or not at all; return one line that says how to load it.

        artefact_or_task: has `backbone`, `backbone_spec`, `tokenizer`, and either `objective` (its `head` goes along
        when transformers knows it) or `head` and `classes` of a fine-tuned model. Raises HeadstartError when the
        network has no counterpart there, or when `folder` holds other files.
        """
        folder = Path(folder)
        if getattr(artefact_or_task, "prompt", 0):
            raise HeadstartError(
                "this task model reads virtual words in front of every text, which no class of transformers does; "
                "export the run itself, or a task of route lora or finetune"
            )
        table = _table(getattr(artefact_or_task, "backbone_spec", None))
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise HeadstartError(f"{folder} is not empty: export writes a new folder, choose another name")
        kind, head = _head(artefact_or_task, table)
        config = _config(artefact_or_task, table, kind)
        tensors = hf_tensors(table, artefact_or_task.backbone, kind, head)

        def fill(temporary: Path) -> None:
            write_json(temporary / "config.json", config)
            write_bytes(temporary / "model.safetensors", save(tensors, metadata={"format": "pt"}))
            artefact_or_task.tokenizer.save(temporary)
            _fit_tokenizer(temporary, table, artefact_or_task.backbone.max_tokens, kind)

        write_folder(folder, fill)
        loader = f"Auto{_AUTO[kind]}.from_pretrained"
        objective = getattr(artefact_or_task, "objective_spec", None)
        if not kind and objective is not None:
            loader += f" (the output of objective {objective.name} has no counterpart there and stays behind)"
        if not (folder / _TOKENIZER).is_file():
            missing = f"tokenizer {artefact_or_task.tokenizer.kind} does not exist there"
            return f"{loader} loads the network; {missing}, make the ids with headstart"
        return f"load it with {loader} and AutoTokenizer.from_pretrained"


def hf_tensors(table: NameTable, backbone: nn.Module, kind: str, head: nn.Module | None) -> dict[str, Tensor]:
    """Return all tensors under transformers' names; kind: one of the table's heads, or `` (backbone alone)."""
    state = {name: tensor.detach().cpu() for name, tensor in backbone.state_dict().items()}
    prefix = table.prefix if head is not None else ""
    tensors = {prefix + name: t for name, t in write_state(fit_rules(table.backbone, state), state).items()}
    if head is not None:
        extra = {name: tensor.detach().cpu() for name, tensor in head.state_dict().items()}
        tensors.update(write_state(fit_rules(table.heads[kind], extra), extra))
    return tensors


def _table(spec: Any) -> NameTable:
    """Return the spec's name table. Raises HeadstartError when it has none."""
    if spec is None:
        raise HeadstartError(
            "this task model holds no network that transformers could load (its route only reads vectors or words); "
            "export the run itself, or a task of route finetune or scratch"
        )
    table = getattr(spec, "HF_NAMES", None)
    if table is None:
        fitting = [name for name in registry.names("backbone") if hasattr(registry.load("backbone", name), "HF_NAMES")]
        raise HeadstartError(
            f"backbone {spec.name} does not exist in transformers, so nothing there could load it; "
            f"export works for {', '.join(fitting)}; headstart itself serves {spec.name} as it is"
        )
    return table


def _head(model: Any, table: NameTable) -> tuple[str, nn.Module | None]:
    """Return which of the table's heads goes along, and its module; ("", None) when an objective has none for it."""
    if (head := getattr(model, "head", None)) is not None:
        spec = getattr(head, "spec", None)
        kind = spec.name if spec is not None else "classify"
        if kind not in table.heads:
            raise HeadstartError(
                f"head {kind} on backbone {model.backbone_spec.name} has no counterpart in transformers "
                f"(allowed: {', '.join(table.heads) or 'none'}); headstart itself serves it as it is"
            )
        if getattr(spec, "pooling", "auto") != "auto":
            raise HeadstartError(
                f"a head with pooling '{spec.pooling}' is not wired as in {table.architectures[kind]}; "
                "export needs head.pooling=auto"
            )
        return kind, getattr(head, "output", head)
    objective = getattr(model, "objective", None)
    if "detect" in table.heads and hasattr(objective, "detect"):
        return "detect", objective.detect
    name = type(objective).__module__.rpartition(".")[2]
    kind = _WRITES.get(name, name)
    return (kind, objective.head) if kind in table.heads else ("", None)


def _config(model: Any, table: NameTable, kind: str) -> dict[str, Any]:
    """Return the whole config.json."""
    tokenizer = model.tokenizer
    config = model.backbone_spec.to_hf_config(vocabulary=model.backbone.vocabulary, pad_id=tokenizer.pad_id)
    config["architectures"] = [table.architectures[kind] if kind else table.architecture]
    config["dtype"] = "float32"
    for name, token in (("cls_token_id", tokenizer.cls_id), ("sep_token_id", tokenizer.sep_id)):
        config[name] = token if token >= 0 else None
    config["bos_token_id"], config["eos_token_id"] = config["cls_token_id"], config["sep_token_id"]
    if kind == "generate":
        config["decoder_start_token_id"] = begin_id(tokenizer)
    if kind == "classify":
        config["id2label"] = {str(number): label for number, label in enumerate(model.classes)}
        config["label2id"] = {label: number for number, label in enumerate(model.classes)}
        config["problem_type"] = "single_label_classification"
    return config


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
