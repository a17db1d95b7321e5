"""Distillation: a small student learns a teacher route's soft answers on unlabelled text (Hinton et al. 2015)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from torch.nn import functional as F

from headstart.backbones.ngram_bag import NgramBagSpec
from headstart.core import registry
from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Head, Loss, Objective
from headstart.core.errors import HeadstartError, unknown
from headstart.core.examples import Examples
from headstart.core.reason import Reason, as_reason, cannot_run
from headstart.core.seeds import KeyedRandom, numpy_generator
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import labels_of, no_base, no_corpus, one_class, other_task
from headstart.fitting.network_model import NetworkModel
from headstart.fitting.supervised import LabelledBatches, LabelledPieces, encode_for_head
from headstart.fitting.time_budget import CUT, Clock
from headstart.fitting.unlabelled import sample_documents
from headstart.processors.ngram import NgramSpec
from headstart.training.curves import curve
from headstart.training.loop import fit, start_state
from headstart.training.plan import TrainPlan
from headstart.training.pretrained_model import PretrainedModel
from headstart.training.warm_start import student_spec, take_layers

_TEACHER_SHARE, _ASKING_SHARE = 0.5, 0.5  # of the seconds for the teacher; of the seconds left for its answers
_AT_ONCE = 100  # documents answered between two looks at the clock
_BAG = NgramBagSpec(width=64, mlp_width=256)
_DEFAULT = {"half": 0.1, "bag": 0.3}  # peak learning rate times width
_UNLABELLED = -1


@dataclass(frozen=True, kw_only=True)
class Distill(RouteSpec):
    """teacher: the teacher route; student: `half` of the layers of the base, a `bag` of n-grams of width 64, or `auto`
    (half if the base has two layers or more); documents: most documents that the teacher answers; temperature: of both
    softmaxes; hard: weight of the loss on labels; labelled: share of labelled rows in an epoch, which are repeated;
    passes, least_steps, batch, learning_rate (None = default / width): of the training of the student."""

    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    teacher: str = "contrastive"
    student: Literal["auto", "half", "bag"] = "auto"
    documents: int = 10_000
    temperature: float = 2.0
    hard: float = 0.5
    labelled: float = 0.1
    passes: int = 4
    least_steps: int = 100
    batch: int = 32
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise HeadstartError(f"{self.label()}.temperature={self.temperature}: must be larger than 0")
        if not 0 <= self.labelled < 1:
            raise HeadstartError(f"{self.label()}.labelled={self.labelled}: expected a share from 0 to below 1")
        able = [name for name in registry.names("route") if name != self.name]
        if self.teacher not in able:
            raise unknown(f"{self.label()}.teacher", self.teacher, able)

    def refuses(self, examples: Examples, workspace: RouteWorkspace) -> Reason | None:
        """Return why this route cannot run here, or None."""
        if why := no_base(workspace) or one_class(examples):
            return why
        if examples.second is None and (why := no_corpus(workspace)):
            return why
        if self.student == "half" and not _layered(workspace.base):
            return Reason(
                "no_halves", "{base} has no two layers to halve; distill.student=bag", base=workspace.base.name
            )
        teacher = registry.load("route", self.teacher)()
        if why := other_task(teacher, "classify") or as_reason(teacher.refuses(examples, workspace)):
            return Reason("teacher", "its teacher {teacher} cannot run: {why}", teacher=self.teacher, why=why)
        return None

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> NetworkModel:
        """Train the teacher, collect its answers, train the student.

        Raises HeadstartError: see `refuses`; no rows, labels.

        For pairs only the labelled rows are answered, because documents are no pairs. Without `seconds` the result is a
        function of the arguments; with `seconds` the clock limits the documents and the steps.
        """
        labels_N = labels_of(examples)
        if refusal := self.refuses(examples, workspace):
            raise HeadstartError(cannot_run(refusal))
        base, clock = workspace.need_base(), Clock(seconds)
        asked = examples
        if examples.second is None:
            asked = Examples([*examples.items, *sample_documents(workspace, self.documents)])
        route = registry.load("route", self.teacher)()
        teacher = route.run(examples, workspace, seed=seed, seconds=clock.share(_TEACHER_SHARE))
        soft_MC = _answers(teacher, asked, len(examples), Clock(clock.share(_ASKING_SHARE)))
        cut = len(soft_MC) < len(asked) or bool(teacher.notes.get(CUT))
        asked = asked.take(np.arange(len(soft_MC)))
        student = self._student(base, asked, seed)
        label_M = np.full(len(asked), _UNLABELLED, np.int64)
        label_M[: len(labels_N)] = labels_N
        head, notes = self._learn(student, asked, soft_MC, label_M, examples.classes, seed, clock)
        notes |= {
            CUT: cut or notes[CUT],
            "teacher": self.teacher,
            "teacher_notes": teacher.notes,
            "student": student.backbone_spec.to_dict(),
        }
        notes |= {"documents": len(asked) - len(examples), "size_ratio": _size(student) / _size(base)}
        return NetworkModel(student, head, examples.classes, examples.second is not None, notes)

    def _student(self, base: PretrainedModel, asked: Examples, seed: int) -> PretrainedModel:
        """Return the student network: half of the base, or a bag with random weights over the n-grams of `asked`."""
        if self.student == "half" or (self.student == "auto" and _layered(base)):
            student = dataclasses.replace(base, backbone_spec=student_spec(base)).fresh(seed)
            take_layers(base, student.backbone)
            return student
        tokenizer = NgramSpec().train([*asked.items, *(asked.second or ())])
        return PretrainedModel(tokenizer, _BAG, _BAG.build(tokenizer.shape)).fresh(seed)

    def _learn(
        self,
        student: PretrainedModel,
        asked: Examples,
        soft_MC: np.ndarray,
        label_M: np.ndarray,
        classes: tuple[str, ...],
        seed: int,
        clock: Clock,
    ) -> tuple[Head, dict[str, object]]:
        """Train `student` in place with a new head; return (the head, entries for the notes)."""
        backbone = student.backbone
        spec = registry.load("head", "classify")()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(numpy_generator(seed, "head").integers(2**31)))
            head = spec.build(backbone, student.processor, classes).to(next(backbone.parameters()).device)
        pieces = encode_for_head(spec, student, asked)
        each = len(soft_MC)
        targets = {"label_B": np.split(label_M, each), "soft_BC": np.split(soft_MC.astype(np.float32), each)}
        labelled = np.flatnonzero(label_M != _UNLABELLED)
        # Labelled rows are repeated until they make up their share of an epoch.
        times = max(1, round(self.labelled / (1 - self.labelled) * (each - len(labelled)) / len(labelled)))
        chosen = np.concatenate([np.tile(labelled, times), np.flatnonzero(label_M == _UNLABELLED)])
        batches = LabelledBatches(
            LabelledPieces(pieces, targets, student.processor), chosen, size=self.batch, seed=seed
        )
        default = _DEFAULT["bag" if student.backbone_spec is _BAG else "half"]
        plan = TrainPlan(
            steps=max(self.least_steps, self.passes * batches.per_epoch),
            seconds=clock.share(1.0),
            learning_rate=self.learning_rate or default / backbone.inner_width,
            warmup=0.1,
            hold=0.1,
            final=0.0,
            seed=seed,
        )
        objective = Taught(head, self.temperature, self.hard)
        with curve("student"):
            result = fit(start_state(objective, backbone, plan), batches, plan)
        return head, {
            "learning_rate": plan.learning_rate,
            "steps": result.step,
            CUT: result.step < plan.steps,
            "rows_cut": pieces.cut,
        }

    def load(self, folder: Path) -> NetworkModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        return NetworkModel.load(folder)


class Taught(Objective):
    """loss = T^2 CE(teacher softened by T, softmax(z / T)) + hard CE(label, softmax(z)); second term: labelled rows.

    extra: `soft_BC`, probabilities p of the teacher, softened to p^(1/T) as if the logits were divided by T; `label_B`,
    -1 for unlabelled documents. parts: `agreement`, share of equal answers of student and teacher.
    """

    def __init__(self, head: Head, temperature: float, hard: float):
        super().__init__()
        self.head, self.temperature, self.hard = head, temperature, hard

    def corrupt(
        self, batch: TokenBatch, random: KeyedRandom, *, progress: float = 0.0, training: bool = True
    ) -> TokenBatch:
        """Return the batch unchanged: the answers are the targets."""
        return batch

    def forward(self, backbone: Backbone, batch: TokenBatch) -> Loss:
        """Return the loss of B documents."""
        logits_BC, soft_BC = self.head(backbone(batch)).float(), batch.extra["soft_BC"]
        warm_BC = soft_BC ** (1 / self.temperature)
        warm_BC = warm_BC / warm_BC.sum(1, keepdim=True)
        soft = F.cross_entropy(logits_BC / self.temperature, warm_BC, reduction="sum")
        hard = F.cross_entropy(logits_BC, batch.extra["label_B"], reduction="sum", ignore_index=_UNLABELLED)
        agreement = (logits_BC.argmax(1) == soft_BC.argmax(1)).float().mean()
        return Loss.of(self.temperature**2 * soft + self.hard * hard, len(soft_BC), {"agreement": agreement})


def _answers(teacher: TaskModel, asked: Examples, least: int, clock: Clock) -> np.ndarray:
    """Return the probabilities of the teacher for the first M rows, [M, C]: as many as time allows, `least` or more."""
    parts, done = [], 0
    while done < len(asked) and (done < least or not clock.out):
        rows = np.arange(done, min(done + _AT_ONCE, len(asked)))
        parts.append(teacher.predict_proba(asked.take(rows)))
        done += len(rows)
    return np.concatenate(parts)


def _layered(base: PretrainedModel) -> bool:
    return base.backbone_spec.to_dict().get("depth", 0) >= 2


def _size(pretrained: PretrainedModel) -> int:
    """Return the number of weights."""
    return sum(parameter.numel() for parameter in pretrained.backbone.parameters())
