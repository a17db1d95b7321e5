"""The options that compare, ablate and cross share, checked: report folder, classes, routes, label counts, metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.commands.reading import pick_task, route_with, say
from headstart.commands.session import holds_anything, need_folder
from headstart.comparing.report_folder import CELLS, ReportFolder
from headstart.core.errors import HeadstartError

if TYPE_CHECKING:
    from headstart.core.spec import MetricSpec, RouteSpec


def class_metric(name: str) -> MetricSpec:
    """Return the metric of that name. Raises HeadstartError: unknown, or it does not score classes."""
    from headstart.core import registry

    metric = registry.load("metric", name)()
    if metric.task != "classify":
        raise HeadstartError(f"--metric {name} does not score classes; take accuracy or macro_f1")
    return metric


def need_report_folder(out: Path) -> None:
    """Raise HeadstartError when `out` cannot be made, holds something that is no comparison, or is damaged."""
    need_folder(out)
    if holds_anything(out) and not (out / CELLS).is_dir():
        raise HeadstartError(f"{out} exists and is no comparison; choose another --out")
    ReportFolder(out).need_intact(say)


def need_classes(data: Sequence[str], columns: Mapping[str, str | None]) -> None:
    """Raise HeadstartError when the rows ask for something else than a class; columns: text, text2, label."""
    from headstart.data.read_request import ReadRequest

    found, why = pick_task(ReadRequest(paths=data, **columns, task="auto"))
    if found.task != "classify":
        raise HeadstartError(
            f"compare does classify only, and these rows ask for {found.task} ({why}); name a column of classes with "
            f"--label, or use transfer and evaluate, which do {found.task}"
        )


def routes_asked(names: str, settings: Sequence[str], classical: bool) -> list[RouteSpec]:
    """Return the routes asked for. Raises HeadstartError: unknown, none, or a base is needed and there is none."""
    from headstart.fitting.checks import other_task, routes_for

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


def label_counts(labels: str) -> tuple[int, ...]:
    """Return the counts written as `16,64,256`, sorted. Raises HeadstartError."""
    try:
        sizes = tuple(sorted({int(part) for part in labels.split(",") if part.strip()}))
    except ValueError:
        raise HeadstartError(f"--labels {labels}: expected whole numbers with commas, such as 16,64,256") from None
    if not sizes or sizes[0] < 1:
        raise HeadstartError(f"--labels {labels}: every count must be at least 1")
    return sizes
