"""Specs: frozen, keyword-only dataclasses that say which part is chosen and how it is set. No torch here.

A choice is one file that defines one subclass of its axis's spec (`class MaskedLM(ObjectiveSpec)` in
`objectives/mlm.py` is the choice `mlm` of the axis `objective`); the file's first docstring line is what `list` prints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from headstart.core.errors import HeadstartError
from headstart.core.reason import Reason
from headstart.core.spec_base import Spec

if TYPE_CHECKING:  # numpy, which `list` and `--help` do without
    from headstart.core.candidates import Candidates
    from headstart.core.curves import CurveWriter
    from headstart.core.examples import Examples
    from headstart.core.workspace import RouteWorkspace


ITEMS = ("text", "image")  # what an item can be; see `takes` of readers, processors, tasks and routes


class ProcessorSpec(Spec):
    """`train(documents, vocabulary) -> Processor` and `load(folder) -> Processor`; one file in processors/.

    takes, gives: as of the processor that it makes: items that are `text` or `image`, to `tokens` or `pixels`.
    """

    axis = "processor"
    takes: ClassVar[Literal["text", "image"]] = "text"
    gives: ClassVar[Literal["tokens", "pixels"]] = "tokens"


class BackboneSpec(Spec):
    """`build(shape) -> Backbone`; one file in backbones/.

    batch: what its network reads, `tokens` or `pixels`. convolutions: it is made of them. hf_model_type, hf_also_reads:
    families of transformers that it reads; HF_NAMES, foreign_names: what tensors are called there and elsewhere.
    """

    axis = "backbone"
    batch: ClassVar[str] = "tokens"
    convolutions: ClassVar[bool] = False
    hf_model_type: ClassVar[str] = ""
    hf_also_reads: ClassVar[tuple[str, ...]] = ()
    HF_NAMES: ClassVar[Any] = None
    foreign_names: ClassVar[Mapping[str, Any]] = {}


class ObjectiveSpec(Spec):
    """`build(backbone, tokenizer) -> Objective`; one file in objectives/.

    reads: the kinds of backbones it can train (`Backbone.reads`), the usual one first. teacher: another trained model
    that `Objective.learn_from` gets: a `twin`, whose every other layer it starts from, or `any`, see `vector` there.
    """

    axis = "objective"
    batch: ClassVar[tuple[str, ...]] = ("tokens",)
    reads: ClassVar[tuple[str, ...]] = ("bidirectional",)
    teacher: ClassVar[Literal["", "twin", "any"]] = ""


class HeadSpec(Spec):
    """`build(backbone, tokenizer, classes) -> Head`; one file in heads/.

    reads: kinds of backbones it can sit on (`Backbone.reads`). spans: it needs the characters of each token. overlap:
    of the tokens of two pieces of a text that is too long for the network, a share (None: the text is cut at its end).
    """

    axis = "head"
    batch: ClassVar[tuple[str, ...]] = ("tokens",)
    pooling: ClassVar[str] = "auto"
    reads: ClassVar[tuple[str, ...]] = ("bidirectional", "causal", "two_causal", "encoder_decoder", "token", "document")
    spans: ClassVar[bool] = False
    overlap: ClassVar[float | None] = None

    def refuses(self, backbone: Any) -> Reason | None:
        """Return why this head cannot sit on `backbone`, or None."""
        if backbone.reads in self.reads:
            return None
        return Reason(
            "head_reads",
            "head {head} needs a network that reads {reads:or}; this one reads {given}",
            head=self.name,
            reads=tuple(self.reads),
            given=backbone.reads,
        )


class OptimizerSpec(Spec):
    """`build(groups) -> torch.optim.Optimizer`; one file in training/optimizers/.

    learning_rate_multiple: the learning rate that works where AdamW's is 1. elementwise: each number of a weight moves
    by itself, so that a weight can be in parts. groups: dicts with `params`, `lr`,
    `weight_decay`, `betas` (for what takes them) and `hidden`: these are matrices inside the network.
    """

    axis = "optimizer"
    learning_rate_multiple: ClassVar[float] = 1.0
    elementwise: ClassVar[bool] = True

    def need_share(self, name: str) -> None:
        """Raise HeadstartError when the setting `name` is not at least 0 and below 1."""
        if not 0 <= getattr(self, name) < 1:
            raise HeadstartError(f"{self.label()}.{name}={getattr(self, name)}: must be at least 0 and below 1")


class TaskSpec(Spec):
    """What is asked about an item or a pair of items; one file in tasks/.

    takes: what its items may be, `text` or `image`. head: what a network answers it with. metric: the headline score
    (`MetricSpec.task`). verbatim: answers point into the texts, so no text is normalised. together: an answer depends
    on the rows that are asked with it.
    """

    axis = "task"
    takes: ClassVar[tuple[str, ...]] = ("text",)
    head: ClassVar[str] = ""
    metric: ClassVar[str] = ""
    verbatim: ClassVar[bool] = False
    together: ClassVar[bool] = False
    # The form in which a comparison keeps the predicted side of `metric_inputs`: class numbers, numbers, JSON values.
    answers: ClassVar[Literal["classes", "numbers", "json"]] = "json"

    def read_examples(self, request: Any) -> tuple[Examples, Any]:
        """Return (examples, `Ledger`) of a `ReadRequest`, labelled rows of files.

        Raises HeadstartError: no such column, no usable row.
        """
        raise NotImplementedError

    def recognises(self, rows: list[dict[str, Any]], request: Any) -> str | None:
        """Return why these rows of a table are of this task, or None; request: the `ReadRequest`."""
        return None

    def to_json(self, answer: Any) -> dict[str, Any]:
        """Return one answer of a task model as `predict` writes it."""
        raise NotImplementedError

    def predictions_json(self, model: Any, examples: Any) -> list[dict[str, Any]]:
        """Return the answers of a `TaskModel` as `predict` writes them, one dict per row."""
        return [self.to_json(answer) for answer in model.predict(examples)]

    def metric_inputs(self, answers: list[Any], examples: Any) -> tuple[Any, Any]:
        """Return (truth, predicted) in the form that the task's metrics take."""
        return examples.targets, answers

    def quality(self, answers: list[Any], examples: Any) -> list[float]:
        """Return how good each answer is, larger is better: what settings are chosen by; by default 1 when right."""
        return [float(answer == target) for answer, target in zip(answers, examples.targets, strict=True)]


class RouteSpec(Spec):
    """How a base, or nothing but labelled examples, becomes a task model; one file in routes/.

    takes: what its items may be. needs: what must be at hand (`bases`: two). classical: it uses no network. combines:
    it is made of other routes. tasks: what it can do, None = every task that a head answers. weighs: the tasks in which
    rows may count differently (`Examples.weights`), None = all that it does.
    """

    axis = "route"
    takes: ClassVar[tuple[str, ...]] = ("text",)
    needs: ClassVar[Literal["nothing", "corpus", "base", "bases"]] = "nothing"
    classical: ClassVar[bool] = False
    combines: ClassVar[bool] = False
    tasks: ClassVar[tuple[str, ...] | None] = ("classify",)
    weighs: ClassVar[tuple[str, ...] | None] = ()

    def refuses(self, examples: Examples, workspace: RouteWorkspace) -> Reason | None:
        """Return why this route cannot run on these examples in this workspace, or None."""
        return None

    def prepare(self, examples: Examples, workspace: RouteWorkspace) -> None:
        """Do what the route pays for once in a workspace, whatever it learns; examples: rows that it will be asked."""

    def run(self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None) -> Any:
        """Return a `TaskModel` trained on all examples within `seconds` (None = no limit).

        Raises HeadstartError: examples without answers, or a route that `refuses`.
        """
        raise NotImplementedError

    def load(self, folder: Path) -> Any:
        """Return the `TaskModel` that its `save` wrote into `folder`. Raises HeadstartError when damaged."""
        raise NotImplementedError


class ReaderSpec(Spec):
    """A format of files, or of folders that are one data set; one file in data/readers/.

    takes: what its items are, `text` or `image`. suffixes: the file endings that are its own. binary: its bytes are no
    text, so no encoding is checked. folders: it reads a whole folder, not a file. plain: .txt files may be of it.
    """

    axis = "reader"
    takes: ClassVar[Literal["text", "image"]] = "text"
    suffixes: ClassVar[tuple[str, ...]] = ()
    binary: ClassVar[bool] = False
    folders: ClassVar[bool] = False
    plain: ClassVar[bool] = False

    @classmethod
    def recognises(cls, head: bytes) -> bool:
        """Whether a file is of this format, by its first bytes (64 KiB); asked where the file ending does not tell."""
        return False

    @classmethod
    def recognises_folder(cls, folder: Path) -> bool:
        """Whether a folder is a data set of this format; asked of readers that say `folders`."""
        return False

    def with_unit(self, unit: str) -> Self:
        """Return the reader that cuts documents so (line, paragraph, file); formats with rows of their own do not."""
        return self

    def read(self, source: Any, ledger: Any) -> Iterator[Any]:
        """Yield the `Row`s of a `Source` (`data/row.py`), of its `stream` or, for `folders`, its `folder`. The `Ledger`
        counts what cannot be yielded (`reject`). Raises HeadstartError that starts with the source's name."""
        raise NotImplementedError

    def blocks(self, source: Any, ledger: Any) -> Iterator[Any] | None:
        """Return the rows of `read` as `Block`s, many at a time, which is sooner; None: there are rows alone."""
        return None


class FilterSpec(Spec):
    """`build() -> Filter` (`data/filtering.py`): what a corpus of texts leaves out; one file in data/filters/."""

    axis = "filter"


class MetricSpec(Spec):
    """`score(truth_N, predicted_N, weight_N) -> float`; one file in metrics/.

    task: whose predictions it scores; truth and prediction of a row are: classify, class numbers; regress, numbers;
    multilabel, names, and labels with scores; tag, spans; answer, a tuple of right texts (none: no answer) and a text;
    generate, two texts; retrieve, texts searched and the rank of the right one. limits: the worst and the best value.
    """

    axis = "metric"
    task: ClassVar[str] = "classify"
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def guessed(self, truth: Any, predicted: Any, random: Any) -> list[Any]:
        """Return predictions that know nothing of the rows: those of a model, dealt to the rows at random.

        random: a numpy `Generator`.
        """
        return [predicted[place] for place in random.permutation(len(predicted))]

    def constant(self, truth: Any) -> Any | None:
        """Return the one answer that guesses best for all rows, or None where none does better than dealt answers."""
        return None

    def shown(self, answer: Any) -> str:
        """Return an answer of `constant` as a reader sees it; '' for no answer."""
        return answer


class RecipeSpec(Spec):
    """`resolve(facts, objective) -> RunSpec`; one file in recipes/.

    objective: what it trains by, unless another objective for the same kind of backbone is named. takes: what it trains
    on. default: it may be chosen for its objective when no recipe is named. first_choice: it is chosen for its kind of
    items when nothing is named; for texts the budget decides (`sizing/default_recipe.py`).
    """

    axis = "recipe"
    objective: ClassVar[str] = ""
    takes: ClassVar[Literal["text", "image"]] = "text"
    default: ClassVar[bool] = True
    first_choice: ClassVar[bool] = False


class ExportSpec(Spec):
    """`write(exportable, folder) -> str`; one file in exports/."""

    axis = "export"


class StrategySpec(Spec):
    """Which unlabelled rows are labelled next; one file in strategies/.

    probabilities: it asks a task model. default: of those before there is a task model (`start`) or of the others.
    """

    axis = "strategy"
    probabilities: ClassVar[bool] = False
    default: ClassVar[Literal["", "start", "model"]] = ""

    def choose(self, candidates: Candidates, count: int, *, seed: int) -> Any:
        """Return `count` different rows, int64 [count], the first to label first; count: at most all candidates."""
        raise NotImplementedError


class LoggerSpec(Spec):
    """Where the curves of training go; one file in training/loggers/."""

    axis = "logger"

    def open(self, folder: Path) -> CurveWriter:
        """Return what writes curves below `folder`, which is made when the first curve begins.

        Raises HeadstartError: a package is missing, or the service asks for something that was not given.
        """
        raise NotImplementedError
