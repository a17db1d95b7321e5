"""What model.json of a task model holds: the keys that several routes share; a route adds its own beside its `load`."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from headstart.core.kinds import Count, Positive


class NotesFile(TypedDict):
    """notes: see `TaskModel`."""

    format: int
    notes: dict[str, Any]


class ClassesFile(NotesFile):
    """classes: the names of the classes, in the order of the columns of probabilities."""

    classes: list[str]


class VectorsFile(TypedDict):
    """What `FrozenVectors.data` gives, alone in a folder. pairs: the rows are pairs."""

    format: int
    layer: int
    pooling: Literal["auto", "mean", "cls", "own", "quarters", "all"]
    pairs: bool


class FrozenFile(VectorsFile):
    """What `FrozenVectors.data` gives, and notes."""

    notes: dict[str, Any]


class FrozenClassesFile(FrozenFile):
    """Frozen vectors, and classes."""

    classes: list[str]


class NgramsFile(NotesFile):
    """What vectorisers of texts give. ngrams: one for each column."""

    ngrams: list[str]


class ImageColumns(TypedDict):
    """Settings of an `ImageVectoriser`: the side of the square that an image is shrunk to, in pixels."""

    format: int
    side: Positive
    grey: bool
    patch: NotRequired[Positive]
    stride: NotRequired[Positive]
    cells: NotRequired[Positive]
    source: str
    pairs: bool


class ImageFile(ImageColumns):
    """What `ImageVectors.parts` gives, and notes."""

    notes: dict[str, Any]


class ImageClassesFile(ImageFile):
    """Columns of images, and classes."""

    classes: list[str]


class ImagePartsFile(ImageFile):
    """Columns of images, of a model of classes or of numbers."""

    classes: NotRequired[list[str]]


class TextClassesFile(NgramsFile):
    """Columns of texts, and classes. pairs: the rows are pairs of texts."""

    classes: list[str]
    pairs: bool


class AdapterTold(TypedDict):
    """adapter of a task model, see `adapter_parts`."""

    scales: dict[str, float]
    base_sha256: str


class NetworkPartsFile(ClassesFile):
    """What a `NetworkModel` keeps beside its network. prompt: words of a prompt that was learned."""

    head: dict[str, Any]
    pairs: bool
    task: NotRequired[str]
    prompt: NotRequired[Count]
    views: NotRequired[Literal["one", "flip", "shifts", "both"]]
    adapter: NotRequired[AdapterTold]
