"""Files of weights of other libraries' networks of images: which network it is follows from names and shapes.

Every backbone of pixels says how others call its tensors (`BackboneSpec.foreign_names`); a file is held against each,
at every choice of its settings. A torch file is a pickle, which can run code: it is read by a program of its own.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import subprocess
import sys
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from headstart.core import registry
from headstart.core.contracts import Backbone
from headstart.core.errors import HeadstartError
from headstart.core.json_files import read_json
from headstart.core.load_processor import PREPROCESSOR
from headstart.core.scratch import scratch_folder
from headstart.core.spec import BackboneSpec
from headstart.core.spec_base import hints_of
from headstart.core.tensor_files import load_tensors
from headstart.interop.huggingface import WEIGHTS, empty_backbone, restore
from headstart.interop.names import NameTable, Receipt, check_shapes, fit_rules, read_state, sort_tensors
from headstart.interop.preprocessor import Preprocessor, imagenet, read_preprocessor, read_timm

_CONFIG, _HUB_NAMES = "config.json", (WEIGHTS, "pytorch_model.bin")
_PREFIXES = ("module.", "_orig_mod.", "model.")  # what torch's wrappers and trainers put in front of every name
_SECONDS = 600  # for another program to read a file


@dataclass(frozen=True)
class Recognised:
    """spec, backbone: the network; pixels: what it is to be shown; extra: tensors of heads (their names); receipt."""

    spec: BackboneSpec
    backbone: Backbone
    pixels: Preprocessor
    extra: dict[str, Tensor]
    receipt: Receipt


@dataclass(frozen=True)
class _Candidate:
    """A network that a file may hold, by the names that `maker` gives."""

    spec: BackboneSpec
    maker: str
    table: NameTable

    @property
    def pixels(self) -> Preprocessor:
        """Return what its weights were trained on, unless a file beside them says something else."""
        return self.table.pixels or imagenet()

    @property
    def words(self) -> str:
        """Return its name and the settings that are chosen from a list."""
        chosen = {f.name: getattr(self.spec, f.name) for f in dataclasses.fields(self.spec)}
        usual = type(self.spec)()
        choices = _choices(type(self.spec))
        shown = [f"{name}={chosen[name]}" for name in choices if chosen[name] != getattr(usual, name)]
        return " ".join([self.spec.name, *(shown or [f"{name}={chosen[name]}" for name in list(choices)[:1]])])


def holds_weights(path: Path) -> bool:
    """Return whether a folder has weights and names no model type of transformers, and they are no adapter's."""
    if (path / "adapter_config.json").is_file():
        return False
    config = read_json(path / _CONFIG) if (path / _CONFIG).is_file() else {}
    if isinstance(config, dict) and "model_type" in config:
        return False
    return any(path.glob("*.safetensors"))


def open_weights(path: Path) -> Recognised:
    """Return the network in a file of weights, or in a folder with one and maybe timm's or transformers' settings.

    Raises HeadstartError (one line): not readable, names that are not known, shapes that fit no size, several networks
    that the names do not tell apart.
    """
    folder = path if path.is_dir() or path.name not in _HUB_NAMES else path.parent  # a hub's files come with settings
    config = read_json(folder / _CONFIG) if (folder / _CONFIG).is_file() else {}
    if not isinstance(config, dict):
        raise HeadstartError(f"{folder / _CONFIG}: expected a JSON object")
    tensors = _without_prefix(_tensors(_weights_in(path)))
    shown = (folder / PREPROCESSOR).is_file()
    told = read_preprocessor(folder) if shown else read_timm(config, folder / _CONFIG)
    found, channels = recognise(tensors, str(path), str(config.get("architecture", "")), told)
    shown_as = told or found.pixels
    pixels = dataclasses.replace(shown_as, shape=shown_as.shape.with_channels(channels))
    note = f"recognised as {found.words} by the names of {found.maker}"
    backbone, extra, receipt = restore(found.spec, found.table, pixels.shape, tensors, str(path), note)
    return Recognised(found.spec, backbone, pixels, extra, receipt)


def recognise(
    tensors: Mapping[str, Tensor], where: str, architecture: str = "", pixels: Preprocessor | None = None
) -> tuple[_Candidate, int]:
    """Return (the network whose tensors these are, the channels of its images).

    architecture: what timm calls it, where several fit. pixels: what it is shown, where that is known. Raises
    HeadstartError, see `open_weights`.
    """
    known = [(_strange(one.table, tensors), one) for one in _candidates()]
    named = [one for strange, one in known if not strange]
    if not named:
        raise _unknown(known, tensors, where)
    fitting: list[tuple[_Candidate, int]] = []
    faults: list[tuple[int, str]] = []
    for one in named:
        try:
            _need_all(one.table, tensors)
            fitting.append((one, _channels(one, pixels or one.pixels, tensors)))
        except _Misfit as fault:
            faults.append((fault.tensors, f"nearest is {one.words}, but {fault}"))
    if not fitting:
        libraries = dict.fromkeys(f"{one.spec.name} ({one.maker})" for one in named)
        raise HeadstartError(f"{where}: names of {', '.join(libraries)}, and no size fits; {min(faults)[1]}")
    asked = [pair for pair in fitting if pair[0].table.architecture == architecture]
    left = asked or fitting
    if len({str(one.spec.to_dict()) for one, _ in left}) > 1:
        several = ", ".join(f"{one.table.architecture} ({one.words})" for one, _ in left)
        raise HeadstartError(
            f"{where}: its names and shapes are those of several networks: {several}; give the folder with timm's "
            f"{_CONFIG}, whose architecture tells them apart"
        )
    return left[0]


class _Misfit(Exception):
    """tensors: how many do not fit."""

    def __init__(self, tensors: int, text: str) -> None:
        super().__init__(text)
        self.tensors = tensors


def _candidates() -> Iterator[_Candidate]:
    """Yield every network of pixels at every choice of its settings, once for all libraries with the same names."""
    for name in registry.fitting("backbone", batch="pixels"):
        kind = registry.load("backbone", name)
        choices = _choices(kind)
        for values in itertools.product(*choices.values()):
            try:
                spec = kind(**dict(zip(choices, values)))
            except HeadstartError:  # settings that do not go together
                continue
            tables: dict[int, tuple[NameTable, list[str]]] = {}
            own = {} if spec.HF_NAMES is None else {"transformers": spec.HF_NAMES}
            for library, table in {**spec.foreign_names, **own}.items():
                tables.setdefault(id(table), (table, []))[1].append(library)
            for table, libraries in tables.values():
                yield _Candidate(spec, " or ".join(libraries), table)


def _choices(kind: type[BackboneSpec]) -> dict[str, tuple[Any, ...]]:
    """Return the settings that are one of a few, and which."""
    found: dict[str, tuple[Any, ...]] = {}
    hints = hints_of(kind)
    for field in dataclasses.fields(kind):
        if typing.get_origin(hints[field.name]) is typing.Literal:
            found[field.name] = typing.get_args(hints[field.name])
        elif hints[field.name] is bool:
            found[field.name] = (False, True)
    return found


def _strange(table: NameTable, names: Mapping[str, Tensor]) -> list[str]:
    """Return the names that the table has no place for; all of them where none is the backbone's."""
    theirs = {name for rule in table.backbone for name in rule.theirs}
    others = {name for rules in table.heads.values() for rule in rules for name in rule.theirs}
    layered = "|".join(re.escape(name).replace(r"\{i\}", r"\d+") for name in theirs if "{i}" in name)
    backbone = re.compile(layered or r"(?!)")
    spare = re.compile("|".join(f"(?:{one})" for one in table.ignorable) or r"(?!)")
    found, strange = False, []
    for name in names:
        plain = name.removeprefix(table.prefix)
        if plain in theirs or backbone.fullmatch(plain):
            found = True
        elif name not in others and not spare.fullmatch(plain):
            strange.append(name)
    return strange if found else list(names)


def _need_all(table: NameTable, tensors: Mapping[str, Tensor]) -> None:
    """Raise _Misfit where a tensor is missing that the network has at every size; most sizes are told apart by that."""
    given = {name.removeprefix(table.prefix) for name in tensors}
    always = (name for rule in table.backbone if not rule.optional for name in rule.theirs if "{i}" not in name)
    if missing := [name for name in always if name not in given]:
        raise _Misfit(len(missing), f"'{missing[0]}' is missing")


def _channels(one: _Candidate, pixels: Preprocessor, tensors: Mapping[str, Tensor]) -> int:
    """Return the channels of the images that the network reads with these tensors. Raises _Misfit: with none."""
    faults = []
    given = sort_tensors(one.table, tensors, "").backbone
    for channels in (3, 1):
        shape = dataclasses.replace(pixels.shape, channels=channels, mean=(), std=())
        network = empty_backbone(one.spec, shape, "").state_dict()
        rules = fit_rules(one.table.backbone, network)
        own = {rule.ours for rule in rules if rule.how == "own"}
        expected = {name: tensor for name, tensor in network.items() if name not in own}
        lost = {name for rule in rules for name in rule.theirs} ^ set(given)
        try:
            state = read_state(rules, given, "")
            lost |= {name for name in set(state) & set(expected) if state[name].shape != expected[name].shape}
            check_shapes(expected, state, "")
            return channels
        except HeadstartError as error:
            faults.append(_Misfit(len(lost), str(error).removeprefix(": ")))
    raise min(faults, key=lambda fault: fault.tensors)


def _unknown(known: Sequence[tuple[list[str], _Candidate]], names: Collection[str], where: str) -> HeadstartError:
    """Return what is said of names that no table has; known: the strange ones, by candidate."""
    strange, nearest = min(known, key=lambda pair: len(pair[0]))
    libraries: dict[str, dict[str, None]] = {}
    for _, one in known:
        libraries.setdefault(one.spec.name, {}).update(dict.fromkeys(one.maker.split(" or ")))
    able = "; ".join(f"{name} of {', '.join(of)}" for name, of in libraries.items())
    if len(strange) <= len(names) / 2:
        shown = ", ".join(f"'{name}'" for name in strange[:3]) + (" ..." if len(strange) > 3 else "")
        place = f"{nearest.spec.name} of {nearest.maker}"
        said = f"{len(strange)} of {len(names)} tensors ({shown}) have no place in the nearest, {place}"
    else:
        said = f"its {len(names)} tensors ({', '.join(list(names)[:3])} ...) are called as in no network known here"
    return HeadstartError(f"{where}: {said} (known: {able})")


def _weights_in(path: Path) -> Path:
    """Return the file of weights. Raises HeadstartError: a folder with none or several, or with pickles alone."""
    if path.is_file():
        return path
    files = sorted(path.glob("*.safetensors"))
    if len(files) != 1:
        names = ", ".join(file.name for file in files) or "none"
        raise HeadstartError(f"{path}: one file of weights expected, .safetensors ({names} here); name the file itself")
    return files[0]


def _tensors(file: Path) -> dict[str, Tensor]:
    """Return all tensors of a file; what it is follows from its bytes. Raises HeadstartError: neither kind, damaged."""
    with open(file, "rb") as stream:
        head = stream.read(9)
    if head[8:9] == b"{":
        return load_tensors(file)
    if head[:4] == b"PK\x03\x04" or head[:1] == b"\x80":
        return _unpickled(file)
    raise HeadstartError(f"{file}: not a file of weights (safetensors, or a torch file of tensors)")


def _unpickled(file: Path) -> dict[str, Tensor]:
    """Read a torch file in a program of its own, which may read and nothing else; see `unpickle.py`."""
    program = str(Path(__file__).with_name("unpickle.py"))
    with scratch_folder("weights") as folder:
        target = folder / "tensors.safetensors"
        try:
            done = subprocess.run(
                [sys.executable, "-P", program, str(file.absolute()), str(target)],
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise HeadstartError(f"{file}: not read within {_SECONDS} s") from None
        if done.returncode or not target.is_file():
            said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise HeadstartError(f"{file}: no torch file of tensors alone ({said})")
        return load_tensors(target)


def _without_prefix(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors without what stands in front of every name."""
    for prefix in _PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            return _without_prefix({name.removeprefix(prefix): tensor for name, tensor in tensors.items()})
    return tensors
