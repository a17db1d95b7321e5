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
    identity: hexadecimal digits that the checkpoints hold too, a function of the spec as it was asked for; not kept
    until 2026-11-28.
    """

    format: int
    status: Literal["running", "stopped", "finished"]
    command: str
    started: str
    machine: dict[str, str | int]
    spec: dict[str, Any]
    asked_seconds: Seconds | None
    asked_steps: NotRequired[Positive | None]
    identity: NotRequired[str]
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

    run: the identity of the run that wrote it, see `RunFile`; not kept until 2026-11-28.
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
