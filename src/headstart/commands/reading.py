"""Inputs of the verbs: the task of labelled files, bases, routes with settings, and messages on standard error."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.core.errors import HeadstartError
from headstart.core.progress_line import ProgressLine, shown_in_notebook
from headstart.core.spoken import language, spoken

if TYPE_CHECKING:
    from headstart.core.examples import Examples
    from headstart.core.spec import LoggerSpec, MetricSpec, RouteSpec
    from headstart.data.read_request import ReadRequest
    from headstart.training.pretrained_model import PretrainedModel

_MOST_LEARNED = 0.01  # share of the rows of a comparison whose answers a base may know


def say(text: str) -> None:
    """Print a message to standard error, in the language of the user; a notebook shows a line of progress once."""
    if isinstance(text, ProgressLine) and shown_in_notebook(text):
        return
    print(spoken(text), file=sys.stderr, flush=True)


def pick_task(request: ReadRequest) -> tuple[ReadRequest, str]:
    """Return (the request with its task, reason of the guess or ""); task `auto` is guessed from the columns.

    Raises HeadstartError: unknown task.
    """
    from headstart.core import registry
    from headstart.data.task_guess import guess_task

    if request.task == "auto":
        task, why = guess_task(request)
        return replace(request, task=task), why
    request = replace(request, task=registry.named("task", request.task))
    registry.load("task", request.task)
    return request, ""


def takes_of_files(data: Sequence[str], text: str | None) -> str:
    """Return what the rows of these files hold, `text` or `image`; text: the column of the items, None = guessed."""
    from headstart.core.examples import ImageRef
    from headstart.data.columns import guess_text
    from headstart.data.task_files import first_rows

    rows = first_rows(data)
    column = text or guess_text(rows, str(data[0]))[0]
    return "image" if any(isinstance(row.get(column), ImageRef) for row in rows) else "text"


def metrics_of(task: str) -> dict[str, MetricSpec]:
    """Return the metrics of a task by name, its headline score first."""
    from headstart.core import registry

    headline = registry.load("task", task).metric
    every = {name: registry.load("metric", name)() for name in registry.names("metric")}
    own = [name for name, metric in every.items() if metric.task == task]
    return {name: every[name] for name in sorted(own, key=lambda name: name != headline)}


def asked_loggers(names: str | None) -> list[LoggerSpec]:
    """Return the loggers of `--log tensorboard,csv`. Raises HeadstartError: no such logger."""
    from headstart.core import registry

    if names is None:
        return []
    given = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    if not given:
        raise HeadstartError(f"--log '{names}': name at least one of {', '.join(registry.names('logger'))}")
    return [registry.load("logger", registry.named("logger", name))() for name in given]


def open_bases(paths: Sequence[Path]) -> dict[str, PretrainedModel]:
    """Open every base; names are the folders' names, made distinct. Raises HeadstartError."""
    from headstart.training.describe import describe
    from headstart.training.pretrained_model import PretrainedModel

    bases: dict[str, PretrainedModel] = {}
    for path in paths:
        pretrained = PretrainedModel.open(path)
        for warning in pretrained.warnings:
            say(f"warning: {warning}")
        name = pretrained.name if pretrained.name not in bases else str(path)
        bases[name] = pretrained
        say(f"base {name}: {describe(pretrained)}")
    return bases


def tell_texts(bases: Mapping[str, PretrainedModel]) -> None:
    """Say which bases were trained on a text that is not at hand any more, or that nobody can check.

    To be called where no corpus is given, and the bases' own would be read.
    """
    for name, base in bases.items():
        if base.corpus is None:
            continue
        try:
            base.trained_on()
        except HeadstartError as error:
            say(f"note: {error}")
        else:
            if not base.fingerprint:
                say(f"note: base {name} did not keep what its text was like; it is read as it is now")


def tell_foreign(
    bases: Mapping[str, PretrainedModel], items: Sequence[Any], into: str | None = None
) -> dict[str, dict[str, Any]]:
    """Say which bases hardly know these texts, and return what was found by the name of the base, as JSON data.

    into: the language; by default the one that was chosen.
    """
    from headstart.reporting.remarks import foreign_sentence
    from headstart.training.coverage import unread

    seen = {name: unread(base.processor, items) for name, base in bases.items()}
    foreign = {name: found._asdict() for name, found in seen.items() if found is not None}
    for name, found in foreign.items():
        say(foreign_sentence(name, found, into or language()))
    return foreign


def need_unlearned(bases: Mapping[str, PretrainedModel], parts: Sequence[Examples]) -> None:
    """Say how many of the rows each base has learned with their answers. Raises HeadstartError: more than 1 %.

    A few are what two data sets have in common by chance; more, and a comparison on them would be dishonest.
    """
    from headstart.fitting.task_model_files import learned_labels

    for name, base in bases.items():
        if base.path is None:
            continue
        rows = sum(len(part) for part in parts)
        known = sum(int(learned_labels(base.path, part).sum()) for part in parts)
        told = f"base {name}: it learned the answers of {known:,} of these {rows:,} rows"
        if known > _MOST_LEARNED * rows:
            raise HeadstartError(f"{told}, and what it gets right there is no surprise; compare it on other rows")
        if known:
            say(f"warning: {told}")


def spec_with(axis: str, name: str, settings: Sequence[str]) -> Any:
    """Return the choice `name` of an axis with `<name>.field=value` or `field=value` settings."""
    from headstart.core import registry

    spec = registry.load(axis, name)()
    pairs = (setting.partition("=") for setting in settings)
    return spec.with_settings(
        (path.removeprefix(f"{spec.name}.").removeprefix(f"{axis}."), text) for path, _, text in pairs
    )


def route_with(name: str, settings: Sequence[str]) -> RouteSpec:
    """Return the route `name` with `route.field=value`, `<name>.field=value` or `field=value` settings."""
    return routes_with([name], settings)[0]


def routes_with(names: Sequence[str], settings: Sequence[str]) -> list[RouteSpec]:
    """Return the routes with `<name>.field=value` settings, and those that have it with `field=value` settings.

    Raises HeadstartError: no such route or setting, a setting of a route that is not asked for, a wrong value.
    """
    from headstart.core import registry

    names = [registry.named("route", name) for name in names]
    specs = {name: registry.load("route", name)() for name in names}
    has = {name: [field.name for field in dataclasses.fields(spec)] for name, spec in specs.items()}
    own: dict[str, list[tuple[str, str]]] = {name: [] for name in names}
    for setting in settings:
        path, _, text = setting.partition("=")
        part, dot, field = path.removeprefix("route.").partition(".")
        mine = [part] if dot and part in own else [name for name in names if part in has[name]]
        if not mine and dot and part in registry.names("route"):
            raise HeadstartError(f"'{setting}': route {part} is not asked for (asked for: {', '.join(names)})")
        if not mine and (dot or len(names) > 1):
            known = sorted({field for fields in has.values() for field in fields})
            raise registry.unknown("route or setting", part, [*names, *known])
        for name in mine or names:
            own[name].append((field if part == name and dot else path.removeprefix("route."), text))
    return [spec.with_settings(own[name]) for name, spec in specs.items()]
