"""What a comparison was given: files, columns, bases. Kept beside its report, so that `verify` can read it again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.base.errors import HeadstartError
from headstart.commands.inputs import held_out_test, labelled, open_bases, say

if TYPE_CHECKING:
    from headstart.base.examples import Examples
    from headstart.base.spec import RouteSpec
    from headstart.data.corpus import Corpus
    from headstart.evaluation.study import Row
    from headstart.routes.workspace import Workspace
    from headstart.training.artefact import Artefact

INPUTS = "inputs.json"  # private to this machine: it holds paths, which the report itself does not


@dataclass(frozen=True, kw_only=True)
class Given:
    """data, test, corpus: files; columns: text, text2, label, group, None where they are to be guessed.

    bases: directories by name. folds: cross-validate `data`, no test rows. metric: its name.
    """

    data: list[str]
    test: list[str] | None = None
    columns: dict[str, str | None] = field(default_factory=dict)
    bases: dict[str, str] = field(default_factory=dict)
    corpus: list[str] | None = None
    seed: int = 0
    folds: int | None = None
    metric: str = "accuracy"

    def read(self) -> tuple[Examples, Examples, dict[str, Any]]:
        """Return (rows to draw labels from, test rows, ledger). Raises HeadstartError: unreadable, too few rows."""
        text, label, text2, group = (self.columns.get(name) for name in ("text", "label", "text2", "group"))
        train, ledger = labelled(self.data, text, label, text2, group=group)
        if self.folds is not None:
            return train, train, {"training": ledger}
        if self.test:
            kept = ledger["columns"]
            test, read = labelled(self.test, text, label, text2, train.classes, group, remembered=kept)
            return train, test, {"training": ledger, "test": read}
        train, test = held_out_test(train, self.seed)
        say(
            f"no --test: {len(test):,} of the rows are held out for testing, "
            f"{len(train):,} are left to draw labels from"
        )
        return train, test, {"training": ledger, "test": {"files": ledger["files"], "used": len(test)}}

    def open(self) -> dict[str, Artefact]:
        """Return the opened bases by name. Raises HeadstartError."""
        found = open_bases([Path(path) for path in self.bases.values()])
        return dict(zip(self.bases, found.values()))

    @property
    def documents(self) -> Callable[[], Iterable[str]] | None:
        """What starts the unlabelled text anew, or None when none was given."""
        from headstart.data.corpus import Corpus

        return (lambda: Corpus(self.corpus).documents()) if self.corpus else None

    def save(self, folder: Path) -> None:
        """Write it into a report's folder, with whole paths."""
        from headstart.base.files import write_json

        def whole(paths: Sequence[str] | None) -> list[str] | None:
            return paths and [path if path == "-" else str(Path(path).resolve()) for path in paths]

        kept = replace(
            self,
            data=whole(self.data),
            test=whole(self.test),
            corpus=whole(self.corpus),
            bases={name: str(Path(path).resolve()) for name, path in self.bases.items()},
        )
        write_json(folder / INPUTS, asdict(kept))

    @classmethod
    def load(cls, folder: Path) -> Given:
        """Read what `save` wrote. Raises HeadstartError: not there, damaged, or read from standard input."""
        from headstart.base.files import read_json

        if not (folder / INPUTS).is_file():
            raise HeadstartError(f"{folder}: no {INPUTS} there, so it is not known from which files its cells came")
        try:
            given = cls(**read_json(folder / INPUTS))
        except TypeError as error:
            raise HeadstartError(f"{folder / INPUTS}: damaged ({error})") from None
        if "-" in [*given.data, *(given.test or []), *(given.corpus or [])]:
            raise HeadstartError(f"{folder}: its rows came from standard input and cannot be read again")
        return given


def workspaces_of(
    bases: Mapping[str, Artefact], documents: Callable[[], Iterable[str]] | None, pool: Examples | None = None
) -> dict[str | None, Workspace]:
    """Return one workspace per base; rows without a base, under None, share that of the first, with what it learned.

    pool: labelled rows whose texts are the unlabelled documents where there are no others; never rows of a test part.
    """
    from headstart.routes.workspace import Workspace

    def made(base: Artefact | None) -> Workspace:
        space = Workspace(base, documents)
        if pool is None or space.has_documents:
            return space
        return Workspace(base, lambda: [*pool.first, *(pool.second or ())])

    spaces = {name: made(base) for name, base in bases.items()}
    return {None: next(iter(spaces.values())) if spaces else made(None)} | spaces


def corpora_of(bases: Mapping[str, Artefact], corpus: Sequence[str] | None) -> dict[str, Corpus | None]:
    """Return every unlabelled text behind a comparison, each once, by what it is called; None where it is not at hand.

    `--corpus` is one of them beside what each base was pre-trained on: a test row in any of them is a leak.
    """
    from headstart.data.corpus import Corpus
    from headstart.data.open import as_paths

    def resolved(paths: str | Sequence[str]) -> set[Path]:
        return {Path(path).resolve() for path in as_paths(paths)}

    found: dict[str, Corpus | None] = {"--corpus": Corpus(corpus)} if corpus else {}
    seen = [resolved(corpus or [])]
    for name, base in bases.items():
        paths = resolved((base.corpus or {}).get("paths", []))
        if paths and paths in seen:
            continue
        seen.append(paths)
        try:
            found[name] = Corpus(**base.corpus) if base.corpus else None
        except HeadstartError:  # it was moved or deleted
            found[name] = None
    return found


def public_ledger(ledger: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is read of each part without complaints and notes: these hold paths, and a report is passed on."""
    return {
        part: {name: value for name, value in told.items() if name not in ("complaints", "notes")}
        if isinstance(told, Mapping)
        else told
        for part, told in ledger.items()
    }


def rows_of(specs: Iterable[RouteSpec], bases: Iterable[str]) -> list[Row]:
    """Return the rows of a table: a route without a base once, any other once per base."""
    from headstart.evaluation.study import Row

    specs, bases = list(specs), list(bases)
    rows = [Row(spec) for spec in specs if spec.needs != "base"]
    return rows + [Row(spec, name) for spec in specs if spec.needs == "base" for name in bases]
