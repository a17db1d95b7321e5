"""Ensembles of routes: parsing member names, fitting each member once, and the task model that averages members."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import numpy as np
from scipy.special import softmax

from headstart.core import registry
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples, digest
from headstart.core.files import temporary_beside, writing
from headstart.core.kinds import Within
from headstart.core.manifest import hash_of
from headstart.core.reason import Reason, as_reason, cannot_run
from headstart.core.seeds import numpy_generator
from headstart.core.spec import ITEMS, RouteSpec
from headstart.core.task_model import TaskModel
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import labels_of, need_task
from headstart.fitting.frozen import FrozenVectors
from headstart.fitting.model_parts import read_parts, write_parts
from headstart.fitting.model_selection import folds_of
from headstart.fitting.part_files import ClassesFile
from headstart.fitting.task_model_files import load_task, read_task, save_task
from headstart.fitting.time_budget import CUT, Clock
from headstart.fitting.workspace import embedded_once

Pool = Literal["average", "majority", "log"]
T = TypeVar("T")
_NEEDS = ("nothing", "corpus", "base", "bases")  # in increasing order
_LEAST = 1e-6  # probabilities are clipped to this value before the log pool takes logarithms


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """A route made of routes. A member is a route's name, with settings if wanted: `probe`, `probe:layer=0`.

    What it takes, what it needs and whether it is classical follow from its members: an ensemble without a network is
    classical. A member that cannot run makes the ensemble refuse; of the default members a classical one is left out.
    """

    needs: ClassVar[Literal["nothing", "corpus", "base", "bases"]] = "base"
    combines: ClassVar[bool] = True
    fewest: ClassVar[int] = 1  # members that must be able to run

    def __post_init__(self) -> None:
        specs = self.specs()
        if not specs:
            raise HeadstartError(f"{self.name}.members: no member is named")
        object.__setattr__(self, "needs", max((spec.needs for spec in specs), key=_NEEDS.index))
        object.__setattr__(self, "classical", all(spec.classical for spec in specs))
        object.__setattr__(self, "takes", tuple(kind for kind in ITEMS if all(kind in spec.takes for spec in specs)))

    def named(self) -> tuple[str, ...]:
        """Return the members as they are written in the settings."""
        raise NotImplementedError

    def specs(self) -> list[RouteSpec]:
        """Return the members. Raises HeadstartError: unknown route or setting, a route that does not classify."""
        return [_member(text) for text in self.named()]

    def able(self, examples: Examples, workspace: RouteWorkspace) -> tuple[list[RouteSpec], list[str]]:
        """Return (members that can run here, a reason for each member that is left out).

        Raises HeadstartError: examples without labels or of another task, or a member that may not be left out.
        """
        need_task(self, examples)
        labels_of(examples)
        if refusal := self.refuses(examples, workspace):
            raise HeadstartError(cannot_run(refusal))
        refusals = [(spec, spec.refuses(examples, workspace)) for spec in self.specs()]
        return [spec for spec, why in refusals if not why], [f"{spec.name}: {why}" for spec, why in refusals if why]

    def refuses(self, examples: Examples, workspace: RouteWorkspace) -> Reason | None:
        """Return why this route cannot run here, or None."""
        optional, able = self.named() == type(self)().named(), []
        for spec in self.specs():
            why = as_reason(spec.refuses(examples, workspace))
            if why and not (optional and spec.classical):
                return Reason("member", "its member {member} cannot run: {why}", member=spec.name, why=why)
            able += [] if why else [spec.name]
        if len(able) < self.fewest:
            return Reason(
                "few_members",
                "it needs {fewest} members that can run here, got {able}",
                fewest=self.fewest,
                able=tuple(able),
            )
        return None

    def load(self, folder: Path) -> EnsembleModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        return EnsembleModel.load(folder)


@dataclass(frozen=True, kw_only=True)
class Several(Ensemble):
    """An ensemble of different routes."""

    fewest: ClassVar[int] = 2
    members: tuple[str, ...] = ("probe", "tfidf_svm", "ppmi_logreg")

    def named(self) -> tuple[str, ...]:
        """Return the members as they are written in the settings."""
        return self.members


@dataclass(frozen=True, kw_only=True)
class Repeated(Ensemble):
    """An ensemble of one route, fitted `count` times."""

    member: str = "probe"
    count: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.count < 1:
            raise HeadstartError(f"{self.name}.count={self.count}: at least 1 fit is needed")

    def named(self) -> tuple[str, ...]:
        """Return the member as it is written in the settings."""
        return (self.member,)


def _member(text: str) -> RouteSpec:
    name, *settings = text.split(":")
    kind = registry.load("route", name)
    if kind.tasks is not None and "classify" not in kind.tasks:
        raise HeadstartError(f"member {name}: it does {', '.join(kind.tasks)}; an ensemble is of routes that classify")
    own = []
    for setting in settings:
        field_name, equals, value = setting.partition("=")
        if not equals:
            raise HeadstartError(f"member '{text}': '{setting}' is no setting; write {name}:setting=value")
        own.append((field_name, value))
    return kind().with_settings(own)


@dataclass
class _Kept:
    """Fitted members of one set of labelled rows; another set of rows clears the cache, to keep memory bounded."""

    rows: str = ""
    made: dict[Any, Any] = field(default_factory=dict)


def _once(
    what: str, route: RouteSpec, examples: Examples, workspace: RouteWorkspace, seed: int, make: Callable[[], T]
) -> T:
    """Return `make()`, computed once for all ensembles of a workspace that are fitted in turn on the same rows."""
    kept = workspace.once("what members learned", _Kept)
    items = [[digest(item) for item in side] for side in (examples.items, examples.second or ())]
    identity = hashlib.sha256(repr((items, examples.groups, examples.classes)).encode())
    identity.update(np.asarray(examples.labels, "<i8").tobytes())
    if kept.rows != identity.hexdigest():
        kept.rows, kept.made = identity.hexdigest(), {}
    key = (what, json.dumps(route.to_dict()), seed)
    if key not in kept.made:
        kept.made[key] = make()
    return kept.made[key]


def fit_member(route: RouteSpec, examples: Examples, workspace: RouteWorkspace, seed: int, clock: Clock) -> TaskModel:
    """Return the member fitted on all rows; ensembles with the same workspace, rows and seed share the fit."""
    seconds = clock.part()
    return _once(
        "model", route, examples, workspace, seed, lambda: route.run(examples, workspace, seed=seed, seconds=seconds)
    )


def held_out_scores(
    route: RouteSpec, examples: Examples, workspace: RouteWorkspace, seed: int, clock: Clock
) -> np.ndarray:
    """Return cross-validated probabilities [N, C]: each row is scored by a fit that did not see the row.

    NaN for rows that are never held out (see `make_folds`) and for rows of folds that the time does not reach.
    """

    def make() -> np.ndarray:
        scores_NC = np.full((len(examples), len(examples.classes)), np.nan)
        for number, (train, held) in enumerate(folds_of(examples, seed=seed)):
            if clock.out or (number and not clock.more):
                break
            model = route.run(examples.take(train), workspace, seed=seed, seconds=clock.part())
            scores_NC[held] = model.predict_proba(examples.take(held))
        return scores_NC

    return _once("held-out", route, examples, workspace, seed, make)


class Resampler:
    """Bootstrap samples of labelled rows, drawn class by class so that every class stays; groups are drawn whole.

    Copies of a row form one group, so that the inner folds of a member never judge a setting on a copy of a training
    row.
    """

    def __init__(self, examples: Examples):
        self.examples = examples
        names = list(range(len(examples))) if examples.groups is None else list(examples.groups)
        _, first_U, self.unit_N = np.unique(names, return_index=True, return_inverse=True)
        self.label_U = labels_of(examples)[first_U]
        self.units = len(first_U)

    def draw(self, weight_U: np.ndarray, seed: int, *keys: int | str) -> tuple[Examples, np.ndarray]:
        """Return (resampled rows, bool [N] that marks the rows of units that were not drawn).

        weight_U: weight of each unit (group, or single row) within its class. A class is drawn in proportion to its
        share of all weights, at least once.
        """
        random = numpy_generator(seed, *keys)
        picked = []
        for label in np.unique(self.label_U):
            own = np.flatnonzero(self.label_U == label)
            weight = weight_U[own].sum()
            times = max(1, round(self.units * weight / weight_U.sum()))
            picked.append(random.choice(own, times, p=weight_U[own] / weight))
        times_U = np.bincount(np.concatenate(picked), minlength=self.units)
        rows = np.repeat(np.arange(len(self.unit_N)), times_U[self.unit_N])
        # Happens when groups hold several classes
        missing = np.setdiff1d(self.examples.labels, self.examples.labels[rows])
        rows = np.concatenate([rows, *(np.flatnonzero(self.examples.labels == label)[:1] for label in missing)])
        taken = self.examples.take(rows)
        out_N = ~np.isin(self.unit_N, self.unit_N[rows])
        return dataclasses.replace(taken, groups=[str(unit) for unit in self.unit_N[rows]]), out_N


def pooled(scores: Iterable[np.ndarray], weight_M: np.ndarray, pool: Pool) -> np.ndarray:
    """Return the combined probabilities [N, C] of M members; rows sum to 1.

    average: weighted mean. majority: share of votes for each class, ties are broken by the mean probability. log:
    normalised product of powers (log-linear pool, Genest & Zidek 1986), 0 where every member gives 0.
    """
    scores_MNC = np.stack([np.asarray(score, np.float64) for score in scores])
    if pool == "log":  # weights may all be 0 here, which gives equal probabilities
        logit_NC = np.tensordot(weight_M, np.log(np.maximum(scores_MNC, _LEAST)), axes=1)
        return softmax(np.where(scores_MNC.max(axis=0) > 0, logit_NC, -np.inf), axis=1)
    mean_NC = np.tensordot(weight_M / weight_M.sum(), scores_MNC, axes=1)
    if pool == "average":
        return mean_NC
    votes_NC = (scores_MNC.argmax(axis=2)[:, :, None] == np.arange(scores_MNC.shape[2])).sum(axis=0)
    return (votes_NC + mean_NC) / (len(scores_MNC) + 1)


def were_cut(models: Iterable[TaskModel]) -> bool:
    """Return whether the clock ended the training of at least one of the models, according to their notes."""
    return any(model.notes.get(CUT) for model in models)


class EnsembleModel(TaskModel):
    """members: routes with their task models; weight_M: weight of each member; pool: see `pooled`."""

    stays = "it is several models whose answers are weighed; export a task model of one of its members' routes"

    def __init__(
        self,
        members: Sequence[tuple[RouteSpec, TaskModel]],
        weight_M: np.ndarray,
        pool: Pool,
        classes: tuple[str, ...],
        notes: dict[str, object],
    ):
        self.members, self.weight_M, self.pool = members, np.asarray(weight_M, np.float64), pool
        self.classes, self.notes = classes, notes
        self.frozen = next((model.frozen for _, model in members if model.frozen is not None), None)

    @classmethod
    def alike(
        cls, route: RouteSpec, models: Sequence[TaskModel], classes: tuple[str, ...], notes: dict[str, object]
    ) -> EnsembleModel:
        """Return the unweighted mean of several fits of one route."""
        return cls([(route, model) for model in models], np.ones(len(models)), "average", classes, notes)

    def predict_proba(self, examples: Examples) -> np.ndarray:
        """Return probabilities [N, C]; members on the same base embed each item once."""
        with embedded_once():
            return pooled((model.predict_proba(examples) for _, model in self.members), self.weight_M, self.pool)

    def save(self, folder: Path) -> None:
        """Write each member as a task model into its own folder; files with equal bytes, such as a base, are stored
        once."""
        for number, (route, model) in enumerate(self.members):
            save_task(model, folder / f"member_{number}", route, {})
        data = {"members": len(self.members), "pool": self.pool, "classes": self.classes, "notes": self.notes}
        write_parts(folder, data, {"weight": self.weight_M})
        _link_equal_files(folder)

    @classmethod
    def load(cls, folder: Path) -> EnsembleModel:
        """Read what `save` wrote. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder, _File)
        folders = [folder / f"member_{number}" for number in range(data["members"])]
        members = [(registry.build_spec("route", read_task(own)["route"]), load_task(own)) for own in folders]
        _share_bases([model for _, model in members])
        return cls(members, arrays["weight"], data["pool"], tuple(data["classes"]), data["notes"])


class _File(ClassesFile):
    members: Annotated[int, Within(1, 1_000)]
    pool: Pool


def _link_equal_files(folder: Path) -> None:
    """Replace files with equal bytes by hard links to one copy, where the file system has hard links."""
    first: dict[tuple[int, str], Path] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        kept = first.setdefault((path.stat().st_size, hash_of(path)), path)
        if kept is path or kept.samefile(path):  # already linked by a member that is an ensemble itself
            continue
        link = temporary_beside(path)
        try:
            os.link(kept, link)
        except OSError:  # no hard links here: the copies stay
            return
        with writing(path):
            os.replace(link, path)


def _share_bases(models: Sequence[TaskModel]) -> None:
    """Let opened members on the same base share its vectors, so that each item is embedded once."""
    first: dict[str, FrozenVectors] = {}
    for model in models:
        if model.frozen is not None:
            kept = first.setdefault(model.frozen.base.identity, model.frozen)
            model.frozen = dataclasses.replace(model.frozen, workspace=kept.workspace, base=kept.base)
