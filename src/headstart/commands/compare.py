"""compare: all routes and classical baselines on your labels; a verdict in words and a report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from headstart.auditing.gate import AuditMode, GateResult, GateSettings, audit_gate, left_out
from headstart.commands.comparison_options import (
    label_counts,
    metric_of,
    need_report_folder,
    routes_asked,
    task_of,
    usual_counts,
)
from headstart.commands.crew import crew_of, threads_each
from headstart.commands.reading import need_unlearned, open_bases, say, takes_of_files, tell_foreign, tell_texts
from headstart.commands.reporter import reporter
from headstart.commands.results import InFolder
from headstart.commands.session import Language, command_line, files, need_positive, pick_language, whole
from headstart.commands.winner import leave_winner
from headstart.comparing.inputs import CompareInputs, corpora_of, entries_of, workspaces_of
from headstart.comparing.report_folder import ReportFolder
from headstart.comparing.settings import StudyData, StudySettings, WinnerRows
from headstart.core.disk_cache import DiskCache
from headstart.core.errors import HeadstartError

if TYPE_CHECKING:
    from headstart.comparing.verdict import SizeVerdict
    from headstart.statistics.study import Entry, Study
    from headstart.training.pretrained_model import PretrainedModel

_MOST_DRAWS, _DEEP_DRAWS = 30, 10
_FOR_AUDIT = 0.5  # the share of the time that the audit may take at most
_FOR_LAYERS = 0.03  # the share of the time left that embedding rows for a probe by layer may take


@dataclass(frozen=True, repr=False)
class Compared(InFolder):
    """folder: of the report; study: all cells; verdict, table, steps: the answer, the scores, what next, as text.

    language: of what a notebook shows. shipped: what is said of the model that is left behind. interrupted: while it
    was trained.
    """

    folder: Path
    study: Study
    verdict: str
    table: str
    steps: str = ""
    language: str = "en"
    shipped: str = ""
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """0, or 130 when Ctrl-C ended it early; the report holds what was finished."""
        return 130 if self.interrupted or self.study.stopped == "interrupted" else 0

    @property
    def verdicts(self) -> tuple[SizeVerdict, ...]:
        """The verdict at each label count."""
        from headstart.reporting.findings import findings

        return findings(self.study).verdicts

    @property
    def winner(self) -> str | None:
        """The best entry at the most labels, or None where none was shown to be better than guessing."""
        return self.verdicts[-1].best if self.verdicts else None

    def to_frame(self) -> Any:
        """Return a pandas DataFrame, a row per entry and label count; see `result_rows`. HeadstartError: no pandas."""
        from headstart.reporting.result import RESULT, frame, result_rows

        return frame(result_rows(self.study), RESULT)

    def __repr__(self) -> str:
        """Return winner, whether pre-training paid, and the folder."""
        from headstart.reporting.result import result_repr

        return result_repr(self.study, self.folder)

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from headstart.reporting.result import result_html

        return result_html(self.study, self.language)

    def summary(self) -> str:
        """Return the answer, the scores of the finalists, what next, where report and model are."""
        page, data = self.folder / "report.html", self.folder / "report.json"
        told = [self.verdict, "", self.table, self.steps, f"report: {page}\n        {data}"]
        return "\n".join(filter(None, [*told, self.shipped]))


def compare(
    bases: Annotated[
        list[Path], Parameter(help="run directories or Hugging Face directories; `none` for classical routes only")
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
        Parameter(
            help="labelled test file(s) [a quarter of --data; of few rows half, in folds]",
            consume_multiple=True,
            converter=files,
        ),
    ] = None,
    task: Annotated[str, Parameter(help="classify, regress, tag ... (`headstart list task`) [guessed and printed]")] = (
        "auto"
    ),
    text: Annotated[str | None, Parameter(help="column of texts or images [guessed and printed]")] = None,
    text2: Annotated[str | None, Parameter(help="second such column, for pairs")] = None,
    label: Annotated[str | None, Parameter(help="column of the answers [guessed and printed]")] = None,
    labels: Annotated[str | None, Parameter(help="label counts to try [16,64,256 as far as the rows go]")] = None,
    draws: Annotated[int | None, Parameter(help="most label draws per count [30; --deep: 10]", converter=whole)] = None,
    minutes: Annotated[float, Parameter(help="time budget for all entries together")] = 20.0,
    routes: Annotated[str, Parameter(help="comma-separated routes, or all that do the task")] = "all",
    deep: Annotated[bool, Parameter(negative=(), help="no screening: every route in every draw; takes hours")] = False,
    winner: Annotated[bool, Parameter(help="train the best on all labelled rows, for predict: OUT/winner")] = True,
    metric: Annotated[str | None, Parameter(help="a score of the task [its headline score]")] = None,
    target: Annotated[float | None, Parameter(help="a score to reach; the report says with how many labels")] = None,
    language: Annotated[Language, Parameter(help="of the report")] = "auto",
    group: Annotated[str | None, Parameter(show=False, help="column of groups that must not be split")] = None,
    corpus: Annotated[
        list[str] | None,
        Parameter(
            show=False, help="unlabelled texts or images [the base's own]", consume_multiple=True, converter=files
        ),
    ] = None,
    seed: Annotated[int, Parameter(show=False, converter=whole)] = 0,
    threads: Annotated[int | None, Parameter(show=False, converter=whole)] = None,
    folds: Annotated[int | None, Parameter(show=False, converter=whole)] = None,
    audit: Annotated[AuditMode, Parameter(show=False)] = "run",
    workers: Annotated[
        int | None, Parameter(help="processes that compare at once [this one alone]; helped by `work`", converter=whole)
    ] = None,
    settings: Annotated[list[str] | None, Parameter(name="--set", show=False)] = None,
) -> Compared:
    """Screen every route on the labelled rows, confirm the best on fresh draws and the test rows, say what to ship.

    At most six finalists meet the test rows; draws end when the answer is known. --deep compares all in all draws.
    Vectors are kept in $HEADSTART_CACHE [~/.cache/headstart, at most 2 GB] for the next command; --no-cache: not.
    Further options: --group COLUMN, --corpus FILE..., --seed N, --threads N; settings such as probe.layer=2; --folds K
    (cross-validate --data, no test file: a draw is a repetition, all labels are used; 0: one test part, where of fewer
    than 1,000 rows half are cross-validated otherwise); --audit run, skip (then there is
    no headline) or waive (a headline without an audit).

    Raises HeadstartError: unreadable input, unknown names, counts that the data does not have.
    """
    from headstart.comparing.target import check_target
    from headstart.core.device import set_threads
    from headstart.core.sole_writer import sole_writer
    from headstart.data.corpus import Corpus
    from headstart.data.open import as_paths

    begun = time.monotonic()
    need_positive("--minutes", minutes)
    screened = not deep and not folds
    draws = (_MOST_DRAWS if screened else _DEEP_DRAWS) if draws is None else draws
    need_positive("--draws", draws)
    out, bases, data = Path(out), as_paths(bases), as_paths(data)
    need_positive("--workers", workers)
    need_report_folder(out)
    sizes = None if labels is None else label_counts(labels)
    set_threads(threads if workers is None else threads_each(workers, threads))
    columns = {"text": text, "text2": text2, "label": label, "group": group}
    task = task_of(data, columns, task)
    score = metric_of(metric, task)
    check_target(target, score)
    specs = routes_asked(routes, settings or [], task, bases == ["none"], takes_of_files(data, text))
    if folds and test:
        raise HeadstartError("--folds cross-validates --data and takes no --test; give one of the two")
    if corpus := as_paths(corpus) if corpus else None:
        next(Corpus(corpus).documents())  # raises where the text cannot be read
    opened = {} if bases == ["none"] else open_bases([Path(base) for base in bases])
    inputs = CompareInputs(
        data=data,
        test=as_paths(test) if test else None,
        task=task,
        columns=columns,
        bases={name: str(base) for name, base in zip(opened, bases)},
        corpus=corpus,
        seed=seed,
        folds=folds,
        metric=score.name,
    )
    rows = inputs.read(say).stating(minutes=minutes, command=command_line(), target=target)
    if winner:
        rows = replace(rows, winner=WinnerRows(inputs.labelled_rows(rows), (inputs.test or data)[0]))
    how = {"draws": draws, "seconds": 60 * minutes, "seed": seed, "folds": folds or None, "screened": screened}
    how["workers"] = workers
    asked = StudySettings(sizes=sizes or usual_counts(rows.most_labels), metric=score, folder=out, **how)
    more = {"language": pick_language(language), "audit": audit, "inputs": inputs, "begun": begun}
    with sole_writer(out, say):
        return run_comparison(opened, entries_of(specs, opened), rows, asked, **more)


def run_comparison(
    bases: Mapping[str, PretrainedModel],
    entries: Sequence[Entry],
    data: StudyData,
    settings: StudySettings,
    *,
    language: str,
    audit: AuditMode = "run",
    inputs: CompareInputs | None = None,
    begun: float | None = None,
) -> Compared:
    """Audit the data, run the study of `entries` on opened `bases`, write the report; every comparison ends here.

    The caller is the only one that writes into the folder (`sole_writer`).

    `settings.seconds` are for all of it, from `begun` (monotonic seconds) on. inputs: what the rows were read from, for
    `verify`.
    """
    from headstart.comparing.draws import check_sizes, fold_splits
    from headstart.comparing.job import shared_cache
    from headstart.comparing.run_study import run_study
    from headstart.comparing.screen_and_confirm import run_screened
    from headstart.comparing.work_queue import WorkQueue
    from headstart.reporting.audit_text import gate_facts
    from headstart.reporting.report import terminal_answer, terminal_steps, terminal_table
    from headstart.statistics.slices import length_slices

    end = (time.monotonic() if begun is None else begun) + settings.seconds
    if settings.folds is None:
        check_sizes(settings.sizes, data.most_labels)
    else:
        fold_splits(data.train, settings.folds, 1, settings.seed)
    need_unlearned(bases, [data.train] if data.train is data.test else [data.train, data.test])
    if inputs is None or not inputs.corpus:
        tell_texts(bases)
    # A mistake above leaves nothing behind; from here on the folder is known as a comparison that can go on.
    ReportFolder(settings.folder).begin()
    if inputs is not None:
        inputs.save(settings.folder)
    # Cross-validation tests every row of the pool, so that their texts are no unlabelled documents.
    pool = data.train if settings.folds is None else None
    cache = DiskCache.of_user(say) if settings.workers is None else shared_cache(WorkQueue(settings.folder))
    spaces = workspaces_of(bases, inputs.documents if inputs else None, pool, cache)
    with crew_of(entries, data, spaces, settings) as crew:
        gate = left_out(audit) if audit != "run" else _audited(bases, data, settings, inputs, end)
        facts = gate_facts(gate)
        for sentence in facts.get("sentences", {}).get(language, []):
            say(sentence)
        foreign = tell_foreign(bases, data.train.items, language)
        receipts = {name: _receipt(base) for name, base in bases.items()}
        data = data.stating(bases=receipts, audit=facts, foreign=foreign, **_layers(bases, data, settings, end))
        keep = reporter(bases, data, settings, language)
        study = (run_screened if settings.screened else run_study)(
            entries,
            replace(data, slices={**gate.slices, **length_slices(data.test.items)}),
            spaces,
            replace(settings, seconds=max(end - time.monotonic(), 0.0)),
            progress=say,
            keep=keep,
            crew=crew,
        )
    for space in spaces.values():
        space.flush()
    keep(study)
    left = leave_winner(study, entries, data, spaces, settings, language=language, end=end)
    if "winner" in study.facts:
        keep(study)
    told = [words(study, language) for words in (terminal_answer, terminal_table, terminal_steps)]
    return Compared(settings.folder, study, *told, language, left.text, left.interrupted)


def _layers(
    bases: Mapping[str, PretrainedModel], data: StudyData, settings: StudySettings, end: float
) -> dict[str, Any]:
    """Return, as a fact, how well each layer of the bases reads; nothing for texts, or where time is short.

    Nothing either where the whole pool is cross-validated: there its rows are test rows.
    """
    from headstart.inspection.layers import probe_layers

    if data.train.takes != "image" or data.train.task != "classify" or settings.folds is not None:
        return {}
    each = _FOR_LAYERS * (end - time.monotonic()) / max(len(bases), 1)
    how = {"labels": max(settings.sizes), "seed": settings.seed, "seconds": each}
    found = {name: probe_layers(base, data.train, **how) for name, base in bases.items()}
    shown = {name: one for name, one in found.items() if one is not None}
    if not shown:
        return {}
    first = next(iter(shown.values()))  # rows are the same for all of them
    scores = {name: [asdict(score) for score in one.scores] for name, one in shown.items()}
    return {"layers": {"labels": first.labels, "held": first.held, "bases": scores}}


def _receipt(base: PretrainedModel) -> dict[str, Any]:
    """Return the receipt of a base, with how its held-out loss went where its run is at hand."""
    from headstart.training.held_out import held_out_fall

    fall = held_out_fall(base.path) if base.path else None
    return base.receipt | ({"held_out": fall} if fall else {})


def _audited(
    bases: Mapping[str, PretrainedModel],
    data: StudyData,
    settings: StudySettings,
    inputs: CompareInputs | None,
    end: float,
) -> GateResult:
    """Return the audit of the rows; a pool that is cross-validated is one part, without test rows.

    Near copies of images are checked by the vectors of the first base.
    """
    base = next(iter(bases.values()), None) if data.train.takes == "image" else None
    return audit_gate(
        data.train,
        data.test if settings.folds is None else None,
        corpora_of(bases, inputs.corpus if inputs else None),
        GateSettings(
            seed=settings.seed,
            folder=settings.folder,
            seconds=_FOR_AUDIT * (end - time.monotonic()),
            base=base and (base.identity, base.embed),
        ),
        ledger=data.facts["ledger"],
        say=say,
    )
