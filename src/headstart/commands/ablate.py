"""ablate: a route as it is against the same with one change each; with intervals, which change helped."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from headstart.auditing.gate import AuditMode
from headstart.commands.compare import Compared, run_comparison
from headstart.commands.comparison_options import label_counts, metric_of, need_report_folder, task_of
from headstart.commands.crew import threads_each
from headstart.commands.reading import open_bases, route_with, say, takes_of_files
from headstart.commands.session import Language, command_line, files, need_positive, pick_language, whole
from headstart.comparing.ablation import questions_of_changes
from headstart.comparing.inputs import CompareInputs
from headstart.comparing.settings import SHORT_DRAWS, StudySettings
from headstart.core.errors import HeadstartError

if TYPE_CHECKING:
    from headstart.comparing.ablation import Effect
    from headstart.core.spec import RouteSpec
    from headstart.statistics.study import Entry

# Tried where nothing is named: `fitting/regularisation.py` at the strengths of its papers, then other settings.
DEFAULT = (
    "label_smoothing=0.1",
    "mixup=0.2",
    "dropout=0.1",
    "word_dropout=0.1",
    "patience=3",
    "weight_decay=0.1",
    "layer_decay=0.8",
    "optimizer=momentum,muon",
)


@dataclass(frozen=True, repr=False)
class Ablated(Compared):
    """effects: of every change at every label count; `verdict` says them in words."""

    effects: tuple[Effect, ...] = ()


def ablate(
    base: Annotated[Path, Parameter(help="run directory or Hugging Face directory; `none` for a classical route")],
    /,
    *,
    data: Annotated[
        list[str],
        Parameter(help="labelled file(s); labels are drawn from here", consume_multiple=True, converter=files),
    ],
    out: Annotated[Path, Parameter(help="the report directory; the same command goes on where it stopped")],
    route: Annotated[str, Parameter(help="the route that is changed")] = "finetune",
    vary: Annotated[
        list[str] | None,
        Parameter(help="a change, such as mixup=0.2 or optimizer=sgd,muon (two changes); repeat it [the usual ones]"),
    ] = None,
    test: Annotated[
        list[str] | None,
        Parameter(help="labelled test file(s) [a quarter of --data]", consume_multiple=True, converter=files),
    ] = None,
    task: Annotated[str, Parameter(help="classify, regress, tag ... (`headstart list task`) [guessed and printed]")] = (
        "auto"
    ),
    text: Annotated[str | None, Parameter(help="column of texts or images [guessed and printed]")] = None,
    text2: Annotated[str | None, Parameter(help="second such column, for pairs")] = None,
    label: Annotated[str | None, Parameter(help="column of the answers [guessed and printed]")] = None,
    labels: Annotated[str, Parameter(help="label counts to try")] = "64,256",
    draws: Annotated[int, Parameter(help="most label draws per count", converter=whole)] = 30,
    minutes: Annotated[float, Parameter(help="time budget for all entries together")] = 20.0,
    metric: Annotated[str | None, Parameter(show=False, help="a score of the task [its headline score]")] = None,
    language: Annotated[Language, Parameter(show=False, help="of the report")] = "auto",
    group: Annotated[str | None, Parameter(show=False, help="column of groups that must not be split")] = None,
    seed: Annotated[int, Parameter(show=False, converter=whole)] = 0,
    threads: Annotated[int | None, Parameter(show=False, converter=whole)] = None,
    workers: Annotated[int | None, Parameter(show=False, converter=whole)] = None,
    audit: Annotated[AuditMode, Parameter(show=False)] = "run",
    settings: Annotated[list[str] | None, Parameter(name="--set", show=False)] = None,
) -> Ablated:
    """Compare a route with itself, one change at a time, on the same label draws; say which change helped.

    Draws of a label count end when every change there is found better, worse or without effect (within one point).

    Further options: --metric, --language, --group COLUMN, --seed N, --threads N, --workers N (see compare), --audit
    skip; settings of the route as it is, such as finetune.epochs=5. Without --vary its usual changes are tried.

    Raises HeadstartError: unreadable input, unknown names, a change that changes nothing.
    """
    from headstart.core.device import set_threads
    from headstart.core.sole_writer import sole_writer
    from headstart.data.open import as_paths
    from headstart.fitting.checks import other_task
    from headstart.statistics.study import Entry

    begun = time.monotonic()
    for name, value in (("--minutes", minutes), ("--draws", draws), ("--workers", workers)):
        need_positive(name, value)
    out, data = Path(out), as_paths(data)
    need_report_folder(out)
    sizes, unchanged = label_counts(labels), route_with(route, settings or [])
    set_threads(threads if workers is None else threads_each(workers, threads))
    columns = {"text": text, "text2": text2, "label": label, "group": group}
    task = task_of(data, columns, task)
    score = metric_of(metric, task)
    if other_task(unchanged, task):
        raise HeadstartError(f"--route {route}: {other_task(unchanged, task, takes_of_files(data, text))}")
    changed = changes(unchanged, vary)
    if unchanged.needs == "bases":
        raise HeadstartError(f"--route {route}: joins two bases, and ablate takes one; choose a route on one base")
    if str(base) == "none" and unchanged.needs == "base":
        raise HeadstartError(f"--route {route}: needs a pre-trained base; give a run directory, not `none`")
    bases = {} if str(base) == "none" else open_bases([Path(base)])
    inputs = CompareInputs(
        data=data,
        test=as_paths(test) if test else None,
        task=task,
        columns=columns,
        bases={name: str(base) for name in bases},
        seed=seed,
        metric=score.name,
    )
    rows = inputs.read(say).stating(minutes=minutes, command=command_line())
    where = next(iter(bases), None) if unchanged.needs == "base" else None
    entries = [Entry(unchanged, where), *(Entry(spec, where, change) for change, spec in changed.items())]
    asked = StudySettings(
        sizes=sizes,
        draws=draws,
        seconds=60 * minutes,
        metric=score,
        folder=out,
        seed=seed,
        short_draws=SHORT_DRAWS,
        questions=questions_of_changes(entries[0], entries[1:], sizes),
        workers=workers,
    )
    spoken = pick_language(language)
    with sole_writer(out, say):
        done = run_comparison(bases, entries, rows, asked, language=spoken, audit=audit, inputs=inputs, begun=begun)
        return _judged(done, entries, spoken)


def _judged(done: Compared, entries: Sequence[Entry], language: str) -> Ablated:
    """Return the comparison with the effects, which its report gets too; the first entry is the unchanged one."""
    from headstart.comparing.ablation import effects
    from headstart.reporting.ablation_text import effect_text
    from headstart.reporting.report import write_report

    unchanged, *changed = entries
    found = effects(done.study, unchanged, changed)
    told = {name: effect_text(found, unchanged.name, name, done.study.metric.limits) for name in ("en", "ko")}
    judged = [asdict(one) | {"claim": one.claim} for one in found]
    kept = {"unchanged": unchanged.name, "effects": judged, "sentences": told}
    study = replace(done.study, facts=done.study.facts | {"ablation": kept})
    write_report(study, done.folder, language)
    return Ablated(done.folder, study, told[language], done.table, done.steps, language, effects=tuple(found))


def changes(unchanged: RouteSpec, vary: Sequence[str] | None) -> dict[str, RouteSpec]:
    """Return the route with each change, by `setting=value`; without `vary` each change of DEFAULT that it can have.

    Raises HeadstartError: no such setting, a wrong value, nothing is changed, the same change twice.
    """
    names = [field.name for field in fields(unchanged)]
    asked = vary or [change for change in DEFAULT if change.partition("=")[0] in names]
    if not asked:
        raise HeadstartError(
            f"route {unchanged.name} has none of the usual settings; name a change with --vary "
            f"(settings: {', '.join(names) or 'none'})"
        )
    found: dict[str, RouteSpec] = {}
    for change in asked:
        setting, equals, text = change.partition("=")
        if not equals or not text:
            raise HeadstartError(f"--vary {change}: write a setting and its value, such as mixup=0.2")
        several = not isinstance(vars(unchanged).get(setting), tuple)
        for value in text.split(",") if several else [text]:
            spec, written = unchanged.with_settings([(setting, value)]), f"{setting}={value}"
            if written in found:
                raise HeadstartError(f"--vary {written}: is given twice")
            if spec != unchanged:
                found[written] = spec
            elif vary:
                raise HeadstartError(f"--vary {written}: changes nothing, {unchanged.name} is so already")
    return found
