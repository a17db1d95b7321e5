"""What a run trains with, made before its first step: processor, store of ids, network, objective, batches."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from headstart import __version__
from headstart.core import plugins, ranks
from headstart.core.artefact_files import RunFile
from headstart.core.batch import Batch
from headstart.core.compatibility import build_objective
from headstart.core.contracts import Backbone, Objective
from headstart.core.device import device_name, pick_device
from headstart.core.errors import HeadstartError
from headstart.core.files import make_folder
from headstart.core.json_files import write_json
from headstart.core.load_processor import load_processor
from headstart.core.migration import FORMAT
from headstart.core.processor import Processor, Tokenizer
from headstart.core.sole_writer import PlaceLost
from headstart.data.batches import EpochBatches
from headstart.data.corpus import Corpus
from headstart.data.store import ensure_store, split_documents
from headstart.training.batching import check_usable, make_batches
from headstart.training.first_weights import FirstWeights, first_weights
from headstart.training.pretrained_model import PretrainedModel
from headstart.training.run_folder import PROCESSOR, RECEIPT, RUN, SEEN, STORE, RunFolder
from headstart.training.run_spec import RunSpec
from headstart.training.seen import write_seen
from headstart.training.warm_start import start_processor

Pieces = dict[int, list[int]]  # by new token of a grown vocabulary: the old tokens it was written with


@dataclass(frozen=True)
class Prepared:
    """What a run trains with. record: run.json so far; ledger: of the corpus; pieces: see `Pieces`.

    first: what an untrained network knows.
    """

    record: RunFile
    base: PretrainedModel | None
    pieces: Pieces
    ledger: dict[str, Any]
    processor: Processor
    first: FirstWeights | None
    backbone: Backbone
    objective: Objective
    batches: EpochBatches
    held_out: list[Batch]


def prepared(spec: RunSpec, corpus: Corpus, home: RunFolder, command: str, note: Callable[[str], None]) -> Prepared:
    """Return all parts; the first rank writes what the others then find.

    Raises HeadstartError: parts that do not fit, nothing to learn from, files that not all ranks see.
    """
    home.need_intact(beside=STORE)  # a damaged store is made again
    record = _record(spec, home, command)
    if ranks.is_first():
        if not home.is_begun:
            write_json(home.path / RUN, record)
        for one in plugins.keep(home.path, record["spec"]):
            note(f"{one.told}; a copy is kept in {home.path / plugins.FOLDER}")
    base = _base(spec)
    processor, pieces = _processor(spec, corpus, home, base, note)
    store = ensure_store(corpus, processor, home.store, note)
    list(map(note, [*store.ledger.notes, *store.ledger.summary().splitlines()]))
    split = split_documents(len(store), spec.held_out, spec.training.seed)
    first = None if base is not None else first_weights(spec.objective.reads[0], store, split, processor)
    backbone, objective = build_parts(spec, processor, first)
    batches, held_out = make_batches(spec.batches, processor, store, split, spec.training.seed, note)
    check_usable(spec.objective, objective, batches)
    parameters = sum(p.numel() for p in backbone.parameters())
    note(f"network: {spec.backbone.name}, {parameters / 1e6:.1f} M parameters; objective: {spec.objective.name}")
    if ranks.is_first() and (told := write_seen(objective, processor, store, home.path / SEEN, spec.training.seed)):
        note(told)
    held_out = [batch for batch in held_out if objective.usable(batch) >= objective.fewest]
    return Prepared(
        record, base, pieces, store.ledger.to_dict(), processor, first, backbone, objective, batches, held_out
    )


def machine() -> dict[str, Any]:
    """Return what a receipt says of this machine: versions, threads, device."""
    return {
        "headstart": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "device": device_name(pick_device()),
    }


def _record(spec: RunSpec, home: RunFolder, command: str) -> RunFile:
    """Return what run.json holds from now on; what an earlier start found out stays until it is found again."""
    asked = spec.training.steps
    fresh = {"asked_seconds": spec.training.seconds, "asked_steps": asked, "identity": _identity(spec)}
    earlier = home.record() if home.is_begun else fresh
    if earlier.get("spec") and asked != earlier["spec"]["training"]["steps"]:  # another budget for a resumed run
        earlier["asked_steps"] = asked
    return earlier | {
        "format": FORMAT,
        "status": "running",
        "command": command,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": machine() | ({"processes": ranks.world()} if ranks.world() > 1 else {}),
        "spec": written(spec),
    }


def _identity(spec: RunSpec) -> str:
    """Return what tells a run from another one: equal runs have equal checkpoints."""
    told = spec.to_dict()
    told["corpus"] = {name: one for name, one in told["corpus"].items() if name != "paths"}  # a text may lie elsewhere
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def written(spec: RunSpec) -> dict[str, Any]:
    """Return the spec for run.json; paths are absolute there, so that the run finds its text from any folder."""
    data = spec.to_dict()
    paths = [str(Path(path).absolute()) for path in data["corpus"]["paths"]]
    return data | {"corpus": data["corpus"] | {"paths": paths}}


@contextmanager
def undone_when_refused(home: RunFolder) -> Iterator[None]:
    """Take a new run's first files away when its text or settings are refused, so that the mended command just works.

    A run that was begun before (it has a run.json) and one that was interrupted keep what they have.
    """
    begun_before = home.is_begun
    try:
        yield
    except PlaceLost:
        raise
    except HeadstartError:
        if not begun_before and ranks.is_first():
            for name in (RUN, RECEIPT, SEEN, plugins.LIST):
                with suppress(OSError):
                    (home.path / name).unlink(missing_ok=True)
            for name in (PROCESSOR, STORE, plugins.FOLDER):
                shutil.rmtree(home.path / name, ignore_errors=True)
            with suppress(OSError):  # it holds something
                home.path.rmdir()
        raise


def _base(spec: RunSpec) -> PretrainedModel | None:
    """Open what the run starts from. Raises HeadstartError: not there, or needed and not given."""
    if spec.base is not None:
        return PretrainedModel.open(Path(spec.base))
    if spec.objective.teacher:
        raise HeadstartError(f"objective {spec.objective.name} learns from a teacher; give a trained model as --base")
    return None


def _processor(
    spec: RunSpec, corpus: Corpus, home: RunFolder, base: PretrainedModel | None, note: Callable[[str], None]
) -> tuple[Processor, Pieces]:
    """Return the run's processor (that of a base it starts from), and what its new tokens were written with.

    Loaded when it was made from the same text with the same settings, else made.
    """
    made_from = {"corpus": corpus.fingerprint(), "spec": spec.processor.to_dict(), "vocabulary": spec.vocabulary}
    if base is not None:
        made_from |= {"base": base.identity, "extend": spec.extend}
    made = dict(home.made_from() or {})
    pieces = {int(token): old for token, old in made.pop("pieces", {}).items()}
    if made == made_from | {"format": FORMAT}:
        return load_processor(home.processor), pieces
    if home.checkpoints.steps():
        raise HeadstartError(
            f"{home.path}: the corpus or the processor's settings are not those this run was begun with, and its "
            "weights fit no other input; put the old corpus back, or choose another --out"
        )
    if not ranks.is_first():  # it is made by the first
        raise HeadstartError(
            f"rank {ranks.rank()}: {home.path} holds no processor made from the corpus as seen here; the corpus and "
            "--out must be on a file system that all machines share"
        )
    begun = time.monotonic()
    if base is None or spec.objective.teacher == "any":
        processor = spec.processor.train(corpus.documents(), spec.vocabulary)
    else:
        processor, pieces = start_processor(base, corpus.documents, spec.extend, note)
    home.forget_processor()
    make_folder(home.processor)
    processor.save(home.processor)
    write_json(home.path / RECEIPT, made_from | {"format": FORMAT, "pieces": pieces})
    what = "tokenizer" if isinstance(processor, Tokenizer) else "processor"
    note(f"{what}: {processor.kind}, {processor.size}, {time.monotonic() - begun:.0f} s")
    return processor, pieces


def build_parts(spec: RunSpec, processor: Processor, first: FirstWeights | None = None) -> tuple[Backbone, Objective]:
    """Return the randomly started network and objective, a function of the seed and of what it knows already.

    What is to be spread over ranks stays on the CPU: no device may have room for all of it.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.training.seed)
        backbone = spec.backbone.build(processor.shape)
        objective = build_objective(spec.objective, backbone, processor)
    if first is not None:
        first.give(backbone, objective)
    spread = ranks.world() > 1 and spec.training.parallel == "fsdp"
    device = torch.device("cpu") if spread else pick_device()
    return backbone.to(device), objective.to(device)
