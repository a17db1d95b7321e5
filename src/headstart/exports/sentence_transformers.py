"""Leave for sentence-transformers: SentenceTransformer gives equal vectors; a bag of n-grams brings its own module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.exportable import Exportable
from headstart.core.files import make_folder, write_bytes
from headstart.core.json_files import write_json
from headstart.core.spec import ExportSpec
from headstart.core.tensor_files import save_tensors
from headstart.exporting.leave import STANDALONE, Leaves
from headstart.exporting.transformers_side import be_quiet
from headstart.exporting.verified import Answers, read_here
from headstart.exports.hf import write_network
from headstart.nn.sentence_head import ACTIVATIONS
from headstart.nn.vector_steps import UNIT, Affine, VectorSteps

_MODULES = "sentence_transformers.models."
_BAGS = ("ngram_bag", "ngram_conv")
_OWN_MODULE = ("ngram_tokenizer.py", "ngram_module.py")


@dataclass(frozen=True, kw_only=True)
class SentenceTransformersSpec(Leaves, ExportSpec):
    """Nothing to set: the modules follow from how the model reads a vector."""

    package: ClassVar[str] = "sentence-transformers"
    extra: ClassVar[str] = "sentence-transformers"

    def fill(self, source: Exportable, folder: Path) -> str:
        """See `Leaves.fill`."""
        if source.processor.takes == "image":
            raise HeadstartError("sentence-transformers reads texts, and this model reads images; take --to onnx or hf")
        if source.layer != -1:
            where = f"vectors are read from layer {source.layer}"
            raise HeadstartError(f"{where}, and sentence-transformers reads the last one; take --to onnx")
        own = source.backbone_spec.name in _BAGS
        modules = self._bag(source, folder) if own else self._network(source, folder)
        for number, (kind, settings, tensors) in enumerate(_vector_modules(source), len(modules)):
            place = folder / f"{number}_{kind}"
            make_folder(place)
            if settings:
                write_json(place / "config.json", settings)
            if tensors:
                save_tensors(tensors, place / "model.safetensors")
            modules.append({"path": place.name, "type": _MODULES + kind})
        write_json(folder / "modules.json", [{"idx": n, "name": str(n), **one} for n, one in enumerate(modules)])
        prompts = {"prompts": {"text": source.text_prompt}, "default_prompt_name": "text"} if source.text_prompt else {}
        write_json(folder / "config_sentence_transformers.json", {**prompts, "similarity_fn_name": "cosine"})
        trusted = ", trust_remote_code=True" if own else ""
        why = "; the folder carries its module, ngram_module.py, which no library has" if own else ""
        return f"load it with SentenceTransformer(FOLDER{trusted}){why}"

    def _bag(self, source: Exportable, folder: Path) -> list[dict[str, Any]]:
        """Write a bag of n-grams with the module that computes it; return the modules."""
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in source.backbone.state_dict().items()}
        save_tensors(state, folder / "model.safetensors", {"format": "pt"})
        source.processor.save(folder)
        write_json(folder / "config.json", {"model_type": "ngram_bag"})
        for name in _OWN_MODULE:
            write_bytes(folder / name, (STANDALONE / name).read_bytes())
        return [{"path": "", "type": "ngram_module.NgramModule"}]

    def _network(self, source: Exportable, folder: Path) -> list[dict[str, Any]]:
        """Write a network of transformers and the pooling; return the modules."""
        if source.pooling not in ("mean", "cls"):
            raise HeadstartError(f"pooling={source.pooling} does not exist in sentence-transformers; take --to onnx")
        write_network(source, folder)
        if not (folder / "tokenizer_config.json").is_file():
            raise HeadstartError(f"tokenizer {source.processor.kind} does not exist in transformers; take --to onnx")
        write_json(
            folder / "sentence_bert_config.json",
            {"max_seq_length": source.window or source.backbone.max_tokens, "do_lower_case": False},
        )
        make_folder(folder / "1_Pooling")
        modes = {
            "pooling_mode_cls_token": source.pooling == "cls",
            "pooling_mode_mean_tokens": source.pooling == "mean",
        }
        width = {"word_embedding_dimension": source.backbone.width}
        write_json(folder / "1_Pooling" / "config.json", width | modes)
        return [{"path": "", "type": _MODULES + "Transformer"}, {"path": "1_Pooling", "type": _MODULES + "Pooling"}]

    def opened(self, source: Exportable, folder: Path) -> Callable[[Examples], Answers]:
        """See `Leaves.opened`."""
        from sentence_transformers import SentenceTransformer

        be_quiet()
        model = SentenceTransformer(str(folder), trust_remote_code=source.backbone_spec.name in _BAGS, device="cpu")
        return lambda rows: {"vectors": model.encode(list(rows.items), batch_size=32, show_progress_bar=False)}

    def ours(self, source: Exportable) -> Callable[[Examples], Answers]:
        """See `Leaves.ours`: the vectors that the task reads, or those of the model."""
        if source.head is None and source.answers is None:
            return source.ours
        return lambda rows: {"vectors": item_vectors(source, rows)}

    def usage(self, source: Exportable) -> str:
        """See `Leaves.usage`."""
        trusted = ", trust_remote_code=True" if source.backbone_spec.name in _BAGS else ""
        return (
            "from sentence_transformers import SentenceTransformer\n\n"
            f'model = SentenceTransformer("FOLDER"{trusted})\nvectors = model.encode(["a text", "another"])'
        )


def item_vectors(source: Exportable, rows: Examples) -> Any:
    """Return the vectors [N, D] of the first items: pooled by the network here, then `vector_steps`."""
    texts = [source.text_prompt + item for item in rows.items]
    pooled_ND = torch.from_numpy(np.stack(read_here(source, Examples(texts), ["pooled"])["pooled"]))
    with torch.no_grad():
        return VectorSteps(source.vector_steps)(pooled_ND).numpy()


def _vector_modules(source: Exportable) -> list[tuple[str, dict[str, Any], dict[str, torch.Tensor]]]:
    """Return (class, config, tensors) of the modules behind pooling."""
    modules: list[tuple[str, dict[str, Any], dict[str, torch.Tensor]]] = []
    steps = list(source.vector_steps)
    while steps:
        step = steps.pop(0)
        if step == UNIT:
            modules.append(("Normalize", {}, {}))
            continue
        assert isinstance(step, Affine), f"step {step} follows no linear layer"
        after = steps.pop(0) if steps and steps[0] in ACTIVATIONS else "Identity"
        place = "linear.Identity" if after == "Identity" else f"activation.{after}"
        settings = {
            "in_features": step.weight.shape[1],
            "out_features": step.weight.shape[0],
            "bias": step.bias is not None,
            "activation_function": f"torch.nn.modules.{place}",
        }
        tensors = {"linear.weight": step.weight} | ({} if step.bias is None else {"linear.bias": step.bias})
        modules.append(("Dense", settings, tensors))
    return modules
