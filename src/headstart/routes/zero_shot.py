"""Zero-shot prompting: classes by the likelihood of their words in a prompt, no labels (GPT-3, 2020; PET, 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.reason import Reason, cannot_run, reason_of
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import need_task
from headstart.prompting.prompts import (
    Prompt,
    PromptModel,
    Scores,
    content_offset,
    default_template,
    prior_offset,
    refusal,
    unlabelled,
)
from headstart.prompting.verbalizers import setting_for, words_of


@dataclass(frozen=True, kw_only=True)
class ZeroShot(RouteSpec):
    """template: a text with {text} ({text2}) and {label}; default: by language.

    verbalizer: the words of each class, `class:word,word;class:word` or a JSON file; default: the class names.
    calibrate: prior = all classes are equally frequent among unlabelled texts, content_free = texts without content get
    equal probabilities, none. texts: number of unlabelled texts for the calibration. Labels are never used.
    """

    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    template: str = ""
    verbalizer: str = ""
    calibrate: Literal["prior", "content_free", "none"] = "prior"
    texts: int = 512

    def refuses(self, examples: Examples, workspace: RouteWorkspace) -> Reason | None:
        """Return why this route cannot run here, or None."""
        if why := refusal(examples, workspace):
            return why
        try:
            self._prompt(examples, workspace)
        except HeadstartError as error:
            return reason_of(error)
        return None

    def _prompt(self, examples: Examples, workspace: RouteWorkspace) -> Prompt:
        """Return the prompt, the same for all draws, so that each text is scored once."""
        words = words_of(self.verbalizer, examples.classes)
        if words is None:
            raise HeadstartError(
                Reason(
                    "class_names",
                    "class names ({names}) are no words a text could go on with; add '{setting}'",
                    names=examples.classes[:3],
                    setting=setting_for(examples.classes),
                )
            )
        base, pairs = workspace.need_base(), examples.second is not None
        template = self.template or default_template(words, examples)
        key = ("prompt", base.identity, template, words, pairs)

        def scores() -> Scores:
            return workspace.once(("scores", *key), dict)

        return workspace.once(key, lambda: Prompt(base, template, words, pairs, known=scores))

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> PromptModel:
        """Calibrate the prompt. Raises HeadstartError: see `refuses`, a template or words that do not fit."""
        need_task(self, examples)
        if why := self.refuses(examples, workspace):
            raise HeadstartError(cannot_run(why))
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
