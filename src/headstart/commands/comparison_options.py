"""The options that compare, ablate and cross share, checked: report folder, task, metric, routes, label counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.commands.reading import metrics_of, pick_task, routes_with, say
from headstart.commands.session import holds_anything, need_folder
from headstart.comparing.report_folder import CELLS, ReportFolder
from headstart.comparing.work_queue import WorkQueue
from headstart.core.errors import HeadstartError, unknown

if TYPE_CHECKING:
    from headstart.core.spec import MetricSpec, RouteSpec

_USUAL, _CLEARLY_MORE = (16, 64, 256), 1.5


def need_report_folder(out: Path) -> None:
    """Raise HeadstartError when `out` cannot be made, holds something that is no comparison, or is damaged.

    Likewise where another command compares there by a queue.
    """
    need_folder(out)
    if holds_anything(out) and not (out / CELLS).is_dir():
        raise HeadstartError(f"{out} exists and is no comparison; choose another --out")
    WorkQueue(out).need_free()
    ReportFolder(out).need_intact(say)


def task_of(data: Sequence[str], columns: Mapping[str, str | None], task: str) -> str:
    """Return what is asked of the rows and say why; columns: text, text2, label, group. task: its name, or auto.

    Raises HeadstartError: unknown task, no such column.
    """
    from headstart.data.read_request import ReadRequest

    found, why = pick_task(ReadRequest(paths=data, **columns, task=task))
    if why:
        say(f"task: {found.task} ({why}; another one by --task)")
    return found.task


def metric_of(name: str | None, task: str) -> MetricSpec:
    """Return the metric of that name, without a name the headline score of the task.

    Raises HeadstartError: unknown, or it scores another task.
    """
    from headstart.core import registry

    name = name and registry.named("metric", name)
    own = metrics_of(task)
    if name is None:
        return next(iter(own.values()))
    if name in own:
        return own[name]
    if name not in registry.names("metric"):
        raise unknown("metric", name, list(own))
    scores = registry.load("metric", name)().task
    raise HeadstartError(
        f"--metric {name}: it scores {scores}, and these rows ask for {task} (allowed: {', '.join(own)})"
    )


def routes_asked(
    names: str, settings: Sequence[str], task: str, classical: bool, takes: str = "text"
) -> list[RouteSpec]:
    """Return the routes asked for; takes: what the rows hold.

    Raises HeadstartError: unknown, none, another task or other items, a base is needed and missing.
    """
    from headstart.core import registry
    from headstart.fitting.checks import other_items, other_task, routes_for

    able = routes_for(task, takes)
    chosen = able if names == "all" else [name.strip() for name in names.split(",") if name.strip()]
    if not chosen:
        raise HeadstartError(f"--routes '{names}': no route is named (allowed: all, {', '.join(able)})")
    chosen = [registry.named("route", name) for name in chosen]
    for name in chosen:
        if name not in registry.names("route"):
            raise unknown("route", name, able)
    specs = routes_with(list(dict.fromkeys(chosen)), settings)
    for spec in specs:
        if refusal := other_task(spec, task, takes):
            raise HeadstartError(f"--routes {spec.name}: {refusal}")
        if refusal := other_items(spec, takes):
            raise HeadstartError(f"--routes {spec.name}: {refusal}; {', '.join(able)} do")
    if classical and names != "all" and (lost := [spec.name for spec in specs if spec.needs in ("base", "bases")]):
        raise HeadstartError(f"--routes {','.join(lost)}: needs a pre-trained base; give a run directory, not `none`")
    return specs


def label_counts(labels: str) -> tuple[int, ...]:
    """Return the counts written as `16,64,256`, sorted. Raises HeadstartError."""
    try:
        sizes = tuple(sorted({int(part) for part in labels.split(",") if part.strip()}))
    except ValueError:
        raise HeadstartError(f"--labels {labels}: expected whole numbers with commas, such as 16,64,256") from None
    if not sizes or sizes[0] < 1:
        raise HeadstartError(f"--labels {labels}: every count must be at least 1")
    return sizes


def usual_counts(pool: int) -> tuple[int, ...]:
    """Return 16, 64 and 256 as far as a pool of labelled rows goes, and the whole pool where that is clearly more."""
    found = [count for count in _USUAL if count <= pool]
    if pool < _USUAL[-1] and (not found or pool >= _CLEARLY_MORE * found[-1]):
        found.append(pool)
    return tuple(found)
