"""A search through settings: what is varied, which trial comes next (TPE, Bergstra et al. 2011), one file per trial.

The settings of a trial are a function of the seed, its number and the trials before it, so that a sweep that was killed
goes on as if nothing had happened. Optuna is only asked for suggestions; the files here are what counts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from headstart.core.errors import HeadstartError
from headstart.core.json_files import certified, json_bytes, need_certified, read_json, write_json
from headstart.core.kinds import Count, Seconds
from headstart.core.manifest import MANIFEST, need_intact, read_manifest, seal
from headstart.core.seeds import numpy_generator
from headstart.core.spec_base import checked

FILE, TRIALS = "sweep.json", "trials"
_RANDOM = 4  # trials before the estimator is asked
_AGAIN = 20  # suggestions that were tried before, until an untried one is drawn at random
_WHOLE = re.compile(r"[+-]?\d+")


@dataclass(frozen=True)
class Varied:
    """A setting that is varied: between low and high (whole: whole numbers; log: evenly over magnitudes), or values."""

    name: str
    values: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False

    @classmethod
    def read(cls, text: str) -> Varied:
        """Read `name=8,16,32`, `name=1e-4..1e-2:log` or `name=1..4`. Raises HeadstartError."""
        name, equals, values = text.partition("=")
        if not name.strip() or not equals or not values.strip():
            raise HeadstartError(f"--vary {text}: write SETTING=8,16,32 or SETTING=1e-4..1e-2:log")
        ends, _, scale = values.partition(":")
        if ".." not in ends:
            chosen = tuple(dict.fromkeys(one.strip() for one in values.split(",") if one.strip()))
            if len(chosen) < 2:
                raise HeadstartError(
                    f"--vary {text}: one value is no choice; give several, or the setting without --vary"
                )
            return cls(name, chosen)
        low, _, high = (one.strip() for one in ends.partition(".."))
        if scale not in ("", "log"):
            raise HeadstartError(f"--vary {text}: after the range only :log is known, not ':{scale}'")
        try:
            limits = float(low), float(high)
        except ValueError:
            raise HeadstartError(f"--vary {text}: a range is two numbers, such as 1e-4..1e-2:log") from None
        if not -math.inf < limits[0] < limits[1] < math.inf or (scale and limits[0] <= 0):
            above = ", both above 0 for :log" if scale else ""
            raise HeadstartError(f"--vary {text}: the first end must be below the second{above}")
        return cls(name, (), *limits, bool(scale), bool(_WHOLE.fullmatch(low) and _WHOLE.fullmatch(high)))

    @property
    def first(self) -> str:
        """A value by which the setting can be tried out."""
        return self.values[0] if self.values else self.written(self.low)

    def written(self, value: Any) -> str:
        """Return a value as the command line writes it."""
        if self.values:
            return str(value)
        return str(round(value)) if self.whole else f"{value:.4g}"

    def distribution(self) -> Any:
        """Return optuna's distribution."""
        from optuna import distributions

        if self.values:
            return distributions.CategoricalDistribution(self.values)
        if self.whole:
            return distributions.IntDistribution(int(self.low), int(self.high), log=self.log)
        return distributions.FloatDistribution(self.low, self.high, log=self.log)


def all_varied(texts: Sequence[str]) -> list[Varied]:
    """Return what is varied. Raises HeadstartError: nothing, or a setting twice."""
    if not texts:
        raise HeadstartError(
            "sweep: --vary is missing; such as --vary learning_rate=1e-4..1e-2:log --vary batch=8,16,32"
        )
    found = [Varied.read(text) for text in texts]
    names = [one.name for one in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise HeadstartError(f"--vary {twice}: given twice; write all of its values in one --vary")
    return found


class TrialFile(TypedDict):
    """A file of `trials`, see `Trial`."""

    number: Count
    settings: dict[str, str]
    score: float | None
    seconds: Seconds
    failed: str
    sha256: NotRequired[str]


@dataclass(frozen=True)
class Trial:
    """One setting that was tried. score: higher is better; None where it failed, and `failed` says why."""

    number: int
    settings: dict[str, str]
    score: float | None
    seconds: float
    failed: str = ""


class Sweep:
    """The trials of one sweep in `folder`; `facts` say what is swept, and must be the same to go on."""

    def __init__(self, folder: Path, varied: Sequence[Varied], seed: int, facts: Mapping[str, Any]) -> None:
        self.folder, self.varied, self.seed = folder, list(varied), seed
        wanted = {"seed": seed, "vary": [asdict(one) | {"values": list(one.values)} for one in varied], **facts}
        path = folder / FILE
        if (folder / MANIFEST).is_file():
            need_intact(folder, "sweep")
        if path.is_file():
            then = read_json(path)
            other = [name for name, one in wanted.items() if not isinstance(then, dict) or then.get(name) != one]
            if other:
                raise HeadstartError(f"{folder}: was swept with another {other[0]}; give another --out to sweep anew")
        else:
            seal(folder, "sweep", growing=True, changed={FILE: json_bytes(wanted)})
        self.trials = self._read()

    def _read(self) -> list[Trial]:
        found = []
        for path in sorted((self.folder / TRIALS).glob("*.json")):
            try:
                told = checked(f"{path}:", read_json(path), TrialFile)
                if "sha256" in told:  # not kept until 2026-11-28
                    told = need_certified(path, told)
                if f"{told['number']:04d}" != path.stem:
                    raise HeadstartError(f"{path}: is trial {told['number']}")
                found.append(Trial(**told))
            except HeadstartError as error:
                raise HeadstartError(f"{error}; delete it, and the trial is made again") from None
        return sorted(found, key=lambda trial: trial.number)

    def run(self, count: int, judge: Callable[[int, dict[str, str]], float], say: Callable[[str], None]) -> None:
        """Make trials up to `count` in all; judge(number, settings) -> score may raise HeadstartError: it failed."""
        if not (self.folder / MANIFEST).is_file() or not read_manifest(self.folder)["growing"]:
            seal(self.folder, "sweep", growing=True)
        self._run(count, judge, say)
        seal(self.folder, "sweep")

    def _run(self, count: int, judge: Callable[[int, dict[str, str]], float], say: Callable[[str], None]) -> None:
        import time

        for number in range(count):
            if number in [trial.number for trial in self.trials]:
                continue
            settings = self.suggestion(number)
            if settings is None:
                say(f"all {len(self.trials)} combinations are tried")
                return
            begun, score, failed = time.monotonic(), None, ""
            say(f"trial {number}: {' '.join(f'{name}={value}' for name, value in settings.items())}")
            try:
                score = judge(number, settings)
            except HeadstartError as error:
                failed = str(error)
            if score is not None and not math.isfinite(score):
                score, failed = None, f"the score is {score}"
            trial = Trial(number, settings, score, time.monotonic() - begun, failed)
            write_json(self.folder / TRIALS / f"{number:04d}.json", certified(asdict(trial)))
            self.trials = sorted([*self.trials, trial], key=lambda one: one.number)
            if failed:
                say(f"trial {number} failed: {failed}")

    @property
    def best(self) -> Trial | None:
        """The trial with the highest score, the earliest of equal ones."""
        done = [trial for trial in self.trials if trial.score is not None]
        return max(done, key=lambda trial: (trial.score, -trial.number), default=None)

    def suggestion(self, number: int) -> dict[str, str] | None:
        """Return the settings of a trial, none tried before; None when there are no more."""
        before = [trial for trial in self.trials if trial.number < number]
        tried = [trial.settings for trial in before]
        if self._combinations() <= len(tried):
            return None
        for attempt in range(_AGAIN):
            found = self._asked(before, number, attempt)
            if found not in tried:
                return found
        random = numpy_generator(self.seed, "sweep", number)
        while True:
            found = {one.name: _drawn(one, random) for one in self.varied}
            if found not in tried:
                return found

    def _combinations(self) -> float:
        """Return how many different trials there can be."""
        sizes = [len(one.values) or (one.high - one.low + 1 if one.whole else math.inf) for one in self.varied]
        return math.prod(sizes)

    def _asked(self, before: Sequence[Trial], number: int, attempt: int) -> dict[str, str]:
        """Return the estimator's suggestion."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        key = int(numpy_generator(self.seed, "sweep", number, attempt).integers(2**31))
        sampler = optuna.samplers.TPESampler(seed=key, n_startup_trials=_RANDOM)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        space = {one.name: one.distribution() for one in self.varied}
        worst = min((trial.score for trial in before if trial.score is not None), default=0.0)
        for trial in before:  # what failed is as bad as the worst: the estimator keeps away from there
            values = {one.name: _value(one, trial.settings[one.name]) for one in self.varied}
            score = worst if trial.score is None else trial.score
            study.add_trial(optuna.trial.create_trial(params=values, distributions=space, value=score))
        asked = study.ask(space)
        return {one.name: one.written(asked.params[one.name]) for one in self.varied}


def _value(varied: Varied, text: str) -> Any:
    """Return the value that a trial's text stands for; rounding must not leave the range."""
    if varied.values:
        return text
    number = min(max(float(text), varied.low), varied.high)
    return int(number) if varied.whole else number


def _drawn(varied: Varied, random: Any) -> str:
    if varied.values:
        return varied.values[random.integers(len(varied.values))]
    ends = (math.log(varied.low), math.log(varied.high)) if varied.log else (varied.low, varied.high)
    drawn = random.uniform(*ends)
    return varied.written(math.exp(drawn) if varied.log else drawn)


def need_optuna() -> None:
    """Raise HeadstartError when optuna is not installed."""
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise HeadstartError("sweep needs optuna, which is not installed: pip install 'headstart[sweep]'") from None
