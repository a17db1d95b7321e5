"""Few-shot prompting (in-context learning): labelled rows shown before the text in several orders, no training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.processor import Tokenizer
from headstart.core.reason import Reason, cannot_run
from headstart.core.seeds import numpy_generator
from headstart.core.spec import RouteSpec
from headstart.core.task_model import TaskModel
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import labels_of, need_task
from headstart.fitting.time_budget import CUT, Clock
from headstart.prompting.prompts import (
    Demonstration,
    Prompt,
    PromptModel,
    Template,
    content_offset,
    default_template,
    kept_scores,
    prior_offset,
    refusal,
    unlabelled,
)
from headstart.prompting.verbalizers import Words, known, search_words, setting_for, words_of
from headstart.prompting.word_slot import Slot, slot_of

_SEARCHED = 512  # labelled rows on which words are searched
_JUDGED = 256  # labelled rows on which orders are compared


@dataclass(frozen=True, kw_only=True)
class FewShot(RouteSpec):
    """shots: demonstrations before a text, of all classes in turn; as many as fit in half of the context are shown;
    None = 4 for a causal model and 0 for a masked model, which was not trained on such texts. orders: number of random
    draws of demonstrations; their probabilities are averaged, and the notes tell their spread (`order_sd`: standard
    deviation of accuracy on labelled rows that no draw shows; `order_changes`: share of unlabelled texts whose answer
    depends on the draw). template, verbalizer, calibrate, texts: see zero_shot. If the class names are not in the
    vocabulary of the base, or without demonstrations, the words are searched on the labelled rows."""

    needs: ClassVar[Literal["nothing", "corpus", "base"]] = "base"
    shots: int | None = None
    orders: int = 4
    template: str = ""
    verbalizer: str = ""
    calibrate: Literal["prior", "content_free", "none"] = "prior"
    texts: int = 256

    def __post_init__(self) -> None:
        for name, least in (("shots", 0), ("orders", 1)):
            if (getattr(self, name) or 0) < least:
                raise HeadstartError(f"{self.label()}.{name}={getattr(self, name)}: expected at least {least}")

    def refuses(self, examples: Examples, workspace: RouteWorkspace) -> Reason | None:
        """Return why this route cannot run here, or None."""
        return refusal(examples, workspace)

    def run(
        self, examples: Examples, workspace: RouteWorkspace, *, seed: int, seconds: float | None = None
    ) -> PromptModel:
        """Search words, draw demonstrations, calibrate; no more orders are drawn after `seconds`.

        Raises HeadstartError: no rows or labels, a base that predicts no words, a template or words that do not fit.
        """
        need_task(self, examples)
        labels_N = labels_of(examples)
        if why := refusal(examples, workspace):
            raise HeadstartError(cannot_run(why))
        base, clock = workspace.need_base(), Clock(seconds)
        slot = slot_of(base)
        shots = slot.default_shots if self.shots is None else self.shots
        words = words_of(self.verbalizer, examples.classes) if shots or self.verbalizer else None
        if words and not self.verbalizer and not known(base.processor, words):
            words = None
        template = self.template or default_template(words, examples)
        notes: dict[str, object] = {"template": template}
        if words is None:
            words = _searched(slot, base.processor, template, examples, seed)
            notes["words"] = {name: own for name, own in zip(examples.classes, words) if own}
        # Prior of the classes: their frequencies among the labelled rows, each count plus 1.
        prior_C = np.bincount(labels_N, minlength=len(words)) + 1.0
        texts, notes["calibrated_on"] = unlabelled(examples, workspace, self.texts)
        prompts, offsets, drawn = [], [], []
        orders = self.orders if shots else 1
        for order in range(orders):
            if order and clock.left < clock.used / order:
                break
            drawn.append(_draw(labels_N, words, shots, seed, order))
            shown = [_demonstration(examples, row) for row in drawn[-1]]
            prompts.append(Prompt(base, template, words, examples.second is not None, shown, kept_scores()))
            offsets.append(self._offset(prompts[-1], texts, prior_C))
        model = PromptModel(prompts, np.stack(offsets), examples.classes, notes)
        fitted = [prompt.shown for prompt in prompts]
        notes |= {"shots": shots, "shown": float(np.mean(fitted)), "orders": len(prompts)}
        notes[CUT] = len(prompts) < orders
        notes |= _spread(model, examples, np.concatenate(drawn), texts)
        for prompt in prompts:  # the texts of the choice are not asked again
            prompt.known = dict
        return model

    def _offset(self, prompt: Prompt, texts: Examples, prior_C: np.ndarray) -> np.ndarray:
        if self.calibrate == "content_free":
            return content_offset(prompt)
        return prior_offset(prompt, texts, prior_C) if self.calibrate == "prior" else np.zeros(len(prior_C))

    def load(self, folder: Path) -> TaskModel:
        """Read a saved task model. Raises HeadstartError when damaged."""
        return PromptModel.load(folder)


def _searched(slot: Slot, tokenizer: Tokenizer, template: str, examples: Examples, seed: int) -> Words:
    """Return the words found on the labelled rows, in prompts without demonstrations."""
    form = Template(template, tokenizer, examples.second is not None)
    if slot.forward and not form.ends:
        raise HeadstartError(
            Reason(
                "label_before_text",
                "template '{template}': words can only be searched for where {{label}} comes after the text; "
                "add '{setting}'",
                template=template,
                setting=setting_for(examples.classes),
            )
        )
    few = examples.take(numpy_generator(seed, "verbalizer").permutation(len(examples))[:_SEARCHED])
    before, after, _ = form.fill(few.items, few.second, slot.limit - form.written - slot.extra - 1)
    nats_NV = slot.vocabulary(before, after)
    return search_words(tokenizer, nats_NV, few.labels, len(examples.classes), blank=form.blank)


def _draw(labels_N: np.ndarray, words: Words, shots: int, seed: int, order: int) -> np.ndarray:
    """Return the rows to demonstrate: one row of each class in turn until there are enough, then shuffled."""
    random = numpy_generator(seed, "demonstrations", order)
    able = random.permutation(np.flatnonzero([bool(words[label]) for label in labels_N]))
    turn_N = np.zeros(len(able), np.int64)
    for label in np.unique(labels_N):
        own = labels_N[able] == label
        turn_N[own] = np.arange(own.sum())
    chosen = able[np.lexsort((random.random(len(able)), turn_N))[:shots]]
    return random.permutation(chosen)


def _demonstration(examples: Examples, row: int) -> Demonstration:
    second = None if examples.second is None else examples.second[row]
    return examples.items[row], second, int(examples.labels[row])


def _spread(model: PromptModel, examples: Examples, drawn: np.ndarray, texts: Examples) -> dict[str, object]:
    """Return the spread over orders: on labelled rows that no order shows, and on unlabelled texts."""
    if len(model.prompts) < 2:
        return {}
    answers_ON = model.each(texts).argmax(2)
    found: dict[str, object] = {"order_changes": float((answers_ON != model.predict_proba(texts).argmax(1)).mean())}
    left = np.setdiff1d(np.arange(len(examples)), drawn)[:_JUDGED]
    if len(left):
        rows = examples.take(left)
        right_O = (model.each(rows).argmax(2) == rows.labels).mean(1)
        found |= {"order_sd": float(right_O.std(ddof=1)), "order_mean": float(right_O.mean()), "order_rows": len(left)}
    return found
