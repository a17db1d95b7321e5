"""Leave for transformers: config.json, model.safetensors and tokenizer files that its Auto classes load as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.exportable import Exportable
from headstart.core.files import write_bytes
from headstart.core.json_files import read_json, write_json
from headstart.core.load_processor import PREPROCESSOR
from headstart.core.processor import Tokenizer
from headstart.core.shapes import TokenShape
from headstart.core.spec import BackboneSpec, ExportSpec
from headstart.core.tensor_files import save_tensors
from headstart.exporting.leave import STANDALONE, Leaves
from headstart.exporting.verified import Answers, read_here
from headstart.interop.names import NameTable, fit_rules, write_state
from headstart.networks.writer import begin_id
from headstart.nn.vector_steps import Affine

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
# Heads whose output is wired as that of a classifier of transformers.
_WIRED = ("classify", "multilabel", "regress")
_POOLED, _AUTO_CLASS = "modeling_pooled", "AutoModelForSequenceClassification"
_AUTO_OF_IMAGES = {"": "Model", "classify": "ModelForImageClassification"}


@dataclass(frozen=True, kw_only=True)
class HfSpec(Leaves, ExportSpec):
    """Nothing to set: the files follow from the model. The output of an objective goes along where it has a class."""

    package: ClassVar[str] = "transformers"
    extra: ClassVar[str] = "zoo"

    def fill(self, source: Exportable, folder: Path) -> str:
        """See `Leaves.fill`."""
        _need_plain(source)
        table = name_table(source.backbone_spec)
        if _own_class(source):
            return write_pooled(source, folder)
        kind, head = _head(source, table)
        _write(source, folder, table, kind, head)
        return _how_to_load(source, folder, kind)

    def opened(self, source: Exportable, folder: Path) -> Callable[[Examples], Answers]:
        """See `Leaves.opened`."""
        from headstart.exporting.transformers_side import opened

        return opened(source, folder, self._kind(source), trusted=_own_class(source))

    def ours(self, source: Exportable) -> Callable[[Examples], Answers]:
        """See `Leaves.ours`."""
        causal = self._kind(source) == "causal"
        if causal and source.processor.sep_id >= 0:  # the text that a model goes on from has no end mark
            return lambda rows: {"logits": [one[:-1] for one in read_here(source, rows, ["logits"])["logits"]]}
        return source.ours or (lambda rows: {})

    def usage(self, source: Exportable) -> str:
        """See `Leaves.usage`."""
        pixels, trusted = source.processor.gives == "pixels", ", trust_remote_code=True" if _own_class(source) else ""
        auto, maker = (_AUTO_OF_IMAGES, "ImageProcessor") if pixels else (_AUTO, "Tokenizer")
        auto = auto[self._kind(source)]
        return (
            f"from transformers import Auto{auto}, Auto{maker}\n\n"
            f'model = Auto{auto}.from_pretrained("FOLDER"{trusted})\n'
            f'reader = Auto{maker}.from_pretrained("FOLDER"{trusted})'
        )

    def _kind(self, source: Exportable) -> str:
        """Return which of the heads that transformers knows goes along, "" for none."""
        return "classify" if _own_class(source) else _head(source, name_table(source.backbone_spec))[0]


def write_network(source: Exportable, folder: Path) -> None:
    """Write the network without any output. Raises HeadstartError: it has no counterpart in transformers."""
    _write(source, folder, name_table(source.backbone_spec), "", None)


def write_pooled(source: Exportable, folder: Path) -> str:
    """Write the network and the steps behind its pooled vector with a class of their own; return how to load them."""
    table, steps = name_table(source.backbone_spec), list(source.answer_steps)[:-1]  # the last one makes probabilities
    if source.pooling not in ("mean", "cls"):
        raise HeadstartError(f"pooling={source.pooling} has no counterpart in transformers; take --to onnx")
    affine = [step for step in steps if isinstance(step, Affine)]
    if any(step.bias is None for step in affine):
        raise HeadstartError("a linear layer without bias has no counterpart in this class; take --to onnx")
    network = _config(source, table, "")
    config = {
        "model_type": "pooled_classifier",
        "architectures": ["PooledForSequenceClassification"],
        "auto_map": {
            "AutoConfig": f"{_POOLED}.PooledConfig",
            _AUTO_CLASS: f"{_POOLED}.PooledForSequenceClassification",
        },
        "network": network,
        "pooling": source.pooling,
        "steps": [step if isinstance(step, str) else "linear" for step in steps],
        "sizes": [affine[0].weight.shape[1], *(step.weight.shape[0] for step in affine)],
        "dtype": "float32",
        **_labels(source),
    }
    tensors = {f"network.{name}": t for name, t in hf_tensors(table, source.backbone, "", None).items()}
    for number, step in enumerate(affine):
        tensors |= {f"linears.{number}.weight": step.weight, f"linears.{number}.bias": step.bias}
    write_json(folder / "config.json", config)
    save_tensors(tensors, folder / "model.safetensors", {"format": "pt"})
    write_bytes(folder / f"{_POOLED}.py", (STANDALONE / f"{_POOLED}.py").read_bytes())
    source.processor.save(folder)
    _fit_tokenizer(folder, table, source.longest, "classify")
    return (
        f"load it with {_AUTO_CLASS}.from_pretrained(FOLDER, trust_remote_code=True), AutoTokenizer likewise; "
        f"the folder carries its class, {_POOLED}.py: transformers has none for the {source.pooling} of the tokens"
    )


def _own_class(source: Exportable) -> bool:
    """Whether no class of transformers is wired as this task model is, and steps behind pooled tokens say it."""
    if source.answer_steps is None or source.processor.gives == "pixels" or not source.task:
        return False
    return source.head is None or source.head.spec.name not in _WIRED or source.head.spec.pooling != "auto"


def _need_plain(source: Exportable) -> None:
    """Raise HeadstartError for what no class of transformers does."""
    if source.prompt:
        raise HeadstartError(
            "this task model reads virtual words in front of every text, which no class of transformers does; "
            "export it --to onnx, or a task of route lora or finetune"
        )
    if source.views != "one":
        raise HeadstartError(
            f"the answers are averaged over versions of an image (test_views={source.views}), which no class of "
            "transformers does; transfer with test_views=one"
        )
    if source.answers is not None and source.answer_steps is None:
        what = "pairs whose texts are read one by one" if source.pairs else "its answers"
        raise HeadstartError(f"no class of transformers gives {what}; take --to onnx")
    if source.answers is not None and source.layer != -1:
        raise HeadstartError(
            f"vectors are read from layer {source.layer}, which no class of transformers does; take --to onnx"
        )


def _write(source: Exportable, folder: Path, table: NameTable, kind: str, head: nn.Module | None) -> None:
    write_json(folder / "config.json", _config(source, table, kind))
    tensors = hf_tensors(table, source.backbone, kind, head)
    save_tensors(tensors, folder / "model.safetensors", {"format": "pt"})
    source.processor.save(folder)
    _fit_tokenizer(folder, table, source.backbone.max_tokens, kind)


def _how_to_load(source: Exportable, folder: Path, kind: str) -> str:
    pixels = source.processor.gives == "pixels"
    auto, files, maker = (
        (_AUTO_OF_IMAGES, PREPROCESSOR, "ImageProcessor") if pixels else (_AUTO, _TOKENIZER, "Tokenizer")
    )
    loader = f"Auto{auto[kind]}.from_pretrained"
    if not kind and source.objective_spec is not None:
        stays = f"the output of objective {source.objective_spec.name} has no counterpart there and stays behind"
        loader += f" ({stays})"
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


def name_table(spec: BackboneSpec) -> NameTable:
    """Return the spec's name table. Raises HeadstartError when it has none."""
    table = spec.HF_NAMES
    if table is None:
        fitting = [name for name in registry.names("backbone") if registry.load("backbone", name).HF_NAMES]
        raise HeadstartError(
            f"backbone {spec.name} does not exist in transformers, so nothing there could load it; "
            f"export works for {', '.join(fitting)}; take --to onnx"
        )
    return table


def _head(model: Exportable, table: NameTable) -> tuple[str, nn.Module | None]:
    """Return which of the table's heads goes along, and its module; ("", None) when an objective has none for it."""
    if model.head is not None:
        spec = model.head.spec
        kind = "classify" if spec.name in _WIRED else spec.name
        if kind not in table.heads:
            raise HeadstartError(
                f"head {kind} on backbone {model.backbone_spec.name} has no counterpart in transformers "
                f"(allowed: {', '.join(table.heads) or 'none'}); take --to onnx"
            )
        if spec.pooling != "auto":
            raise HeadstartError(
                f"a head with pooling '{spec.pooling}' is not wired as in {table.architectures[kind]}; take --to onnx"
            )
        return kind, model.head.plain_output()
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
    return config | (_labels(model) if kind == "classify" else {})


def _labels(model: Exportable) -> dict[str, Any]:
    """Return what config.json says of the answers of a task model."""
    kind = {"multilabel": "multi_label_classification", "regress": "regression"}
    names = model.classes or ("number",)
    return {
        "id2label": {str(number): label for number, label in enumerate(names)},
        "label2id": {label: number for number, label in enumerate(names)},
        "problem_type": kind.get(model.task, "single_label_classification"),
    }


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
