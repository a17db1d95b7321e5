"""What the JSON files of a report hold in the format of now; as `artefact_files.py` says it of the other artefacts."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, Required, TypedDict

from headstart.core.kinds import Count, Positive, Seconds


class InputsFile(TypedDict):
    """inputs.json of a report: the files, columns and bases that a comparison was given; private to its machine."""

    format: int
    data: list[str]
    test: list[str] | None
    task: NotRequired[str]
    columns: dict[str, str | None]
    bases: dict[str, str]
    corpus: list[str] | None
    seed: Count
    folds: Count | None
    metric: str
    contents: NotRequired[dict[str, str]]  # `contents_of` data, test and corpus; not kept until 2026-11-28


class SplitTold(TypedDict, total=False):
    """split of a cell's receipt: how its labels were drawn, see `comparing/draws.py`; rows: their identity."""

    how: Required[Literal["labels", "folds", "lent", "all"]]
    rows: Required[str]
    seed: Count
    draw: Count
    size: Count
    folds: Positive


class CellSeconds(TypedDict):
    """seconds of a cell's receipt."""

    training: Seconds
    testing: Seconds
    allowed: Seconds | None


class CellReceipt(TypedDict, total=False):
    """receipt of a cell: all that its result depends on, see `comparing/receipts.py`."""

    cell: Required[str]
    data: Required[dict[str, str]]
    split: Required[SplitTold]
    seed: Required[Count]
    route: Required[dict[str, Any]]
    workspace: Required[dict[str, Any]]
    versions: Required[dict[str, str]]
    threads: Positive
    machine: str
    seconds: CellSeconds


class CellTold(TypedDict):
    """What a cell says of itself, see `Cell` in `statistics/study.py`."""

    entry: str
    size: Count
    draw: Count
    score: float | None
    seconds: Seconds
    allowed: Seconds | None
    notes: dict[str, Any]
    receipt: CellReceipt


class ReportFile(TypedDict):
    """report.json of compare and ablate; entries: the lines of the table, sizes: by label count, what was found.

    The report of cross has kind, parts, crossings, shared and sentences instead. Below facts.audit, row and rows are
    rows of data. What each holds in turn says `reporting/report_schema.py`.
    """

    format: int
    cells: list[CellTold]
    task: NotRequired[str]
    metric: NotRequired[dict[str, Any]]
    classes: NotRequired[list[str]]
    facts: NotRequired[dict[str, Any]]
    stopped: NotRequired[str | None]
    verdict: NotRequired[dict[str, list[str]]]
    verdicts: NotRequired[list[dict[str, Any]]]
    constant: NotRequired[dict[str, Any]]
    entries: NotRequired[list[dict[str, Any]]]
    failures: NotRequired[dict[str, Any]]
    sizes: NotRequired[list[dict[str, Any]]]
    notes: NotRequired[dict[str, Any]]
    forecast: NotRequired[dict[str, Any]]
    outlook: NotRequired[dict[str, Any] | None]
    target: NotRequired[dict[str, Any] | None]
    questions: NotRequired[dict[str, Any]]
    levels: NotRequired[dict[str, float]]
    looks: NotRequired[list[dict[str, Any]]]
    calibration: NotRequired[list[dict[str, Any]]]
    slices: NotRequired[dict[str, Any] | None]
    confusion: NotRequired[dict[str, Any]]
    mistakes: NotRequired[list[dict[str, Any]]]
    fronts: NotRequired[dict[str, list[str]]]
    costs: NotRequired[list[dict[str, Any]]]
    caveats: NotRequired[dict[str, list[str]]]
    kind: NotRequired[str]
    parts: NotRequired[dict[str, Any]]
    crossings: NotRequired[list[dict[str, Any]]]
    shared: NotRequired[list[dict[str, Any]]]
    sentences: NotRequired[dict[str, Any]]


class SeenTold(TypedDict):
    """What one base was shown, see `Seen` in `comparing/exhibits.py`."""

    base: str
    versions: list[str]
    tiles: list[Count]


class FiltersTold(TypedDict):
    """The first layer of a base, see `Filters`."""

    base: str
    tile: Count


class NearTold(TypedDict):
    """The training images nearest to a test row, see `Near`."""

    base: str
    row: Count
    labels: list[str]
    tiles: list[Count]


class QuotedTold(TypedDict):
    """A test row, see `Quoted`."""

    words: str
    tiles: list[Count]


class ExhibitsFile(TypedDict):
    """exhibits.json of a report, see `Exhibits`; sha256: of exhibits.png, boxes: of its pictures in px."""

    format: int
    sha256: str
    boxes: list[tuple[Count, Count, Positive, Positive]]
    seen: list[SeenTold]
    filters: NotRequired[list[FiltersTold]]
    near: NotRequired[list[NearTold]]
    rows: dict[int, QuotedTold]


class CellLine(CellTold, TypedDict):
    """One line of cells/cells.jsonl; key: `cell_key` of the receipt, answers: the name of the file with the answers."""

    format: int
    key: str
    answers: str
    sha256: str


class EntryTold(TypedDict):
    """An entry of a decision. scores: of its trials by label count; left_out: reasons by label count."""

    entry: str
    kind: str
    scores: dict[int, list[float | None]]
    seconds: Seconds | None
    seconds_at: dict[int, Seconds]
    left_out: dict[int, dict[str, Any]]


class QuestionTold(TypedDict):
    """A question of a decision, see `Question`."""

    entry: str
    against: list[str]


class DecisionTold(TypedDict):
    """What `told` returns, with the paces of the bases."""

    made: str
    seconds: Seconds
    entries: list[EntryTold]
    finalists: list[str]
    questions: dict[int, QuestionTold]
    paces: NotRequired[dict[str, Seconds]]


class TrialTold(TypedDict):
    """A `Trial`; score: None where the metric is undefined."""

    entry: str
    size: Count
    draw: Count
    score: float | None
    seconds: Seconds


class ScreeningFile(TypedDict):
    """screening.json of a report: trials so far and, once it is made, the decision."""

    format: int
    identity: str
    trials: list[TrialTold]
    asked: Count
    decision: DecisionTold | None
    paces: dict[str, Seconds]


class AuditFile(TypedDict):
    """audit.json of a report. slices: by name, numbers of test rows; unseen: corpora that were not at hand."""

    inputs: str
    identity: str
    data: dict[str, Any]
    unseen: list[str]
    slices: dict[str, list[Count]]
