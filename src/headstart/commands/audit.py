"""audit: what is in the files before any score: duplicates, leaks, doubtful labels, shifts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from headstart.commands.reading import open_bases, pick_task, say
from headstart.commands.results import TableResult
from headstart.commands.session import Language, files, need_folder, pick_language, whole
from headstart.core.errors import HeadstartError

if TYPE_CHECKING:
    from headstart.auditing.audit import Audit
    from headstart.core.examples import Examples
    from headstart.data.ledger import Ledger
    from headstart.data.read_request import ReadRequest
    from headstart.data.row import Row

_SHEETS = "sheets"  # folder of the contact sheets, in that of the report


@dataclass(frozen=True, repr=False)
class Audited(TableResult):
    """audit: the findings, see `headstart.auditing.audit.Audit`; lines: in words; folder: of the report, or None;
    sheets: names of the contact sheets in its folder `sheets`."""

    audit: Audit
    lines: list[str]
    folder: Path | None
    sheets: tuple[str, ...] = ()

    def rows_of_result(self) -> list[dict[str, Any]]:
        """Return a row for each finding."""
        return [{"finding": line} for line in self.lines]

    def told(self) -> list[str]:
        """See `TableResult`: how many findings there are, and the first of them."""
        return [f"{len(self.lines):,} findings", *self.lines[:2]]

    def summary(self) -> str:
        """Return the findings in words, the audit's identity, and where the report is."""
        text = "\n".join([*(f"- {line}" for line in self.lines), "", f"audit: {self.audit.identity}"])
        if self.folder is None:
            return text
        text += f"\nreport: {self.folder / 'audit.html'}\n        {self.folder / 'audit.json'}"
        shown = f"{len(self.sheets)} contact sheets in {self.folder / _SHEETS}"
        return f"{text}\n        {shown}" if self.sheets else text


def audit(
    data: Annotated[list[str], Parameter(help="labelled or unlabelled file(s), folders, or -", converter=files)],
    /,
    *,
    test: Annotated[
        list[str] | None,
        Parameter(help="test file(s), held against DATA and the corpus", consume_multiple=True, converter=files),
    ] = None,
    corpus: Annotated[
        list[str] | None,
        Parameter(
            help="what was used for pre-training, held against the test rows", consume_multiple=True, converter=files
        ),
    ] = None,
    text: Annotated[str | None, Parameter(help="column of texts or images [guessed and printed]")] = None,
    text2: Annotated[str | None, Parameter(help="second such column, for pairs [guessed and printed]")] = None,
    label: Annotated[str | None, Parameter(help="column of the answers [guessed and printed]")] = None,
    group: Annotated[str | None, Parameter(help="column of groups that must not be on both sides")] = None,
    task: Annotated[str, Parameter(help="what is asked; `headstart list task`")] = "auto",
    base: Annotated[
        Path | None, Parameter(help="a network whose vectors doubt labels and check near copies of images")
    ] = None,
    out: Annotated[Path | None, Parameter(help="folder for audit.html and audit.json")] = None,
    language: Annotated[Language, Parameter(help="of the findings")] = "auto",
    seed: Annotated[int, Parameter(help="of folds and samples", converter=whole)] = 0,
) -> Audited:
    """Look through data for what makes scores lie, before any score: every finding names its file and line.

    Copies (exact, normalised, near) within the data, of test rows in training rows and in a corpus; groups on both
    sides; equal texts with different labels; labels that look wrong; whether test and training rows are of one kind.
    Of images near copies are resized, re-encoded, mirrored or cropped ones; with --out contact sheets of all findings.
    """
    from headstart.auditing.audit import run_audit
    from headstart.core.device import set_threads
    from headstart.core.sole_writer import sole_writer
    from headstart.data.corpus import Corpus
    from headstart.data.read_request import ReadRequest
    from headstart.reporting.audit_text import audit_sentences

    set_threads()
    if out is not None:
        need_folder(out)
    with nullcontext() if out is None else sole_writer(out, say):
        request = ReadRequest(paths=data, text=text, text2=text2, label=label, group=group, task=task)
        train, train_ledger = _read_train(request)
        ledger = {"train": train_ledger}
        test_rows = None
        if test is not None:
            named = dataclasses.replace(request, paths=test)
            test_rows, ledger["test"] = _read_test(named, train, train_ledger.get("columns", {}))
        text_corpus = None if corpus is None else Corpus(corpus)
        if text_corpus is not None:
            next(text_corpus.documents())  # raises where the text cannot be read
        stream: Callable[[], Iterator[Row]] | None = None if text_corpus is None else text_corpus.rows
        embed = None if base is None else next(iter(open_bases([Path(base)]).values())).embed
        found = run_audit(train, test_rows, stream, ledger=ledger, seed=seed, embed=embed, progress=say)
        if text_corpus is not None:
            # The corpus is read during the audit, so its ledger is known only now.
            found = dataclasses.replace(
                found, data=found.data | {"ledger": ledger | {"corpus": _plain(text_corpus.ledger)}}
            )
        picked = pick_language(language)
        sheets = () if out is None else _write(found, out, picked)
        return Audited(found, audit_sentences(found.data, picked), out, sheets)


def _read_train(request: ReadRequest) -> tuple[Examples, dict[str, Any]]:
    """Return (rows, ledger as data), with labels where there are any."""
    from headstart.core.examples import takes_of
    from headstart.core.item_nouns import one_item
    from headstart.data.columns import SECOND_NAMES, columns_of
    from headstart.data.read_request import read_labelled_rows
    from headstart.data.task_files import first_rows

    rows = first_rows(request.paths)
    names = columns_of(rows)
    found = request
    if request.text2 is None and request.task == "auto":
        second = next((one for one in SECOND_NAMES if one in names and one not in (request.text, request.label)), None)
        if second is not None:
            item = one_item(takes_of([row[second] for row in rows if row.get(second) is not None]))
            say(f"{Path(request.paths[0]).name}: second {item} column '{second}' (a common name)")
            found = dataclasses.replace(request, text2=second)
    found, why = pick_task(found)
    if why:
        say(f"task {found.task}: {why}")
    try:
        examples, ledger = read_labelled_rows(found, say)
    except HeadstartError as error:
        return _without_labels(error, request, found.text2)
    return examples, _named(ledger)


def _read_test(request: ReadRequest, train: Examples, columns: dict[str, str]) -> tuple[Examples, dict[str, Any]]:
    """Return (rows, ledger as data) of the test files, read as the training files were. columns: of these."""
    from headstart.data.read_request import read_labelled_rows

    text2 = request.text2 or columns.get("text2")
    if train.labels is None and train.targets is None:
        return _unlabelled(request, text2)
    classes = train.classes or None
    try:
        examples, ledger = read_labelled_rows(
            dataclasses.replace(request, classes=classes, remembered=columns, task=train.task), say
        )
    except HeadstartError as error:
        return _without_labels(error, request, text2)
    return examples, _named(ledger)


def _without_labels(error: HeadstartError, request: ReadRequest, text2: str | None) -> tuple[Examples, dict[str, Any]]:
    """Return the rows without answers where the user named none. Raises `error`, or what is wrong with the file."""
    if request.task != "auto" or request.label is not None or request.group is not None:
        raise error
    found = _unlabelled(request, text2)
    say(f"without labels ({error}): ledger, profile and copies only")
    return found


def _unlabelled(request: ReadRequest, text2: str | None) -> tuple[Examples, dict[str, Any]]:
    from headstart.core.examples import Examples
    from headstart.data.corpus import Corpus
    from headstart.data.open import called
    from headstart.data.read_request import ReadRequest
    from headstart.data.task_files import read_items

    if text2 is not None:
        examples, ledger = read_items(ReadRequest(paths=request.paths, text=request.text, text2=text2))
        return examples, _plain(ledger) | {"columns": dict(ledger.columns)}
    corpus = Corpus(request.paths, column=request.text)
    if corpus.takes == "image":  # those that cannot be decoded are left out and named
        examples, ledger = read_items(ReadRequest(paths=request.paths, text=request.text))
        for line in [*ledger.notes, *ledger.summary().splitlines()]:
            say(line)
        return examples, _plain(ledger)
    rows = list(corpus.rows())
    for note in corpus.notes:
        say(note)
    say(f"{', '.join(map(called, request.paths))}: {corpus.ledger.summary()}")
    places = [(row.source, row.line) for row in rows]
    return Examples(items=[row.value for row in rows], places=places), _plain(corpus.ledger)


def _plain(ledger: Ledger) -> dict[str, Any]:
    return _named(ledger.to_dict())


def _named(ledger: dict[str, Any]) -> dict[str, Any]:
    """Return the ledger's counts and columns; complaints and notes hold paths, which are no property of the data."""
    return {name: ledger[name] for name in ("read", "used", "skipped", "columns") if name in ledger}


def _write(found: Audit, out: Path, language: str) -> tuple[str, ...]:
    """Write audit.json, audit.html and contact sheets, whose names are returned. Raises HeadstartError: disk errors."""
    from headstart.core.files import write_bytes
    from headstart.core.json_files import write_json
    from headstart.reporting.audit_page import audit_page
    from headstart.reporting.audit_sheets import audit_sheets

    sheets = audit_sheets(found)
    write_json(out / "audit.json", {"identity": found.identity, **found.data})
    write_bytes(out / "audit.html", audit_page(found, language).encode("utf-8", "replace"))
    for name, png in sheets.items():
        write_bytes(out / _SHEETS / name, png)
    return tuple(sheets)
