"""What an export is compared on, and what its model card tells: rows, data, scores, audit, base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.core.errors import HeadstartError
from headstart.core.manifest import WINNER
from headstart.core.scratch import scratch_folder

if TYPE_CHECKING:
    from headstart.core.examples import Examples
    from headstart.core.exportable import Exportable
    from headstart.exporting.card import CardFacts
    from headstart.exporting.leave import Rows
    from headstart.training.pretrained_model import PretrainedModel

_ROWS = 1_000
_TOLD = ("steps", "learning_rate", "strength", "epochs", "transform", "dtype")


def rows_to_compare(
    model: Exportable, run: PretrainedModel | None, data: Sequence[str], columns: Mapping[str, Any]
) -> Rows:
    """Return up to 1,000 rows: of `data`, else of the text that the run was trained on, else of what every machine has.

    columns: see `ReadRequest`. Raises HeadstartError: `data` cannot be read, or holds something else.
    """
    from headstart.core.examples import Examples, need_takes
    from headstart.exporting.leave import Rows

    takes = model.processor.takes
    if data:
        from headstart.data.read_request import ReadRequest
        from headstart.data.task_files import read_items

        examples, _ = read_items(ReadRequest(paths=data, **columns))
        need_takes(examples.items, takes, "the model")
        examples, source = examples.take(range(min(len(examples), _ROWS))), ", ".join(Path(one).name for one in data)
    else:
        items, source = _own_items(run) or (_digits() if takes == "image" else _docstrings())
        examples = Examples(items)
    return Rows(_in_pairs(examples) if model.pairs else Examples(examples.items), source)


def _own_items(run: PretrainedModel | None) -> tuple[list[Any], str] | None:
    """Return items of the corpus of a run, or None where it is not at hand."""
    if run is None or run.corpus is None:
        return None
    try:
        items = list(islice(run.documents(), _ROWS))
    except HeadstartError:
        return None
    return (
        (items, "the text it was pre-trained on" if run.processor.takes == "text" else "its own images")
        if items
        else None
    )


def _docstrings() -> tuple[list[Any], str]:
    from headstart.data.docstrings import first_paragraphs

    texts = [paragraph.text for paragraph in islice(first_paragraphs(100), _ROWS)]
    return texts, "docstrings of installed packages"


def _digits() -> tuple[list[Any], str]:
    from headstart.core.examples import ImageRef
    from headstart.data.corpus import Corpus
    from headstart.data.digits import write_digits

    with scratch_folder("digits") as folder:
        train, _ = write_digits(folder)
        found = islice(Corpus(paths=[str(train)]).documents(), _ROWS)
        return [ImageRef.from_bytes(one.path.read_bytes()) for one in found], "scikit-learn's handwritten digits"


def _in_pairs(examples: Examples) -> Examples:
    """Return pairs; without second items each item is paired with the next one."""
    from headstart.core.examples import Examples

    items = list(examples.items)
    return Examples(items, second=list(examples.second or [*items[1:], *items[:1]]))


def card_facts(folder: Path, evaluated: tuple[Sequence[str], Sequence[str]]) -> CardFacts:
    """Return what a task model's or a run's files tell; folder: of either, or of another library.

    evaluated: lines of scores, and of a table of classes.
    """
    from headstart.exporting.card import CardFacts
    from headstart.interop.model_folder import licence

    if (folder / "task.json").is_file():
        return _of_task(folder, *evaluated)
    if (folder / "run.json").is_file():
        return _of_run(folder)
    return CardFacts(name=folder.name, base=folder.name, licence=licence(folder))


def _of_task(folder: Path, scores: Sequence[str], classes: Sequence[str]) -> CardFacts:
    from headstart.comparing.report_folder import REPORT
    from headstart.exporting.card import CardFacts
    from headstart.fitting.task_model_files import read_task
    from headstart.reporting.report import read_report

    told = read_task(folder)
    receipt, route = told["receipt"], dict(told["route"])
    base, ledger = receipt.get("base") or {}, receipt.get("data") or {}
    name = folder.parent.name if folder.name == WINNER else folder.name
    made = {"route": route.pop("name"), "settings": ", ".join(f"{key}={value}" for key, value in route.items())}
    made |= {key: told["notes"][key] for key in _TOLD if told["notes"].get(key) is not None}
    report = folder.parent / REPORT
    judged = read_report(folder.parent) if folder.name == WINNER and report.is_file() else {}
    audit = judged.get("facts", {}).get("audit") or {}
    return CardFacts(
        name=name,
        made=made | {"seed": receipt.get("seed"), "seconds of training": round(receipt.get("seconds", 0), 1)},
        data=_data_lines(ledger),
        scores=scores,
        classes=classes,
        compared=_compared(judged) if judged else (),
        audit=(audit.get("sentences") or {}).get("en", ()),
        base=str(base.get("start", "")) if base else "",
        licence=str(base.get("licence", "")),
    )


def _compared(report: Mapping[str, Any]) -> list[str]:
    """Return the verdict of a report, each paragraph with its label count."""
    first, *rest = report.get("verdict", {}).get("en") or [""]
    counts = [one["size"] for one in report.get("verdicts", ())]
    return [first, *(f"{size:,} labels: {told}" for size, told in zip(counts, rest)), *rest[len(counts) :]]


def _of_run(folder: Path) -> CardFacts:
    from headstart.exporting.card import CardFacts
    from headstart.training.run_folder import RunFolder

    told = RunFolder(folder).record()
    spec, result, start = told["spec"], told.get("result", {}), told.get("start", {})
    paths = [Path(path).name for path in spec["corpus"]["paths"]]
    held_out = {key: value for key, value in (result.get("held_out") or [{}])[-1].items() if value is not None}
    made = {"objective": spec["objective"], "backbone": spec["backbone"], "steps": result.get("step")}
    return CardFacts(
        name=folder.name,
        made=made | {"seconds of training": round(result.get("seconds", 0), 1), "seed": spec["training"]["seed"]},
        data=_data_lines({"files": paths, **(told.get("ledger") or {})}),
        scores=[f"held-out data: {', '.join(f'{key} {value:.4g}' for key, value in held_out.items())}"]
        if held_out
        else [],
        base=Path(spec["base"]).name if spec.get("base") else "",
        licence=start.get("licence", ""),
    )


def _data_lines(ledger: Mapping[str, Any]) -> list[str]:
    if not ledger:
        return []
    skipped = sum((ledger.get("skipped") or {}).values())
    files = ", ".join(ledger.get("files", ()))
    return [f"{files}: {ledger.get('read', 0):,} rows read, {ledger.get('used', 0):,} used, {skipped:,} skipped"]
