"""What the JSON files of artefacts hold in the format of now: their keys and the kinds and limits of the values.

Every file is compared with these when it is read (`migration.read_versioned`): a key that is not here is refused.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from headstart.core.kinds import Count, Positive, Seconds


class TensorsTold(TypedDict, total=False):
    """What became of the tensors of a base, see `Receipt` in `training/warm_start.py`."""

    restored: list[str]
    grown: list[str]
    fresh: list[str]
    dropped: list[str]


class SearchTold(TypedDict, total=False):
    """What the search for a learning rate found, see `Continuation.search`."""

    steps: Count | None
    tried: list[dict[str, float | None]]
    chosen: float


class VectorsTold(TypedDict, total=False):
    """Which weights were kept at the end of a run with a base, see `Continuation.settle`."""

    kept: str
    step: Count
    neighbours_kept: dict[str, float | None]
    least: dict[str, float]


class StartTold(TypedDict, total=False):
    """start of run.json: what was taken over from the base."""

    name: str
    identity: str
    pooling: str
    licence: str
    tensors: TensorsTold
    search: SearchTold
    vectors: VectorsTold


class LedgerTold(TypedDict, total=False):
    """A `Ledger` as JSON; files, columns: of labelled rows."""

    read: Count
    used: Count
    skipped: dict[str, Count]
    complaints: list[str]
    notes: list[str]
    files: list[str]
    columns: dict[str, str | None]


class ResultTold(TypedDict, total=False):
    """result of run.json: a `FitResult`, of the evaluations the last."""

    step: Count
    seconds: Seconds
    units: Count
    samples: Count
    loss: float | None
    stopped: str
    skipped: Count
    held_out: list[dict[str, float | None]]


class ForecastTold(TypedDict, total=False):
    """forecast of run.json: a `Forecast` and what it came to."""

    planned: dict[str, Any]
    actual: dict[str, Any]


class RunFile(TypedDict):
    """run.json of a run.

    spec: `RunSpec.to_dict()`. asked_seconds, asked_steps: the budget as it was asked for. start: of a run with a base,
    what was taken over. ledger and notes are there from the start of training on, result from its end on. status:
    running, stopped or finished. forecast: of a run that used up its minutes, what was planned and what it came to.
    """

    format: int
    status: Literal["running", "stopped", "finished"]
    command: str
    started: str
    machine: dict[str, str | int]
    spec: dict[str, Any]
    asked_seconds: Seconds | None
    asked_steps: NotRequired[Positive | None]
    start: NotRequired[StartTold]
    ledger: NotRequired[LedgerTold]
    notes: NotRequired[list[str]]
    result: NotRequired[ResultTold]
    forecast: NotRequired[ForecastTold]


class ProcessorReceipt(TypedDict):
    """processor.json of a run: what its processor was made from.

    pieces: by new token of a grown vocabulary, the old tokens that the new token was written with before.
    """

    format: int
    corpus: str
    spec: dict[str, Any]
    vocabulary: Positive | None
    pieces: NotRequired[dict[str, list[Count]]]
    base: NotRequired[str]
    extend: NotRequired[Count]


class StateFile(TypedDict):
    """state.json of a checkpoint: how far training is. units: tokens or images; loss: see `FitResult`.

    run: of the run that wrote it, see `RunFolder.identity`; not kept until 2026-11-28.
    """

    format: int
    step: Count
    seconds: Seconds
    units: Count
    samples: Count
    loss: float | None
    run: NotRequired[str]


class ImageStoreFacts(TypedDict):
    """store.json of an image store. shape: channels, height, width; corpus, processor: as of `StoreFacts`."""

    format: int
    images: Count
    shape: tuple[Positive, Positive, Positive]
    corpus: str
    processor: str
    ledger: LedgerTold


class StoreFacts(TypedDict):
    """store.json of a token store. corpus, processor: fingerprints of what the store was made from."""

    format: int
    documents: Count
    tokens: Count
    ids_dtype: Literal["uint8", "uint16", "uint32", "int32", "int64"]
    lengths_dtype: Literal["uint8", "uint16", "uint32", "int32", "int64"]
    longest: Count
    vocabulary: Positive
    corpus: str
    processor: str
    ledger: LedgerTold


class SentenceTold(TypedDict, total=False):
    """sentence of network.json, see `SentenceHead.parts`."""

    activations: list[str]
    lower: bool
    unit: bool
    prompt: str
    window: Positive | None


class NetworkFile(TypedDict):
    """network.json of a saved network; backbone, objective: specs as data, corpus: keyword arguments of `Corpus`."""

    format: int
    backbone: dict[str, Any]
    vocabulary: NotRequired[Count | None]
    objective: dict[str, Any] | None
    receipt: dict[str, Any]
    corpus: dict[str, Any] | None
    fingerprint: NotRequired[str]  # `Corpus.fingerprint`; not kept until 2026-11-28
    pooling: NotRequired[str]
    dtype: NotRequired[Literal["fp32", "bf16"]]
    sentence: NotRequired[SentenceTold | None]


class TaskReceipt(TypedDict, total=False):
    """receipt of task.json, see `receipt_of`; winner: of the task model that a comparison leaves."""

    base: dict[str, Any] | None
    data: LedgerTold
    columns: dict[str, str | None]
    seed: Count
    seconds: Seconds
    pairs: bool
    takes: Literal["text", "image"]
    winner: str


class TaskFile(TypedDict):
    """task.json of a task model; route: the spec as data, receipt: of the base, the rows, the training."""

    format: int
    route: dict[str, Any]
    task: str
    classes: list[str]
    notes: dict[str, Any]
    receipt: TaskReceipt


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


class CellTold(TypedDict):
    """What a cell says of itself, see `Cell` in `statistics/study.py`."""

    entry: str
    size: Count
    draw: Count
    score: float | None
    seconds: Seconds
    allowed: Seconds | None
    notes: dict[str, Any]
    receipt: dict[str, Any]


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


class CellLine(TypedDict):
    """One line of cells/cells.jsonl; key: `cell_key` of the receipt, answers: the name of the file with the answers."""

    format: int
    key: str
    answers: str
    sha256: str
    entry: str
    size: Count
    draw: Count
    score: float | None
    seconds: Seconds
    allowed: Seconds | None
    notes: dict[str, Any]
    receipt: dict[str, Any]


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
    """A `Trial`."""

    entry: str
    size: Count
    draw: Count
    score: float
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
