"""The parts of a pre-training run and their settings, as run.json keeps them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headstart.core import registry
from headstart.core.errors import HeadstartError, nearest, unknown
from headstart.core.spec import BackboneSpec, ObjectiveSpec, ProcessorSpec
from headstart.core.spec_base import Spec, checked, hints_of
from headstart.data.batch_settings import BatchSpec
from headstart.training.plan import TrainPlan


@dataclass(frozen=True, kw_only=True)
class RunSpec(Spec):
    """The parts of a run. corpus: the keyword arguments of `Corpus`; vocabulary: None = chosen from the data.

    base: the model it starts from (or learns from, where the objective has a teacher), None = random weights; extend:
    tokens that the base's vocabulary gets for the new text; search: whether a learning rate for the base's weights is
    searched for; keep: whether the better weights are kept at the end (`Continuation`).
    """

    corpus: dict
    processor: ProcessorSpec
    backbone: BackboneSpec
    objective: ObjectiveSpec
    batches: BatchSpec
    training: TrainPlan
    vocabulary: int | None = None
    held_out: float = 0.005
    base: str | None = None
    extend: int = 0
    search: bool = False
    keep: bool = True

    def __post_init__(self) -> None:
        for name in ("vocabulary", "extend"):
            least, value = int(name == "vocabulary"), getattr(self, name)
            if value is not None and value < least:
                raise HeadstartError(f"{name}={value}: must be at least {least}")
        if not 0 <= self.held_out < 1:
            raise HeadstartError(f"held_out={self.held_out}: must be at least 0 and below 1")

    @classmethod
    def read(cls, data: dict[str, Any]) -> RunSpec:
        """Build the spec from run.json data. Raises HeadstartError: unknown part or setting."""
        kinds = hints_of(cls)
        if wrong := [name for name in data if name not in kinds]:
            raise unknown("setting of a run", wrong[0], kinds)
        try:
            parts = {axis: registry.build_spec(axis, data[axis]) for axis in ("processor", "backbone", "objective")}
            rest = {k: v for k, v in data.items() if k not in parts}
            batches, training = BatchSpec.from_dict(rest.pop("batches")), TrainPlan.from_dict(rest.pop("training"))
            rest = {name: checked(f"run.json: {name}", value, kinds[name]) for name, value in rest.items()}
            return cls(**rest, **parts, batches=batches, training=training)
        except KeyError as error:
            raise HeadstartError(f"run.json: the description of the run has no {error.args[0]}") from None
        except (TypeError, AttributeError) as error:
            raise HeadstartError(f"run.json: the description of the run is damaged ({error})") from None

    def named(self, settings: Sequence[str]) -> list[str]:
        """Return the settings with their parts: `learning_rate=1e-3` is `training.learning_rate=1e-3`.

        Raises HeadstartError: no part of the run has such a setting, or several have it.
        """
        parts = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        out = []
        for setting in settings:
            path, _, text = setting.partition("=")
            part = path.partition(".")[0]
            if part not in parts:
                setting = f"{_part_with(part, parts)}.{setting}"
            elif path in registry.FOLDERS:
                parts[path] = registry.load(
                    path, registry.named(path, text)
                )()  # what follows may be a setting of the new choice
            out.append(setting)
        return out

    def override(self, settings: Sequence[str]) -> RunSpec:
        """Return a copy with `part.field=value`, `axis=name` or `field=value` settings; those of a part at once.

        Raises HeadstartError, see `named`; a wrong value.
        """
        parts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        own: list[tuple[str, str]] = []
        asked: dict[str, list[tuple[str, str]]] = {}
        for setting in self.named(settings):
            path, _, text = setting.partition("=")
            part, _, name = path.partition(".")
            if not name and part in registry.FOLDERS:
                parts[part] = registry.load(part, registry.named(part, text))()
                asked.pop(part, None)  # they were settings of the choice before
            elif name and isinstance(parts[part], Spec):
                asked.setdefault(part, []).append((name, text))
            elif not name and not isinstance(parts[part], Spec | dict):
                own.append((part, text))
            else:
                raise HeadstartError(f"'{setting}': write {part}.<setting>=<value>")
        parts |= {part: parts[part].with_settings(chosen) for part, chosen in asked.items()}
        return dataclasses.replace(self, **parts).with_settings(own)


def _part_with(field: str, parts: dict[str, Any]) -> str:
    """Return the part of a run that has a setting. Raises HeadstartError: none has it, or several."""
    specs = {name: part for name, part in parts.items() if isinstance(part, Spec)}
    inner = {name: [one.name for one in dataclasses.fields(spec)] for name, spec in specs.items()}
    having = [name for name, fields in inner.items() if field in fields]
    if len(having) > 1:
        raise HeadstartError(f"'{field}': which one? {' or '.join(f'{name}.{field}' for name in having)}")
    if not having:
        close = nearest(field, [*parts, *(one for fields in inner.values() for one in fields)])
        raise HeadstartError(
            f"unknown setting of a run '{field}'{close} (parts: {', '.join(parts)}; every setting: docs/settings.md)"
        )
    return having[0]
