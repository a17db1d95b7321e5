"""The pre-trained model: network, processor and receipt, opened from a run or a Hugging Face directory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from headstart.core import migration, plugins, registry
from headstart.core.bounded_build import built_without_memory, need_stored
from headstart.core.compatibility import build_objective
from headstart.core.contracts import Backbone, Objective
from headstart.core.device import pick_device
from headstart.core.errors import HeadstartError, in_file
from headstart.core.examples import listed_items, need_takes
from headstart.core.exportable import Exportable
from headstart.core.files import make_folder
from headstart.core.json_files import write_json
from headstart.core.load_processor import load_processor
from headstart.core.manifest import hash_of, is_listed, need_intact, write_folder
from headstart.core.migration import FORMAT, read_versioned
from headstart.core.processor import Processor
from headstart.core.shapes import Shape, TokenShape
from headstart.core.spec import BackboneSpec, ObjectiveSpec
from headstart.core.tensor_files import save_tensors, stored_shapes
from headstart.data.corpus import Corpus
from headstart.data.recorded import need_arguments, recorded_corpus
from headstart.interop.hub_cache import id_of, located
from headstart.interop.huggingface import WEIGHTS as HF_WEIGHTS
from headstart.interop.huggingface import load_backbone, load_head, match_vocabulary
from headstart.interop.model_folder import licence, model_folder
from headstart.interop.weight_files import holds_weights
from headstart.nn.sentence_head import SentenceHead, after, before
from headstart.nn.vector_steps import of_sentence
from headstart.training.checkpoint import WEIGHTS, load_weights, read_counters, read_weights
from headstart.training.embedding import check_readout, need_finite, read_vectors
from headstart.training.foreign import language_model, read_foreign
from headstart.training.plan import measured_dtype
from headstart.training.run_folder import RUN, RunFolder
from headstart.training.run_spec import RunSpec
from headstart.training.sentence_model import SentenceModel, read_sentence_model, suit_tokenizer

NETWORK = "network.json"
TASK_NETWORK = "network"  # folder of a task model with the network that its labels trained


@dataclass
class PretrainedModel:
    """A network with its tokenizer, ready to embed text or to start a route.

    objective: the trained objective (its head is what `fill` uses), or None. receipt: where it comes from and what was
    restored. corpus: settings to read the pre-training text again, or None; fingerprint: of that text, where it was
    kept. pooling: how a sentence model's makers read a text's vector (mean, cls), or nothing; sentence: what else
    belongs to such a vector, or None. dtype: how vectors may be read; of images as in training, of texts fp32.
    """

    processor: Processor
    backbone_spec: BackboneSpec
    backbone: Backbone
    objective: Objective | None = None
    objective_spec: Any = None
    path: Path | None = None
    receipt: dict[str, Any] = field(default_factory=dict)
    corpus: dict[str, Any] | None = None
    fingerprint: str = ""
    warnings: list[str] = field(default_factory=list)
    pooling: str = ""
    dtype: Literal["fp32", "bf16"] = "fp32"
    sentence: SentenceHead | None = None

    def __post_init__(self) -> None:
        # However it was made: vectors round otherwise where filters of images do not lie with channels last, as these.
        self.backbone.to(memory_format=torch.channels_last)

    @classmethod
    def open(cls, path: Path | str) -> PretrainedModel:
        """Open a run, a network, a Hugging Face folder, weights of images, or a task model that trained its network.

        path: a folder, a file of weights, or the id of a model in the Hugging Face cache (`located`).
        """
        path = located(path)
        plugins.need(path)
        if (path / RUN).is_file():
            return _open_run(path)
        if (path / NETWORK).is_file():
            return _open_network(path)
        if path.is_file():
            whole = path.parent if path.name == HF_WEIGHTS and (path.parent / "config.json").is_file() else None
            return _open_weights(path) if whole is None else cls.open(whole)
        if (path / TASK_NETWORK / NETWORK).is_file():
            return _open_task(path)
        if (path / "task.json").is_file():
            told = "this task model (headstart predict serves it) trained no network of its own"
            raise HeadstartError(f"{path}: {told}; give the run or Hugging Face directory it started from")
        if holds_weights(path) and not is_listed(path):
            return _open_weights(path)
        if (found := model_folder(path)) is not None:
            return replace(_open_hugging_face(found), path=path)
        if is_listed(path):
            need_intact(path)
        raise HeadstartError(f"{path}: neither a run (run.json), Hugging Face model (config.json) nor weights are here")

    @property
    def name(self) -> str:
        """What tables call it: the folder's name, or that of its hub id."""
        return (id_of(self.path).rpartition("/")[2] or self.path.name) if self.path else "model"

    @property
    def reads_in(self) -> Literal["fp32", "bf16"]:
        """The number format in which vectors are read here: bf16 where `dtype` allows it and it is measured quicker."""
        return "bf16" if self.dtype == "bf16" == measured_dtype(self.backbone_spec) else "fp32"

    @cached_property
    def identity(self) -> str:
        """A short hash of all weights and the processor's size; equal for equal networks."""
        shape = self.processor.shape
        size = shape.vocabulary if isinstance(shape, TokenShape) else shape
        digest = hashlib.sha256(f"{self.processor.kind}{size}".encode())
        for name, tensor in self.backbone.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes())
        digest.update(b"" if self.sentence is None else self.sentence.digest())
        return digest.hexdigest()[:16]

    def fresh(self, seed: int) -> PretrainedModel:
        """Return the same network and processor with random weights, a function of `seed`."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            shape = _shape(self.processor, self.backbone.vocabulary, fewer=False)
            backbone = self.backbone_spec.build(shape).to(pick_device())
        return PretrainedModel(
            self.processor,
            self.backbone_spec,
            backbone,
            path=self.path,
            receipt={"start": f"random, seed {seed}"},
            pooling=self.pooling,
            dtype=self.dtype,
        )

    @property
    def max_length(self) -> int | None:
        """Tokens of text (without specials) that fit one sample, or None for any number."""
        limit = self.backbone.max_tokens
        if limit is None:
            return None
        if self.sentence is not None:
            limit = min(limit, self.sentence.window or limit)
        return limit - (self.processor.cls_id >= 0) - (self.processor.sep_id >= 0)

    @property
    def auto_pooling(self) -> str:
        """How a vector is read where nothing else is asked for: as the model was made for, or as its network says."""
        return self.pooling or self.backbone.pooling

    def embed(
        self, items: Sequence[Any], layer: int = -1, pooling: str = "auto", tokens: int | None = None
    ) -> np.ndarray:
        """Return float32 [N, D], a vector for each text or image; long texts are averaged over their windows.

        D is the width of the layer: that of the network for the last one, and for all of a Transformer's.

        layer: -1 for the last, 0 for the embeddings; pooling: mean, cls, own, quarters or all (see `pool`), or auto
        (`auto_pooling`); a network without token outputs has a vector of its own. tokens: see `read_vectors`.
        """
        return self.read(items, [(layer, pooling)], tokens)[0]

    def read(
        self, items: Sequence[Any], readouts: Sequence[tuple[int, str]], tokens: int | None = None
    ) -> list[np.ndarray]:
        """Return what `embed` gives for each (layer, pooling), from one pass.

        Raises HeadstartError: other things than a list of texts or images, vectors that are not finite.
        """
        for layer, pooling in readouts:
            self.check_embedding(layer, pooling)
        items = listed_items(items)
        need_takes(items, self.processor.takes, self.name)
        dtype = torch.bfloat16 if self.reads_in == "bf16" else torch.float32
        how = [(layer, self.auto_pooling if pooling == "auto" else pooling) for layer, pooling in readouts]
        items = before(self.sentence, items)
        found = read_vectors(
            self.backbone, self.processor, items, how, max_length=self.max_length, tokens=tokens, dtype=dtype
        )
        found = after(self.sentence, found, [readout == (-1, "auto") for readout in readouts])
        return need_finite(found, self.name)

    def check_embedding(self, layer: int, pooling: str) -> None:
        """Raise HeadstartError for a layer that is not there or a pooling that nobody knows."""
        check_readout(layer, pooling, self.backbone, self.backbone_spec.name)

    def trained_on(self) -> Corpus:
        """Return the pre-training corpus. Raises HeadstartError: its place is unknown, it is gone, it has changed."""
        if self.corpus is None:
            raise HeadstartError(f"{self.path or 'this model'} does not say what it was trained on; give --corpus FILE")
        try:
            return recorded_corpus(self.corpus, self.fingerprint)
        except HeadstartError as error:
            where = f"what {self.path or 'this model'} was trained on is not where it was"
            raise HeadstartError(f"{where} ({error}); give --corpus FILE") from None

    def documents(self, limit: int | None = None) -> Iterator[Any]:
        """Yield the usable items of the pre-training corpus. Raises HeadstartError: see `trained_on`."""
        yield from islice(filter(self.processor.usable, self.trained_on().documents()), limit)

    def exportable(self) -> Exportable:
        """Return what another library may be given."""
        of_text = {} if (head := self.sentence) is None else {"text_prompt": head.prompt, "window": head.window}
        parts = (self.processor, self.backbone, self.backbone_spec, self.objective, self.objective_spec)
        how = {"pooling": self.auto_pooling, "vector_steps": of_sentence(head), **of_text}
        return Exportable(*parts, **how, ours=lambda rows: {"vectors": self.embed(rows.items)})

    def save(self, folder: Path) -> None:
        """Write network, objective and tokenizer as a self-contained folder that `open` reads."""

        def fill(temporary: Path) -> None:
            tensors = {f"backbone.{k}": v.detach().cpu().contiguous() for k, v in self.backbone.state_dict().items()}
            if self.objective is not None:
                tensors |= {
                    f"objective.{k}": v.detach().cpu().contiguous() for k, v in self.objective.state_dict().items()
                }
            sentence, own = (None, {}) if self.sentence is None else self.sentence.parts()
            save_tensors(tensors | own, temporary / WEIGHTS)
            write_json(
                temporary / NETWORK,
                {
                    "format": FORMAT,
                    "backbone": self.backbone_spec.to_dict(),
                    "vocabulary": self.backbone.vocabulary,
                    "objective": self.objective_spec.to_dict() if self.objective is not None else None,
                    "receipt": self.receipt,
                    "corpus": self.corpus,
                    "fingerprint": self.fingerprint,
                    "pooling": self.pooling,
                    "dtype": self.dtype,
                    "sentence": sentence,
                },
            )
            make_folder(temporary / "processor")
            self.processor.save(temporary / "processor")

        write_folder(Path(folder), "network", fill)


def _shape(processor: Processor, rows: int | None, *, fewer: bool = True) -> Shape:
    """Return what a network for the processor is built for.

    rows: of its word matrix, None or 0 = one for each id. fewer: whether there may be fewer rows than ids.
    """
    shape = processor.shape
    if not isinstance(shape, TokenShape) or not rows:
        return shape
    return replace(shape, vocabulary=rows if fewer else max(rows, shape.vocabulary))


def _loaded(
    spec: BackboneSpec, objective_spec: ObjectiveSpec | None, processor: Processor, rows: int | None, weights: Path
) -> tuple[Backbone, Objective | None, dict[str, Tensor]]:
    """Return (network, objective, all tensors of the file); rows: see `_shape`, weights: the file.

    Nothing is allocated before the shapes in the file's head are known to be those of the network.
    """

    if isinstance(processor.shape, TokenShape) and rows and rows < processor.shape.vocabulary:
        told = f"the tokenizer has {processor.shape.vocabulary:,} ids, the word matrix {rows:,} rows"
        raise HeadstartError(f"{weights.parent}: {told}: it belongs to another model")

    def make() -> tuple[Backbone, Objective | None]:
        backbone = spec.build(_shape(processor, rows))
        return backbone, None if objective_spec is None else build_objective(objective_spec, backbone, processor)

    stored = stored_shapes(weights)
    parts = built_without_memory(make, str(weights.parent), len(stored))
    named = {name: part for name, part in zip(("backbone", "objective"), parts) if part is not None}
    need_stored(named, stored, str(weights.parent))
    backbone, objective = make()
    load_weights(backbone, objective, tensors := read_weights(weights.parent), weights.parent)
    return backbone, objective, tensors


def _open_run(path: Path) -> PretrainedModel:
    home = RunFolder(path)
    home.need_intact(served=True)
    spec = RunSpec.read((record := home.record())["spec"])
    checkpoint, passed = home.newest(served=True)
    if checkpoint is None:
        if passed:
            raise HeadstartError(f"no checkpoint of {len(passed)} can be used: {passed[0].partition(';')[0]}")
        raise HeadstartError(f"{path}: no checkpoint yet; run `headstart pretrain ... --out {path} --resume`")
    tokenizer = load_processor(home.processor)
    backbone, objective, _ = _loaded(spec.backbone, spec.objective, tokenizer, None, checkpoint / WEIGHTS)
    receipt = {
        "start": path.name,  # a name, no path: receipts travel with reports
        "checkpoint": checkpoint.name,
        "weights_sha256": hash_of(checkpoint / WEIGHTS),
        **read_counters(checkpoint),
        "objective": spec.objective.name,
        "backbone": spec.backbone.name,
        "stateful": spec.batches.stateful,
    }
    parts = _placed(backbone, objective)
    kept = record.get("start", {}).get("pooling", "")
    dtype = "fp32"
    if tokenizer.gives == "pixels":
        dtype = measured_dtype(spec.backbone) if spec.training.dtype == "auto" else spec.training.dtype
    need_arguments(path / RUN, spec.corpus)
    known = (spec.corpus, (home.made_from() or {}).get("corpus", ""))
    return PretrainedModel(tokenizer, spec.backbone, *parts, spec.objective, path, receipt, *known, passed, kept, dtype)


def _placed(backbone: Backbone, objective: Objective | None) -> tuple[Backbone, Objective | None]:
    """Return both on the device that is used, ready to be asked."""
    device = pick_device()
    return backbone.to(device).eval(), None if objective is None else objective.to(device).eval()


def _open_network(path: Path) -> PretrainedModel:
    need_intact(path, "network")
    data = read_versioned(path / NETWORK, migration.network)
    tokenizer = load_processor(migration.part(path, "processor"))
    with in_file(path / NETWORK):
        backbone_spec = registry.build_spec("backbone", data["backbone"])
        objective_spec = None if data["objective"] is None else registry.build_spec("objective", data["objective"])
    if data["corpus"] is not None:
        need_arguments(path / NETWORK, data["corpus"])
    rows, told = data.get("vocabulary"), data.get("sentence")
    backbone, objective, tensors = _loaded(backbone_spec, objective_spec, tokenizer, rows, path / WEIGHTS)
    parts = _placed(backbone, objective)
    return PretrainedModel(
        tokenizer,
        backbone_spec,
        *parts,
        objective_spec,
        path,
        data["receipt"],
        data["corpus"],
        data.get("fingerprint", ""),
        pooling=data.get("pooling", ""),
        dtype=data.get("dtype", "fp32"),
        sentence=told and SentenceHead.from_parts(told, tensors),
    )


def _open_task(path: Path) -> PretrainedModel:
    """Open the network of a task model: supervised pre-training for other rows (its head is left out)."""
    need_intact(path, "task")
    found = _open_network(path / TASK_NETWORK)
    trained = {"start": path.name, "weights_sha256": hash_of(path / TASK_NETWORK / WEIGHTS), "labels": "task model"}
    return replace(found, path=path, receipt=found.receipt | trained)


def _open_hugging_face(path: Path) -> PretrainedModel:
    """Open a checkpoint of another library; a language model's output comes along, so that it fills or writes.

    Where headstart exported it, its manifest is compared first.
    """
    if is_listed(path):
        need_intact(path, "export")
    model = read_sentence_model(path) or SentenceModel(path, "", None)
    loaded, tokenizer = load_backbone(model.network), load_processor(model.network)
    suit_tokenizer(path, model, tokenizer, loaded.config.get("hidden_size", loaded.config.get("dim")))
    receipt = {"start": path.name, "licence": licence(path), **loaded.receipt}
    if loaded.spec.batch == "pixels":  # images have no ids, and no output of an objective comes along
        return PretrainedModel(tokenizer, loaded.spec, *_placed(loaded.backbone, None), None, path, receipt)
    receipt["ids"] = match_vocabulary(tokenizer, loaded.config)
    objective = spec = None
    kind = language_model(loaded)
    able = {"mlm": tokenizer.mask_id >= 0 and loaded.extra, "span": tokenizer.sentinel_ids, "causal": True}
    if able.get(kind):
        spec = registry.load("objective", kind)()
        objective = spec.build(loaded.backbone, tokenizer)
        head = "generate" if kind == "span" else kind
        found = load_head(loaded.spec.HF_NAMES, head, objective.head, loaded.extra, str(path))
        receipt["head"] = dict(found)
        if kind == "causal" and found.fresh:  # an output of its own that is not there
            objective = spec = None
    parts, own = _placed(loaded.backbone, objective), {"pooling": model.pooling, "sentence": model.head}
    return PretrainedModel(tokenizer, loaded.spec, *parts, spec, path, receipt, **own)


def _open_weights(path: Path) -> PretrainedModel:
    """Open a file of weights of a network of images; images have no ids, and no output of an objective comes along."""
    processor, spec, backbone, receipt = read_foreign(path)
    return PretrainedModel(processor, spec, *_placed(backbone, None), None, path, receipt)


def trainable_copy(source: PretrainedModel) -> PretrainedModel:
    """Return a copy of `source` with its own weights, so that a route never changes its base."""
    copy = source.fresh(0)
    copy.backbone.load_state_dict(source.backbone.state_dict())
    copy.receipt = dict(source.receipt)
    return copy
