"""compare: all routes and classical baselines on your labels; a verdict in words and a report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from headstart.base.errors import HeadstartError
from headstart.commands.asked import class_metric, label_counts, need_classes, need_report_folder, routes_asked
from headstart.commands.gate import AuditMode, audit_gate
from headstart.commands.given import Given, corpora_of, public_ledger, rows_of, workspaces_of
from headstart.commands.inputs import open_bases, say
from headstart.commands.session import Language, command_line, files, need_positive, pick_language, whole

if TYPE_CHECKING:
    from headstart.base.examples import Examples
    from headstart.base.spec import MetricSpec
    from headstart.evaluation.study import Row
    from headstart.training.artefact import Artefact

_FOR_AUDIT = 0.5  # of the time: what the audit may take at most


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
    folds: Annotated[int | None, Parameter(show=False, converter=whole)] = None,
    audit: Annotated[AuditMode, Parameter(show=False)] = "run",
    set: Annotated[list[str] | None, Parameter(show=False)] = None,
) -> Compared:
    """Compare every route on the same nested label draws, score the test rows once, say with intervals what to ship.

    Further options: --group COLUMN, --corpus FILE..., --seed N, --threads N; settings such as probe.layer=2; --folds K
    (cross-validate --data, no test file: a draw is a repetition, all labels are used); --audit run, skip (then there is
    no headline) or waive (a headline without an audit).

    Raises HeadstartError: unreadable input, unknown names, counts that the data does not have.
    """
    from headstart.base.device import set_threads
    from headstart.data.corpus import Corpus
    from headstart.data.open import as_paths

    begun = time.monotonic()
    need_positive("--minutes", minutes)
    need_positive("--draws", draws)
    out, bases, data = Path(out), as_paths(bases), as_paths(data)
    need_report_folder(out)
    sizes = label_counts(labels)
    set_threads(threads)
    specs = routes_asked(routes, set or [], classical=bases == ["none"])
    score = class_metric(metric)
    if folds is not None and test:
        raise HeadstartError("--folds cross-validates --data and takes no --test; give one of the two")
    corpus = as_paths(corpus) if corpus else None
    if corpus:
        next(Corpus(corpus).documents())  # raises where the text cannot be read
    opened = {} if bases == ["none"] else open_bases([Path(base) for base in bases])
    need_classes(data, text, label, text2)
    given = Given(
        data=data,
        test=as_paths(test) if test else None,
        columns={"text": text, "text2": text2, "label": label, "group": group},
        bases={name: str(base) for name, base in zip(opened, bases)},
        corpus=corpus,
        seed=seed,
        folds=folds,
        metric=metric,
    )
    train, test_rows, ledger = given.read()
    return run_comparison(
        opened,
        rows_of(specs, opened),
        train,
        test_rows,
        sizes=sizes,
        draws=draws,
        minutes=minutes,
        metric=score,
        out=out,
        seed=seed,
        language=pick_language(language),
        ledger=ledger,
        command=command_line(),
        folds=folds,
        audit=audit,
        given=given,
        begun=begun,
    )


def run_comparison(
    bases: Mapping[str, Artefact],
    rows: Sequence[Row],
    train: Examples,
    test: Examples,
    *,
    sizes: Sequence[int],
    draws: int,
    minutes: float,
    metric: MetricSpec,
    out: Path,
    seed: int,
    language: str,
    ledger: dict[str, Any],
    command: str,
    folds: int | None = None,
    audit: AuditMode = "run",
    given: Given | None = None,
    begun: float | None = None,
) -> Compared:
    """Audit the data, run the study of `rows` on opened `bases`, write the report; whatever compares ends here.

    minutes: for all of it, from `begun` (monotonic seconds) on. given: what the rows were read from, for `verify`.
    folds: cross-validate `train`; then `test` is the same rows and `sizes` are not looked at.
    """
    from headstart.evaluation.compare import run_study
    from headstart.evaluation.draws import check_sizes, fold_splits
    from headstart.evaluation.report import terminal_table, verdict_text, write_report
    from headstart.evaluation.slices import length_slices

    begun = time.monotonic() if begun is None else begun
    end = begun + 60 * minutes
    if folds is None:
        check_sizes(sizes, len(train))
    else:
        fold_splits(train, folds, 1, seed)
    # Nothing is left behind by a mistake above; from here on the folder is known as a comparison that can go on.
    (out / "cells").mkdir(parents=True, exist_ok=True)
    if given is not None:
        given.save(out)
    # Cross-validation tests every row of the pool, so that their texts are no unlabelled documents.
    pool = train if folds is None else None
    spaces = workspaces_of(bases, given.documents if given else None, pool)
    asked = test if folds is None else None  # a pool that is cross-validated is one part
    seconds = _FOR_AUDIT * (end - time.monotonic())
    ledger = public_ledger(ledger)
    corpora = corpora_of(bases, given.corpus if given else None)
    audited = audit_gate(audit, train, asked, corpora, ledger=ledger, seed=seed, out=out, seconds=seconds)
    for sentence in audited.sentences(language):
        say(sentence)
    facts = {
        "ledger": ledger,
        "minutes": minutes,
        "command": command,
        "bases": {name: base.receipt for name, base in bases.items()},
    }
    study = run_study(
        rows,
        train,
        test,
        spaces,
        sizes=sizes,
        draws=draws,
        seed=seed,
        seconds=max(end - time.monotonic(), 0.0),
        metric=metric,
        folder=out,
        folds=folds,
        progress=say,
        facts=facts | {"audit": audited.facts},
        slices={**audited.slices, **length_slices(test.first)},
        keep=lambda part: write_report(part, out, language),
    )
    write_report(study, out, language)
    return Compared(out, study, verdict_text(study, language), terminal_table(study, language))
