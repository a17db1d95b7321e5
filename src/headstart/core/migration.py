"""How files of artefacts of format 1 (written up to commit 70dc567) are read.

What files hold in format 2 say `artefact_files.py` and `report_files.py`.

Every function here is pure: a dict of format 1 in, a dict of format 2 out; nothing on disk changes. A file says its
format by the number `format`; files without the number are of format 1. No other module knows format 1.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from headstart.core.artefact_files import (
    ImageStoreFacts,
    NetworkFile,
    ProcessorReceipt,
    RunFile,
    StateFile,
    StoreFacts,
    TaskFile,
)
from headstart.core.errors import HeadstartError, in_file
from headstart.core.json_files import read_json
from headstart.core.kinds import quoted
from headstart.core.report_files import CellLine, InputsFile, ReportFile
from headstart.core.spec_base import checked

FORMAT = 2

# --- format 1: what had another name ----------------------------------------------------------------------------

# By the name of now: files and folders.
OLD_PARTS = {
    "processor": "tokenizer",
    "processor.json": "tokenizer.json",
    "store": "shards",
    "store.json": "shards.json",
}
RUN_PARTS = {"tokenizer": "processor"}
TRAINING = {"rate": "learning_rate", "rate_embeddings": "learning_rate_embeddings"}
BATCHES = {"window": "max_length", "framed": "add_special_tokens", "continuous": "stateful"}
OBJECTIVE = {"rate": "mask_ratio", "rate_end": "mask_ratio_end"}
ROUTE = {
    "rate": "learning_rate",
    "choose_rate": "choose_learning_rate",
    "head_rate": "head_learning_rate",
    "usual": "default",
}
NOTES = {"rate": "learning_rate", "continued_rate": "continued_learning_rate", "frame": "transform"}
COUNTERS = {"tokens": "units"}
RECEIPT = {"continuous": "stateful"} | COUNTERS  # of a pretrained model
STORE = {"tokenizer": "processor"}
ENTRY, ENTRIES = {"row": "entry"}, {"rows": "entries"}
_PAIR = {"plain_low": "unadjusted_low", "plain_high": "unadjusted_high"}
# By place in report.json, in this order: [] stands for every item of a list, * for every value of an object.
REPORT: tuple[tuple[str, dict[str, str]], ...] = (
    ("", ENTRIES),
    ("sizes []", ENTRIES),
    ("sizes [] entries []", ENTRY),
    ("sizes [] pairs []", _PAIR),
    ("verdicts [] worth", ENTRY),
    ("verdicts [] worth classical", _PAIR),
    ("verdicts [] worth control", _PAIR),
    ("verdicts [] labels", ENTRY),
    ("verdicts [] clean", ENTRY),
    ("verdicts [] contaminated", ENTRY),
    ("forecast * []", ENTRY),
    ("outlook", ENTRIES),
    ("outlook entries []", ENTRY),
    ("calibration []", ENTRY),
    ("slices scores []", ENTRY),
    ("confusion", ENTRY),
    ("costs []", ENTRY),
    ("crossings []", ENTRY),
    ("notes * *", NOTES),
    ("facts ablation", {"plain": "unchanged"}),
    ("facts bases *", RECEIPT),
    ("parts * bases *", RECEIPT),
)

# Adds to the settings of a route those that the route did not have in format 1, so that equal routes have equal keys.
Complete = Callable[[dict[str, Any]], dict[str, Any]]

# --- reading ----------------------------------------------------------------------------------------------------


def part(folder: Path, name: str) -> Path:
    """Return where a part of an artefact lies (processor, store, processor.json, store.json), in either format."""
    old = folder / OLD_PARTS[name]
    return old if old.exists() and not (folder / name).exists() else folder / name


def read_versioned(path: Path, migrate: Callable[[Any], Any], kind: Any = None) -> Any:
    """Return the JSON of `path` in format 2; `migrate` is the function below for this kind of file.

    kind: what the file holds, a `TypedDict`; None = what `migrate` returns. Raises HeadstartError, one line with the
    file and the key: missing or damaged, a key or a value that such a file cannot hold, a format that only a newer
    version knows.
    """
    return typed(str(path), read_json(path), migrate, kind)


def typed(where: str, data: Any, migrate: Callable[[Any], Any], kind: Any = None) -> Any:
    """Return data as `read_versioned` does; where: what messages call it. Raises HeadstartError."""
    if not isinstance(data, dict):
        raise HeadstartError(f"{where}: expected a JSON object, found {type(data).__name__}")
    try:
        with in_file(where):
            new = upgraded(data, migrate)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise HeadstartError(f"{where}: damaged ({type(error).__name__}: {error})") from None
    return checked(f"{where}:", new, kind or _returned(migrate))


@cache
def _returned(migrate: Callable[[Any], Any]) -> Any:
    return get_type_hints(migrate)["return"]


def upgraded(data: Mapping[str, Any], migrate: Callable[[Any], Any]) -> Any:
    """Return `data` of format 2 as it is, of format 1 as `migrate` makes it. Raises HeadstartError: a newer format."""
    number = data.get("format", 1)
    if type(number) is int and number == FORMAT:
        return data
    if type(number) is not int or number != 1:
        raise HeadstartError(
            f"format {quoted(number)} is not known to this version of headstart, which reads 1 and {FORMAT}"
        )
    return migrate(data)


def run(old: Mapping[str, Any]) -> RunFile:
    """Return run.json."""
    new = {**old, "format": FORMAT}
    if "spec" in old:
        spec = _renamed(old["spec"], RUN_PARTS)
        for name, names in (("training", TRAINING), ("batches", BATCHES), ("objective", OBJECTIVE)):
            if name in spec:
                spec[name] = _renamed(spec[name], names)
        new["spec"] = spec
    if "result" in old:
        new["result"] = _renamed(old["result"], COUNTERS)
    return new


def processor_receipt(old: Mapping[str, Any]) -> ProcessorReceipt:
    """Return processor.json."""
    return {**old, "format": FORMAT}


def state(old: Mapping[str, Any]) -> StateFile:
    """Return state.json."""
    return {**_renamed(old, COUNTERS), "format": FORMAT}


def store_facts(old: Mapping[str, Any]) -> StoreFacts:
    """Return store.json."""
    return {**_renamed(old, STORE), "format": FORMAT}


def image_store_facts(old: Mapping[str, Any]) -> ImageStoreFacts:
    """Return store.json of images, which there were none of in format 1."""
    return {**old, "format": FORMAT}


def network(old: Mapping[str, Any]) -> NetworkFile:
    """Return network.json."""
    objective = old["objective"] and _renamed(old["objective"], OBJECTIVE)
    return {**old, "format": FORMAT, "objective": objective, "receipt": _renamed(old["receipt"], RECEIPT)}


def task(old: Mapping[str, Any]) -> TaskFile:
    """Return task.json."""
    receipt = dict(old["receipt"])
    if receipt.get("base"):
        receipt["base"] = _renamed(receipt["base"], RECEIPT)
    return {**old, "format": FORMAT, "route": route(old["route"]), "notes": notes(old["notes"]), "receipt": receipt}


def model(old: Mapping[str, Any]) -> dict[str, Any]:
    """Return model.json, which holds what a route keeps beside its arrays."""
    return {**old, "format": FORMAT} | ({"notes": notes(old["notes"])} if "notes" in old else {})


def inputs(old: Mapping[str, Any]) -> InputsFile:
    """Return inputs.json."""
    return {**old, "format": FORMAT}


def cell(old: Mapping[str, Any], complete: Complete = dict) -> CellLine:
    """Return a line of cells.jsonl; its answers lie in the file that is named by the old key."""
    new = _told_cell(old, complete)
    return new | {"format": FORMAT, "key": new["receipt"]["cell"], "answers": f"{old['key']}.safetensors"}


def report(old: Mapping[str, Any], complete: Complete = dict) -> ReportFile:
    """Return report.json of compare, ablate or cross."""
    new = {**old, "format": FORMAT}
    for place, names in REPORT:
        new = _at(new, place.split(), lambda found, names=names: _renamed(found, names))
    new = _at(new, ["entries", "[]", "settings"], route)
    return new | {"cells": [_told_cell(told, complete) for told in old["cells"]]}


def _told_cell(old: Mapping[str, Any], complete: Complete) -> dict[str, Any]:
    """Return what a cell says of itself, with the key that its settings have now."""
    receipt = {**old["receipt"], "route": complete(route(old["receipt"]["route"]))}
    receipt["cell"] = cell_key(receipt)
    return {**_renamed(old, ENTRY), "notes": notes(old["notes"]), "receipt": receipt}


def _at(data: Any, place: list[str], change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """Return `data` with the objects at `place` changed; what is not there stays away."""
    if not place:
        return change(data) if isinstance(data, dict) else data
    step, *rest = place
    if step == "[]":
        return [_at(item, rest, change) for item in data] if isinstance(data, list) else data
    if not isinstance(data, dict):
        return data
    return {name: _at(value, rest, change) if step in ("*", name) else value for name, value in data.items()}


def manifest(old: Mapping[str, Any]) -> dict[str, Any]:
    """Return manifest.json, which in format 1 was its `files` alone; `kind` is unknown there."""
    return {"format": FORMAT, "kind": "", "growing": False, "files": {name: dict(entry) for name, entry in old.items()}}


def route(old: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a route, also where they name another route with settings: `probe:usual=0.1`."""
    return _members(_renamed(old, ROUTE))


def notes(old: Mapping[str, Any]) -> dict[str, Any]:
    """Return the notes of a task model."""
    new = _members(_renamed(old, NOTES))
    if isinstance(new.get("teacher_notes"), dict):
        new["teacher_notes"] = _renamed(new["teacher_notes"], NOTES)
    return new


def cell_key(receipt: Mapping[str, Any]) -> str:
    """Return the identity of a cell: 24 hexadecimal digits of the SHA-256 of everything its result depends on.

    Of the versions that is headstart's own: another one may train another model.
    """
    parts = {name: receipt[name] for name in ("data", "split", "seed", "route", "workspace")}
    parts["versions"] = receipt["versions"]["headstart"]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:24]


def _renamed(old: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return `old` with its keys renamed, in the same order."""
    return {names.get(key, key): value for key, value in old.items()}


def _members(new: dict[str, Any]) -> dict[str, Any]:
    """Return the settings or notes of an ensemble with its members as they are written now."""
    if isinstance(member := new.get("member"), str):
        new["member"] = _member(member)
    if isinstance(members := new.get("members"), list):
        new["members"] = [_member(member) for member in members]
    return new


def _member(text: str) -> str:
    """Return `finetune:rate=0.1:epochs=2` with the settings' names of now."""
    name, *settings = text.split(":")
    pairs = [setting.partition("=") for setting in settings]
    return ":".join([name, *(f"{ROUTE.get(setting, setting)}{equals}{value}" for setting, equals, value in pairs)])
