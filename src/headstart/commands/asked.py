"""What compare, ablate and cross are asked alike: report folder, classes, routes, label counts, metric; all checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.base.errors import HeadstartError
from headstart.commands.inputs import pick_task, route_with
from headstart.commands.session import holds_anything, need_folder

if TYPE_CHECKING:
    from headstart.base.spec import MetricSpec, RouteSpec


def class_metric(name: str) -> MetricSpec:
    """Return the metric of that name. Raises HeadstartError: unknown, or it does not score classes."""
    from headstart.base import registry

    metric = registry.load("metric", name)()
    if metric.task != "classify":
        raise HeadstartError(f"--metric {name} does not score classes; take accuracy or macro_f1")
    return metric


def need_report_folder(out: Path) -> None:
    """Raise HeadstartError when `out` cannot be made or holds something that is no comparison."""
    need_folder(out)
    if holds_anything(out) and not (out / "cells").is_dir():
        raise HeadstartError(f"{out} exists and is no comparison; choose another --out")


def need_classes(data: Sequence[str], text: str | None, label: str | None, text2: str | None) -> None:
    """Raise HeadstartError when the rows ask for something else than a class."""
    task, why = pick_task("auto", data, text, label, text2)
    if task != "classify":
        raise HeadstartError(
            f"compare does classify only, and these rows ask for {task} ({why}); name a column of classes with "
            f"--label, or use transfer and evaluate, which do {task}"
        )


def routes_asked(names: str, settings: Sequence[str], classical: bool) -> list[RouteSpec]:
    """Return the routes asked for. Raises HeadstartError: unknown, none, or a base is needed and there is none."""
    from headstart.routes.checks import other_task, routes_for

    able = routes_for("classify")
    chosen = able if names == "all" else [name.strip() for name in names.split(",") if name.strip()]
    if not chosen:
        raise HeadstartError(f"--routes '{names}': no route is named (allowed: all, {', '.join(able)})")
    specs = [route_with(name, settings) for name in dict.fromkeys(chosen)]
    for spec in specs:
        if refusal := other_task(spec, "classify"):
            raise HeadstartError(f"--routes {spec.name}: {refusal}")
    if classical and names != "all" and (lost := [spec.name for spec in specs if spec.needs == "base"]):
        raise HeadstartError(f"--routes {','.join(lost)}: needs a pre-trained base; give a run directory, not `none`")
    return specs


def label_counts(labels: str) -> list[int]:
    """Return the counts written as `16,64,256`, sorted. Raises HeadstartError."""
    try:
        sizes = sorted({int(part) for part in labels.split(",") if part.strip()})
    except ValueError:
        raise HeadstartError(f"--labels {labels}: expected whole numbers with commas, such as 16,64,256") from None
    if not sizes or sizes[0] < 1:
        raise HeadstartError(f"--labels {labels}: every count must be at least 1")
    return sizes
