"""Prompts: a text in a template after demonstrations, scored by the likelihood of class words (GPT-3; PET)."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import logsumexp, softmax

from headstart.core.counted import count
from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.processor import Tokenizer
from headstart.core.reason import Reason
from headstart.core.seeds import numpy_generator
from headstart.core.task_model import TaskModel
from headstart.core.workspace import RouteWorkspace
from headstart.fitting.checks import check_kind, no_base
from headstart.fitting.model_parts import read_parts, write_parts
from headstart.fitting.part_files import ClassesFile
from headstart.fitting.unlabelled import sample_documents
from headstart.prompting.verbalizers import Words, word_ids
from headstart.prompting.word_slot import no_slot, slot_of
from headstart.training.pretrained_model import PretrainedModel

TEMPLATES = {
    ("en", False): "{text} All in all, it was {label}.",  # Schick & Schütze 2021, arXiv:2001.07676, section 4.1
    ("en", True): "{text}? {label}, {text2}",
    ("ko", False): "{text} 한마디로 {label}",
    ("ko", True): "{text}? {label}, {text2}",
}
_PLACES = {"{text}": "first", "{text2}": "second", "{label}": "label", "[MASK]": "label"}
_LEAST = 8  # tokens that the text of a demonstration keeps at least
_FOLDER = "base"

Demonstration = tuple[str, str | None, int]  # first text, second text, class
Scores = dict[tuple[str, str | None], tuple[np.ndarray, bool]]  # of texts: log-likelihoods [C], whether they were cut


def default_template(words: Words | None, examples: Examples) -> str:
    """Return the default template: the Korean one if most class words and first texts contain Hangul."""
    texts = [word for own in words or () for word in own] + list(examples.items[:100])
    korean = np.mean([bool(re.search("[가-힣]", text)) for text in texts]) > 0.5 if texts else False
    return TEMPLATES["ko" if korean else "en", examples.second is not None]


class Template:
    """`text` with places {text}, {text2} and {label} (or [MASK]), as a tokenizer reads it.

    A blank at the end of a literal part is moved to the part after it, as tokenizers expect: " good", not "good".
    Raises HeadstartError: a place that is missing, twice there or unknown.
    """

    def __init__(self, text: str, tokenizer: Tokenizer, pairs: bool) -> None:
        self.processor, self.pairs = tokenizer, pairs
        parts = [part for part in re.split(r"(\{\w*\}|\[MASK\])", text) if part]
        found = [_PLACES.get(part) for part in parts if part in _PLACES or re.fullmatch(r"\{\w*\}", part)]
        if sorted(map(str, found)) != (["first", "label", "second"] if pairs else ["first", "label"]):
            texts = "{text}, {text2}" if pairs else "{text}"
            raise HeadstartError(
                Reason(
                    "template_places",
                    "template '{template}': expected {places} and {{label}}, each once and nothing else in {{}}",
                    template=text,
                    places=texts,
                )
            )
        self.places: list[tuple[str, str, np.ndarray]] = []  # place or "", blank before it, ids of a literal part
        blank = ""
        for part in parts:
            if part in _PLACES:
                self.places.append((_PLACES[part], blank, np.zeros(0, np.int64)))
                blank = ""
                continue
            kept = part.rstrip(" ")
            self.places.append(("", "", tokenizer.encode([blank + kept])[0] if kept else np.zeros(0, np.int64)))
            blank = " " if kept != part else ""
        self.written = sum(len(ids) for _, _, ids in self.places)

    @property
    def blank(self) -> bool:
        """Whether a blank stands before the label."""
        return next(blank for place, blank, _ in self.places if place == "label") == " "

    @property
    def ends(self) -> bool:
        """Whether the label comes after all texts, so that a causal model has read them."""
        names = [place for place, _, _ in self.places]
        return not {"first", "second"} & set(names[names.index("label") :])

    def fill(
        self, first: Sequence[str], second: Sequence[str] | None, room: int
    ) -> tuple[list[np.ndarray], list[np.ndarray], list[bool]]:
        """Return N id arrays (before the label, after it) and whether each row was cut.

        Texts are cut at their end to `room` tokens in total; of a pair the longer text is cut first.
        """
        blanks = {place: blank for place, blank, _ in self.places}
        texts = {"first": first, "second": second or ()}
        ids = {
            name: self.processor.encode([blanks.get(name, "") + text for text in own]) for name, own in texts.items()
        }
        before, after, cut = [], [], []
        for row in range(len(first)):
            own = {name: found[row] for name, found in ids.items() if found}
            cut.append(sum(map(len, own.values())) > room)
            if cut[-1]:
                two = min(len(own.get("second", ())), max(room - len(own["first"]), room // 2))
                own = {name: one[: two if name == "second" else room - two] for name, one in own.items()}
            sides: tuple[list, list] = ([], [])
            side = sides[0]
            for place, _, written in self.places:
                if place == "label":
                    side = sides[1]
                else:
                    side.append(own.get(place, written))
            before.append(np.concatenate([np.zeros(0, np.int64), *sides[0]]))
            after.append(np.concatenate([np.zeros(0, np.int64), *sides[1]]))
        return before, after, cut


class Prompt:
    """A template with the words of each class, on a base, after demonstrations.

    shown: number of demonstrations that fit. known: returns where the scores of texts are kept, so that each different
    text is scored once; by default those of one call alone. Raises HeadstartError: a base that predicts no words, see
    also `Template` and `word_ids`.
    """

    def __init__(
        self,
        base: PretrainedModel,
        template: str,
        words: Words,
        pairs: bool,
        demonstrations: Sequence[Demonstration] = (),
        known: Callable[[], Scores] = dict,
    ) -> None:
        self.base, self.template, self.words, self.demonstrations = base, template, words, tuple(demonstrations)
        self.known = known
        self.slot = slot_of(base)
        self.form = Template(template, base.processor, pairs)
        ids = word_ids(base.processor, words, self.form.blank)
        self.ids = [one for own in ids for one in own]
        self.owner_W = np.repeat(np.arange(len(words)), [len(own) for own in ids])
        fixed = self.form.written + self.slot.extra + max(map(len, self.ids))
        room = self.slot.limit - fixed
        if room < 1:
            raise HeadstartError(
                Reason(
                    "template_room",
                    "template '{template}': no room for a text in the {limit} tokens of the base",
                    template=template,
                    limit=self.slot.limit,
                )
            )
        self.shared, self.shown = self._context(ids, room)
        self.room = room - len(self.shared)

    def _context(self, words: Sequence[Sequence[np.ndarray]], room: int) -> tuple[np.ndarray, int]:
        """Return (ids of the demonstrations that fit in half of the room, their number); words: ids of each class."""
        if not self.demonstrations:
            return np.zeros(0, np.int64), 0
        between = self.base.processor.encode(["\n"])[0]
        if not len(between) and self.base.processor.sep_id >= 0:
            between = np.array([self.base.processor.sep_id], np.int64)
        share = room // 2 // len(self.demonstrations) - self.form.written - max(map(len, self.ids)) - len(between)
        parts: list[np.ndarray] = []
        shown, left = 0, room // 2
        for first, second, label in self.demonstrations:
            before, after, _ = self.form.fill([first], None if second is None else [second], max(_LEAST, share))
            one = np.concatenate([before[0], words[label][0], after[0], between])
            if len(one) <= left:
                parts.append(one)
                shown, left = shown + 1, left - len(one)
        return np.concatenate([np.zeros(0, np.int64), *parts]), shown

    def likelihoods(self, examples: Examples) -> np.ndarray:
        """Return the mean log-likelihood (nats) of the words of each class, float64 [N, C]; -inf without words.

        The mean over the words of a class follows PETAL (arXiv:2010.13641, section 3).
        """
        return self.scored(examples)[0]

    def scored(self, examples: Examples) -> tuple[np.ndarray, int]:
        """Return (`likelihoods`, how many different texts were cut)."""
        check_kind(self.form.pairs, examples)
        keys = list(zip(examples.items, examples.second or [None] * len(examples)))
        known = self.known()
        missing = [key for key in dict.fromkeys(keys) if key not in known]
        if missing:
            second = [two for _, two in missing] if self.form.pairs else None
            before, after, cut = self.form.fill([one for one, _ in missing], second, self.room)
            nats_NW = self.slot.likelihoods(self.shared, before, after, self.ids)
            nats_NC = np.full((len(missing), len(self.words)), -np.inf)
            for label in np.unique(self.owner_W):
                nats_NC[:, label] = nats_NW[:, self.owner_W == label].mean(1)
            known.update(zip(missing, zip(nats_NC, cut)))
        nats_NC = np.stack([known[key][0] for key in keys]) if keys else np.zeros((0, len(self.words)))
        return nats_NC, sum(known[key][1] for key in set(keys))

    def content_free(self) -> Examples:
        """Return content-free texts (Zhao et al. 2021, arXiv:2102.09690, section 4)."""
        texts = ["", "N/A", "..."]
        return Examples(texts, texts if self.form.pairs else None)


def kept_scores() -> Callable[[], Scores]:
    """Return what keeps scores for as long as it is there, for `Prompt.known`."""
    kept: Scores = {}
    return lambda: kept


def content_offset(prompt: Prompt) -> np.ndarray:
    """Return the offsets of the log-likelihoods, [C], that give content-free texts equal probabilities.

    Contextual calibration (Zhao et al. 2021, arXiv:2102.09690), with the mean of log-likelihoods over the texts.
    """
    offset_C = -prompt.likelihoods(prompt.content_free()).mean(0)
    return np.where(np.isfinite(offset_C), offset_C, 0.0)


def prior_offset(prompt: Prompt, texts: Examples, prior_C: np.ndarray) -> np.ndarray:
    """Return the offsets of the log-likelihoods, [C], that make the mean probabilities of `texts` equal `prior_C`.

    Batch calibration (Zhou et al. 2023, arXiv:2309.17249), iterated to convergence, on texts that are not test rows.
    """
    nats_NC = prompt.likelihoods(texts)
    used = np.isfinite(nats_NC[0])
    wanted_C = np.log(prior_C[used] / prior_C[used].sum())
    offset_C = np.zeros(used.sum())
    for _ in range(200):
        scores_NC = nats_NC[:, used] + offset_C
        now_C = logsumexp(scores_NC - logsumexp(scores_NC, axis=1, keepdims=True), axis=0) - np.log(len(nats_NC))
        offset_C += wanted_C - now_C
        if np.abs(wanted_C - now_C).max() < 1e-6:
            break
    out_C = np.zeros(len(prior_C))
    out_C[used] = offset_C
    return out_C


def unlabelled(examples: Examples, workspace: RouteWorkspace, most: int) -> tuple[Examples, str]:
    """Return (at most `most` texts for calibration, their source); labels are not used.

    The texts are from the corpus; for pairs, or without a corpus, from the labelled rows.
    """
    if examples.second is None and workspace.has_documents:
        return Examples(sample_documents(workspace, most)), "corpus"
    rows = numpy_generator(0, "calibrate", len(examples)).permutation(len(examples))[:most]
    few = examples.take(np.sort(rows))
    return Examples(few.items, few.second), "training rows"


def refusal(examples: Examples, workspace: RouteWorkspace) -> Reason | None:
    """Return why no prompt can be used here, or None."""
    return no_base(workspace) or no_slot(workspace.base)


class _File(ClassesFile):
    template: str
    words: list[list[str]]
    pairs: bool
    demonstrations: list[list[Any]]


class PromptModel(TaskModel):
    """The mean of the probabilities under each of `prompts`, which differ in their demonstrations.

    offsets_OC: added to the log-likelihoods of each class, see `content_offset` and `prior_offset`.
    """

    stays = "it asks a language model questions; export the base, and ask it where it arrives"

    def __init__(
        self, prompts: Sequence[Prompt], offsets_OC: np.ndarray, classes: tuple[str, ...], notes: dict[str, object]
    ) -> None:
        self.prompts, self.offsets_OC, self.classes, self.notes = list(prompts), offsets_OC, classes, notes

    def each(self, examples: Examples) -> np.ndarray:
        """Return the probabilities under each prompt, [O, N, C]; the texts that were cut, under the prompt that
        cut the most, are counted (`counting`)."""
        nats, cut = zip(*(prompt.scored(examples) for prompt in self.prompts))
        count("texts_cut", max(cut))
        return softmax(np.stack(nats) + self.offsets_OC[:, None], axis=2)

    def predict_proba(self, examples: Examples) -> np.ndarray:
        """Return probabilities [N, C]."""
        check_kind(self.prompts[0].form.pairs, examples)
        if not len(examples):
            return np.zeros((0, len(self.classes)))
        return self.each(examples).mean(0)

    def save(self, folder: Path) -> None:
        """Write base, template, words and demonstrations into `folder`."""
        one = self.prompts[0]
        dataclasses.replace(one.base, corpus=None).save(folder / _FOLDER)
        data = {
            "template": one.template,
            "words": one.words,
            "pairs": one.form.pairs,
            "demonstrations": [prompt.demonstrations for prompt in self.prompts],
            "classes": self.classes,
            "notes": self.notes,
        }
        write_parts(folder, data, {"offsets": self.offsets_OC})

    @classmethod
    def load(cls, folder: Path) -> PromptModel:
        """Read what `save` wrote. Raises HeadstartError when damaged."""
        data, arrays = read_parts(folder, _File)
        base = PretrainedModel.open(folder / _FOLDER)
        words = tuple(tuple(own) for own in data["words"])
        prompts = [
            Prompt(base, data["template"], words, data["pairs"], [tuple(one) for one in shown])
            for shown in data["demonstrations"]
        ]
        return cls(prompts, arrays["offsets"], tuple(data["classes"]), data["notes"])
