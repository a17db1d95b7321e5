"""Zero-shot prompting: classes by how likely their words are in a prompt; no labels (GPT-3, 2020; PET, 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from headstart.base.contracts import TaskModel
from headstart.base.errors import HeadstartError
from headstart.base.examples import Examples
from headstart.base.spec import RouteSpec
from headstart.routes.checks import need_task
from headstart.routes.prompting import (
    Prompt,
    PromptModel,
    content_offset,
    prior_offset,
    refusal,
    unlabelled,
    usual_template,
)
from headstart.routes.verbalizers import how, words_of
from headstart.routes.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class ZeroShot(RouteSpec):
    """template: a text with {text} ({text2}) and {label}, by default that of the language. verbalizer: the words of
    each class, `class:word,word;class:word` or a JSON file, by default the class names. calibrate: take away what words
    gain without any text; prior: all classes are equally frequent among unlabelled texts; content_free: a text that
    says nothing is of no class. texts: unlabelled ones that are looked at. Labels are never looked at."""

    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    template: str = ""
    verbalizer: str = ""
    calibrate: Literal["prior", "content_free", "none"] = "prior"
    texts: int = 512

    def refuses(self, examples: Examples, workspace: Workspace) -> str | None:
        """Return why this route cannot run here, or None."""
        if why := refusal(examples, workspace):
            return why
        try:
            self._prompt(examples, workspace)
        except HeadstartError as error:
            return str(error)
        return None

    def _prompt(self, examples: Examples, workspace: Workspace) -> Prompt:
        """Return one prompt for all draws: nothing is learned from the rows, and each text is asked once."""
        words = words_of(self.verbalizer, examples.classes)
        if words is None:
            names = ", ".join(examples.classes[:3])
            raise HeadstartError(f"class names ({names}) are no words a text could go on with; {how(examples.classes)}")
        base, pairs = workspace.need_base(), examples.second is not None
        template = self.template or usual_template(words, examples)
        key = ("prompt", base.identity, template, words, pairs)
        return workspace.once(key, lambda: Prompt(base, template, words, pairs))

    def run(self, examples: Examples, workspace: Workspace, *, seed: int, seconds: float | None = None) -> PromptModel:
        """Calibrate. Raises HeadstartError: see `refuses`, a template or words that do not fit."""
        need_task(self, examples)
        if why := self.refuses(examples, workspace):
            raise HeadstartError(f"route {self.name}: {why}")
        prompt = self._prompt(examples, workspace)
        notes: dict[str, object] = {"template": prompt.template, "calibrate": self.calibrate}
        offset_C = np.zeros(len(prompt.words))
        if self.calibrate == "content_free":
            offset_C = content_offset(prompt)
        elif self.calibrate == "prior":
            texts, notes["calibrated_on"] = unlabelled(examples, workspace, self.texts)
            offset_C = prior_offset(prompt, texts, np.ones(len(prompt.words)))
        return PromptModel([prompt], offset_C[None], examples.classes, notes)

    def load(self, folder: Path) -> TaskModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        return PromptModel.load(folder)
