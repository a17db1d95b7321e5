"""audit: what is in the files before any score: duplicates, leaks, doubtful labels, shifts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from headstart.base.errors import HeadstartError
from headstart.commands.inputs import labelled, pick_task, say
from headstart.commands.session import Language, files, need_folder, pick_language, whole

if TYPE_CHECKING:
    from headstart.auditing.audit import Audit
    from headstart.base.examples import Examples
    from headstart.data.ledger import Ledger
    from headstart.data.row import Row


@dataclass(frozen=True)
class Audited:
    """audit: the findings, see `headstart.auditing.audit.Audit`; lines: in words; folder: of the report, or None."""

    audit: Audit
    lines: list[str]
    folder: Path | None

    def summary(self) -> str:
        """Return the findings in words, the audit's identity, and where the report is."""
        text = "\n".join([*(f"- {line}" for line in self.lines), "", f"audit: {self.audit.identity}"])
        if self.folder is None:
            return text
        return f"{text}\nreport: {self.folder / 'audit.html'}\n        {self.folder / 'audit.json'}"


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
            help="text used for pre-training, held against the test rows", consume_multiple=True, converter=files
        ),
    ] = None,
    text: Annotated[str | None, Parameter(help="text column [guessed and printed]")] = None,
    text2: Annotated[str | None, Parameter(help="second text column, for pairs [guessed and printed]")] = None,
    label: Annotated[str | None, Parameter(help="column of the answers [guessed and printed]")] = None,
    group: Annotated[str | None, Parameter(help="column of groups that must not be on both sides")] = None,
    task: Annotated[str, Parameter(help="what is asked; `headstart list task`")] = "auto",
    out: Annotated[Path | None, Parameter(help="folder for audit.html and audit.json")] = None,
    language: Annotated[Language, Parameter(help="of the findings")] = "auto",
    seed: Annotated[int, Parameter(help="of folds and samples", converter=whole)] = 0,
) -> Audited:
    """Look through data for what makes scores lie, before any score: every finding names its file and line.

    Copies (exact, normalised, near) within the data, of test rows in training rows and in a corpus; groups on both
    sides; equal texts with different labels; labels that look wrong; whether test and training rows are of one kind.
    """
    from headstart.auditing.audit import run_audit
    from headstart.base.device import set_threads
    from headstart.data.corpus import Corpus

    set_threads()
    if out is not None:
        need_folder(out)
    asked = _Asked(data, text, text2, label, group, task)
    train, train_ledger = asked.train()
    ledger = {"train": train_ledger}
    test_rows = None
    if test is not None:
        test_rows, ledger["test"] = asked.test(test, train, train_ledger.get("columns", {}))
    text_corpus = None if corpus is None else Corpus(corpus)
    if text_corpus is not None:
        next(text_corpus.documents())  # raises where the text cannot be read
    stream: Callable[[], Iterator[Row]] | None = None if text_corpus is None else text_corpus.rows
    found = run_audit(train, test_rows, stream, ledger=ledger, seed=seed, progress=say)
    if text_corpus is not None:
        # The corpus is read during the audit, so its ledger is known only now.
        found = dataclasses.replace(
            found, data=found.data | {"ledger": ledger | {"corpus": _plain(text_corpus.ledger)}}
        )
    picked = pick_language(language)
    if out is not None:
        _write(found, out, picked)
    return Audited(found, found.sentences(picked), out)


@dataclass(frozen=True)
class _Asked:
    """What was named on the command line."""

    data: Sequence[str]
    text: str | None
    text2: str | None
    label: str | None
    group: str | None
    task: str

    def train(self) -> tuple[Examples, dict[str, Any]]:
        """Return (rows, ledger as data) of DATA, with labels where there are any."""
        from headstart.data.columns import SECOND_NAMES, columns_of
        from headstart.data.task_files import first_rows

        rows = first_rows(self.data)
        names, source = columns_of(rows), Path(self.data[0]).name
        text, text2 = self.text, self.text2
        if text2 is None and self.task == "auto":
            text2 = next((name for name in SECOND_NAMES if name in names and name not in (text, self.label)), None)
            if text2 is not None:
                say(f"{source}: second text column '{text2}' (a usual name)")
        task, why = pick_task(self.task, self.data, text, self.label, text2)
        if why:
            say(f"task {task}: {why}")
        try:
            examples, ledger = labelled(self.data, self.text, self.label, text2, group=self.group, task=task)
        except HeadstartError as error:
            return self._without_labels(error, self.data, text2)
        return examples, _named(ledger)

    def test(self, paths: Sequence[str], train: Examples, columns: dict[str, str]) -> tuple[Examples, dict[str, Any]]:
        """Return (rows, ledger as data) of the test files, read as DATA was."""
        text2, classes = self.text2 or columns.get("text2"), train.classes or None
        if train.labels is None and train.targets is None:
            return _unlabelled(paths, self.text, text2)
        try:
            examples, ledger = labelled(
                paths, self.text, self.label, self.text2, classes, self.group, remembered=columns, task=train.task
            )
        except HeadstartError as error:
            return self._without_labels(error, paths, text2)
        return examples, _named(ledger)

    def _without_labels(
        self, error: HeadstartError, paths: Sequence[str], text2: str | None
    ) -> tuple[Examples, dict[str, Any]]:
        """Return the rows without answers where the user named none. Raises `error`, or what is wrong with the file."""
        if self.task != "auto" or self.label is not None or self.group is not None:
            raise error
        found = _unlabelled(paths, self.text, text2)
        say(f"without labels ({error}): ledger, profile and copies only")
        return found


def _unlabelled(paths: Sequence[str], text: str | None, text2: str | None) -> tuple[Examples, dict[str, Any]]:
    from headstart.base.examples import Examples
    from headstart.data.corpus import Corpus
    from headstart.data.task_files import read_texts

    if text2 is not None:
        examples, ledger, _, _ = read_texts(paths, text, text2)
        return examples, _plain(ledger) | {"columns": dict(ledger.columns)}
    corpus = Corpus(paths, column=text)
    rows = list(corpus.rows())
    say(f"{', '.join(Path(path).name for path in paths)}: {corpus.ledger.summary()}")
    places = [(row.source, row.line) for row in rows]
    return Examples(first=[row.value for row in rows], places=places), _plain(corpus.ledger)


def _plain(ledger: Ledger) -> dict[str, Any]:
    return _named(ledger.to_dict())


def _named(ledger: dict[str, Any]) -> dict[str, Any]:
    """Return the ledger's counts and columns; complaints and notes hold paths, which are no property of the data."""
    return {name: ledger[name] for name in ("read", "used", "skipped", "columns") if name in ledger}


def _write(found: Audit, out: Path, language: str) -> None:
    """Write audit.json and audit.html. Raises HeadstartError: the disk refuses."""
    from headstart.auditing.page import page
    from headstart.base.files import disk_error, write_bytes, write_json

    try:
        write_json(out / "audit.json", {"identity": found.identity, **found.data})
        write_bytes(out / "audit.html", page(found, language).encode("utf-8", "replace"))
    except OSError as error:
        raise disk_error(out, error) from None
