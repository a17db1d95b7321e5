"""compare: all routes and classical baselines on your labels; a verdict in words and a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from headstart.base.errors import HeadstartError
from headstart.commands.inputs import held_out_test, labelled, open_bases, pick_task, route_with, say
from headstart.commands.session import (
    Language,
    command_line,
    files,
    need_folder,
    need_positive,
    pick_language,
    whole,
)


@dataclass(frozen=True)
class Compared:
    """folder: of the report; study: all cells; verdict: in words."""

    folder: Path
    study: object
    verdict: str
    table: str

    @property
    def exit_code(self) -> int:
        """0, or 130 when Ctrl-C ended it early; the report holds what was finished."""
        return 130 if self.study.stopped == "interrupted" else 0

    def summary(self) -> str:
        """Return table, verdict and where the report is."""
        page, data = self.folder / "report.html", self.folder / "report.json"
        return f"{self.table}\n{self.verdict}\n\nreport: {page}\n        {data}"


def compare(
    bases: Annotated[
        list[Path], Parameter(help="run directories or Hugging Face directories; `none` for classical rows only")
    ],
    /,
    *,
    data: Annotated[
        list[str],
        Parameter(help="labelled file(s); labels are drawn from here", consume_multiple=True, converter=files),
    ],
    out: Annotated[Path, Parameter(help="the report directory; the same command goes on where it stopped")],
    test: Annotated[
        list[str] | None,
        Parameter(help="labelled test file(s) [a quarter of --data]", consume_multiple=True, converter=files),
    ] = None,
    text: Annotated[str | None, Parameter(help="text column [guessed and printed]")] = None,
    text2: Annotated[str | None, Parameter(help="second text column, for pairs")] = None,
    label: Annotated[str | None, Parameter(help="label column [guessed and printed]")] = None,
    labels: Annotated[str, Parameter(help="label counts to try")] = "16,64,256",
    draws: Annotated[int, Parameter(help="random label draws per count", converter=whole)] = 10,
    minutes: Annotated[float, Parameter(help="time budget for all rows together")] = 20.0,
    routes: Annotated[str, Parameter(help="comma-separated routes, or all")] = "all",
    metric: Annotated[str, Parameter(help="accuracy or macro_f1")] = "accuracy",
    language: Annotated[Language, Parameter(help="of the report")] = "auto",
    group: Annotated[str | None, Parameter(show=False, help="column of groups that must not be split")] = None,
    corpus: Annotated[
        list[str] | None,
        Parameter(show=False, help="unlabelled text [the base's own]", consume_multiple=True, converter=files),
    ] = None,
    seed: Annotated[int, Parameter(show=False, converter=whole)] = 0,
    threads: Annotated[int | None, Parameter(show=False, converter=whole)] = None,
    set: Annotated[list[str] | None, Parameter(show=False)] = None,
) -> Compared:
    """Compare every route on the same nested label draws, score the test rows once, say with intervals what to ship.

    Further options: --group COLUMN, --corpus FILE..., --seed N, --threads N; settings such as probe.layer=2.

    Raises HeadstartError: unreadable input, unknown names, counts that the data does not have.
    """
    from headstart.base import registry
    from headstart.base.device import set_threads
    from headstart.data.corpus import Corpus
    from headstart.data.open import as_paths

    need_positive("--minutes", minutes)
    need_positive("--draws", draws)
    out, bases, data = Path(out), as_paths(bases), as_paths(data)
    _need_report_folder(out)
    sizes = label_counts(labels)
    set_threads(threads)
    specs = _routes(routes, set or [], classical=bases == ["none"])
    score = registry.load("metric", metric)()
    if score.task != "classify":
        raise HeadstartError(f"--metric {metric} does not score classes; take accuracy or macro_f1")
    corpus = as_paths(corpus) if corpus else None
    if corpus:
        next(Corpus(corpus).documents())  # raises where the text cannot be read
    opened = {} if bases == ["none"] else open_bases([Path(base) for base in bases])
    _need_classes(data, text, label, text2)
    train, train_ledger = labelled(data, text, label, text2, group=group)
    if test:
        test_rows, test_ledger = labelled(
            as_paths(test), text, label, text2, train.classes, group, remembered=train_ledger["columns"]
        )
    else:
        train, test_rows = held_out_test(train, seed)
        test_ledger = {"files": train_ledger["files"], "used": len(test_rows)}
        say(
            f"no --test: {len(test_rows):,} of the rows are held out for testing, "
            f"{len(train):,} are left to draw labels from"
        )
    ledger = {"training": train_ledger, "test": test_ledger}
    return run_comparison(
        opened,
        specs,
        train,
        test_rows,
        sizes=sizes,
        draws=draws,
        minutes=minutes,
        metric=score,
        out=out,
        seed=seed,
        language=pick_language(language),
        corpus=corpus,
        ledger=ledger,
        command=command_line(),
    )


def _need_report_folder(out: Path) -> None:
    """Raise HeadstartError when `out` cannot be made or holds something that is no comparison."""
    need_folder(out)
    if out.is_dir() and any(out.iterdir()) and not (out / "cells").is_dir():
        raise HeadstartError(f"{out} exists and is no comparison; choose another --out")


def _need_classes(data: list[str], text: str | None, label: str | None, text2: str | None) -> None:
    """Raise HeadstartError when the rows ask for something else than a class."""
    task, why = pick_task("auto", data, text, label, text2)
    if task != "classify":
        raise HeadstartError(
            f"compare does classify only, and these rows ask for {task} ({why}); name a column of classes with "
            f"--label, or use transfer and evaluate, which do {task}"
        )


def _routes(names: str, settings: list[str], classical: bool) -> list:
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


def run_comparison(
    bases, specs, train, test, *, sizes, draws, minutes, metric, out, seed, language, corpus, ledger, command
) -> Compared:
    """Run the study of `specs` on opened `bases` and write the report; `compare` and `demo` both end here."""
    from headstart.data.corpus import Corpus
    from headstart.evaluation.compare import run_study
    from headstart.evaluation.report import terminal_table, verdict_text, write_report
    from headstart.evaluation.study import Row
    from headstart.routes.workspace import Workspace

    source = (lambda: Corpus(corpus).documents()) if corpus else None
    first = next(iter(bases.values()), None)
    workspaces = {None: Workspace(first, source)} | {name: Workspace(base, source) for name, base in bases.items()}
    rows = [Row(spec) for spec in specs if spec.needs != "base"]
    rows += [Row(spec, name) for spec in specs if spec.needs == "base" for name in bases]
    facts = {"ledger": ledger, "command": command, "bases": {name: base.receipt for name, base in bases.items()}}
    study = run_study(
        rows,
        train,
        test,
        workspaces,
        sizes=sizes,
        draws=draws,
        seed=seed,
        seconds=minutes * 60,
        metric=metric,
        folder=out,
        progress=say,
        facts=facts,
    )
    write_report(study, out, language)
    return Compared(out, study, verdict_text(study, language), terminal_table(study, language))
