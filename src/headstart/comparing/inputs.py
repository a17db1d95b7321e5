"""What a comparison was given: files, columns, bases. Kept beside its report, so that `verify` can read them again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations, permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.comparing.report_folder import INPUTS, ReportFolder
from headstart.comparing.settings import StudyData
from headstart.core import migration, registry
from headstart.core.errors import HeadstartError, unknown

if TYPE_CHECKING:
    from headstart.core.disk_cache import DiskCache
    from headstart.core.examples import Examples
    from headstart.core.spec import RouteSpec
    from headstart.data.corpus import Corpus
    from headstart.fitting.workspace import Workspace
    from headstart.statistics.study import Entry
    from headstart.training.pretrained_model import PretrainedModel

COLUMNS = ("text", "text2", "label", "group")
_LENT = 4  # folds of the test rows of a small file


@dataclass(frozen=True, kw_only=True)
class CompareInputs:
    """data, test, corpus: files. task: what is asked of the rows. columns: text, text2, label, group, None for columns
    that are to be guessed.

    bases: directories by name. folds: cross-validate `data`, without test rows; 0: one test part however few rows there
    are; None: of few rows without test rows half are asked in folds (`StudyData.lent`). metric: its name. contents: of
    data, test and corpus when they were saved (`contents_of`).
    """

    data: list[str]
    test: list[str] | None = None
    task: str = "classify"
    columns: dict[str, str | None] = field(default_factory=dict)
    bases: dict[str, str] = field(default_factory=dict)
    corpus: list[str] | None = None
    seed: int = 0
    folds: int | None = None
    metric: str = "accuracy"
    contents: dict[str, str] = field(default_factory=dict)

    def read(self, say: Callable[[str], None]) -> StudyData:
        """Return the rows, with the ledger of the files as a fact. Raises HeadstartError: unreadable, too few rows.

        say: is told what was read and how many rows are held out for testing.
        """
        from headstart.data.read_request import ReadRequest, read_labelled_rows
        from headstart.data.splits import SMALL, held_out_test

        request = ReadRequest(paths=self.data, **self.columns, task=self.task)
        train, ledger = read_labelled_rows(request, say)
        if self.folds:
            return _stated(train, train, {"training": ledger})
        if self.test:
            asked = replace(request, paths=self.test, classes=train.classes, remembered=ledger["columns"])
            test, test_ledger = read_labelled_rows(asked, say)
            return _stated(train, test, {"training": ledger, "test": test_ledger})
        together = registry.load("task", train.task).together
        lent = _LENT if self.folds is None and 2 * _LENT <= len(train) < SMALL and not together else 0
        train, test = held_out_test(train, self.seed, halves=bool(lent))
        if lent:
            say(
                f"no --test and fewer than {SMALL:,} rows: {len(test):,} of them are cross-validated in {lent} folds, "
                f"and the choice of routes sees only the other {len(train):,} (one test part instead: --folds 0)"
            )
        else:
            say(
                f"no --test: {len(test):,} of the rows are held out for testing, "
                f"{len(train):,} are left to draw labels from"
            )
        told = _stated(train, test, {"training": ledger, "test": {"files": ledger["files"], "used": len(test)}})
        return replace(told, lent=lent)

    def labelled_rows(self, data: StudyData) -> Examples:
        """Return all rows of `--data`: the pool and, where they were split off it, the test rows. data: as read."""
        return data.train if self.test or self.folds else data.train.and_then(data.test)

    @property
    def documents(self) -> Callable[[], Iterable[str]] | None:
        """A function that starts the unlabelled text anew, or None when no text was given."""
        from headstart.data.corpus import Corpus

        return (lambda: Corpus(self.corpus).documents()) if self.corpus else None

    def save(self, folder: Path) -> None:
        """Write the inputs into a report's folder, with absolute paths: private to this machine, the report is not."""
        from headstart.core.json_files import json_bytes
        from headstart.data.recorded import contents_of

        def absolute(paths: Sequence[str] | None) -> list[str] | None:
            return paths and [path if path == "-" else str(Path(path).resolve()) for path in paths]

        kept = replace(
            self,
            data=absolute(self.data),
            test=absolute(self.test),
            corpus=absolute(self.corpus),
            bases={name: str(Path(path).resolve()) for name, path in self.bases.items()},
            contents={name: contents_of(paths) for name, paths in self._files.items()},
        )
        ReportFolder(folder).put({INPUTS: json_bytes({"format": migration.FORMAT} | asdict(kept))})

    @property
    def _files(self) -> dict[str, list[str]]:
        """The files by what they hold."""
        given = {"data": self.data, "test": self.test, "corpus": self.corpus}
        return {name: paths for name, paths in given.items() if paths}

    @classmethod
    def load(cls, folder: Path) -> CompareInputs:
        """Read what `save` wrote. Raises HeadstartError: not there, damaged, from standard input, other files now."""
        from headstart.data.recorded import need_contents, need_names

        if not (folder / INPUTS).is_file():
            raise HeadstartError(f"{folder}: no {INPUTS} there, so it is not known from which files its cells came")
        kept = migration.read_versioned(folder / INPUTS, migration.inputs)
        inputs = cls(**{name: value for name, value in kept.items() if name != "format"})
        for name, paths in inputs._files.items():
            need_names(f"{folder / INPUTS}: {name}", paths)
        if strange := [name for name in inputs.columns if name not in COLUMNS]:
            raise HeadstartError(f"{folder / INPUTS}: columns: {unknown('column', strange[0], COLUMNS)}")
        if "-" in [path for paths in inputs._files.values() for path in paths]:
            raise HeadstartError(f"{folder}: its rows came from standard input and cannot be read again")
        for name, paths in inputs._files.items():
            try:
                need_contents(paths, inputs.contents.get(name, ""))
            except HeadstartError as error:
                raise HeadstartError(
                    f"{folder}: its {name} files are not what they were ({error}); put them back"
                ) from None
        return inputs


def _stated(train: Examples, test: Examples, ledger: Mapping[str, Any]) -> StudyData:
    return StudyData(train, test, {"ledger": public_ledger(ledger)})


def workspaces_of(
    bases: Mapping[str, PretrainedModel],
    documents: Callable[[], Iterable[str]] | None,
    pool: Examples | None = None,
    cache: DiskCache | None = None,
) -> dict[str | None, Workspace]:
    """Return one workspace per base and per two bases; entries without a base, under None, share that of the first.

    pool: labelled rows whose texts are the unlabelled documents where there are no others; never rows of a test part.
    cache: of vectors on disk.
    """
    from headstart.fitting.workspace import Workspace

    def made(base: PretrainedModel | None) -> Workspace:
        space = Workspace(base, documents, cache)
        if pool is None or space.has_documents:
            return space
        return Workspace(base, lambda: [*pool.items, *(pool.second or ())], cache)

    spaces = {name: made(base) for name, base in bases.items()}
    couples = {f"{own} + {other}": spaces[own].beside(spaces[other]) for own, other in permutations(spaces, 2)}
    return {None: next(iter(spaces.values())) if spaces else made(None)} | spaces | couples


def corpora_of(bases: Mapping[str, PretrainedModel], corpus: Sequence[str] | None) -> dict[str, Corpus | None]:
    """Return every unlabelled text behind a comparison, each once, by name; None for documents that are not at hand.

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
            found[name] = base.trained_on() if base.corpus else None
        except HeadstartError:  # it was moved, deleted or changed
            found[name] = None
    return found


def public_ledger(ledger: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ledger of each part without complaints and notes: these hold paths, and a report is passed on."""
    return {
        part: {name: value for name, value in told.items() if name not in ("complaints", "notes")}
        if isinstance(told, Mapping)
        else told
        for part, told in ledger.items()
    }


def entries_of(routes: Iterable[RouteSpec], bases: Mapping[str, PretrainedModel]) -> list[Entry]:
    """Return the entries of a study: a route that needs no base once, any other route once per base or two bases.

    Of two bases the one that was pre-trained here comes first: its network from random start is their control.
    """
    from headstart.statistics.study import Entry

    routes = list(routes)
    couples = list(combinations(sorted(bases, key=lambda name: bases[name].corpus is None), 2))
    entries = [Entry(route) for route in routes if route.needs not in ("base", "bases")]
    entries += [Entry(route, name) for route in routes if route.needs == "base" for name in bases]
    return entries + [Entry(route, *own, beside=b) for route in routes if route.needs == "bases" for *own, b in couples]
