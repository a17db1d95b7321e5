"""What transformers answers with the folder of an export: classes, numbers, logits of words, or states of tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from headstart.core.examples import Examples
from headstart.core.exportable import Exportable
from headstart.core.load_processor import PREPROCESSOR
from headstart.exporting.verified import Answers
from headstart.images.decode import decode
from headstart.images.squares import picture

_WORDS = {"mlm": "AutoModelForMaskedLM", "causal": "AutoModelForCausalLM"}


def opened(
    source: Exportable,
    folder: Path,
    kind: str,
    *,
    trusted: bool = False,
    adapted: Callable[[Any], Any] = lambda model: model,
) -> Callable[[Examples], Answers]:
    """Return the answers of the folder's model.

    kind: which head went along, "" for none; trusted: run the class that the folder brings; adapted: what is put around
    the model before it is asked.
    """
    import transformers

    be_quiet()
    pixels = source.processor.gives == "pixels"
    classes = "AutoModelForImageClassification" if pixels else "AutoModelForSequenceClassification"
    name = classes if kind == "classify" else _WORDS.get(kind, "AutoModel")
    model = getattr(transformers, name).from_pretrained(folder, trust_remote_code=trusted)
    model = adapted(model).eval()
    read = _images(source, folder) if pixels else _texts(source, folder, trusted)
    answer = _answer_of(source, kind, pixels)

    @torch.no_grad()
    def theirs(rows: Examples) -> Answers:
        given = read(rows)
        return answer(model, given)

    return theirs


def be_quiet() -> None:
    """Let transformers print no warnings and no progress bars."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def _texts(source: Exportable, folder: Path, trusted: bool = False) -> Callable[[Examples], dict[str, Any]]:
    """Return what makes inputs of rows: their tokenizer, or ours where theirs does not exist."""
    from transformers import AutoTokenizer

    if not (folder / "tokenizer_config.json").is_file():

        def ids_of(rows: Examples) -> dict[str, Any]:
            ids = [source.processor.windows(one, None)[0] for one in source.processor.encode(rows.items)]
            longest = max(map(len, ids))
            padded = np.stack([np.pad(one, (0, longest - len(one))) for one in ids])
            mask = np.stack([np.arange(longest) < len(one) for one in ids])
            return {"input_ids": torch.from_numpy(padded), "attention_mask": torch.from_numpy(mask).long()}

        return ids_of
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trusted)
    if tokenizer.pad_token is None:  # of GPT-2: what is padded is hidden by the mask
        tokenizer.pad_token = tokenizer.eos_token

    def tokens_of(rows: Examples) -> dict[str, Any]:
        second = list(rows.second) if source.pairs else None
        return dict(tokenizer(list(rows.items), second, padding=True, return_tensors="pt"))

    return tokens_of


def _images(source: Exportable, folder: Path) -> Callable[[Examples], dict[str, Any]]:
    from transformers import AutoImageProcessor

    if not (folder / PREPROCESSOR).is_file():
        shape = source.processor.shape
        mean, std = (
            torch.tensor(values or (default,)).reshape(1, -1, 1, 1)
            for values, default in ((shape.mean, 0.0), (shape.std, 1.0))
        )

        def scaled(rows: Examples) -> dict[str, Any]:
            pixels = torch.from_numpy(np.stack(source.processor.encode(rows.items))).float() / 255
            return {"pixel_values": (pixels - mean) / std}

        return scaled
    processor = AutoImageProcessor.from_pretrained(folder)
    grey = source.processor.shape.channels == 1

    def pixels_of(rows: Examples) -> dict[str, Any]:
        images = [picture(decode(one).pixels, grey) for one in rows.items]
        return dict(processor(images, return_tensors="pt"))

    return pixels_of


def _answer_of(source: Exportable, kind: str, pixels: bool) -> Callable[[Any, dict[str, Any]], Answers]:
    """Return what is compared of the outputs of the model."""
    if kind == "classify":
        finish = {"multilabel": torch.sigmoid, "regress": lambda x: x}.get(source.task, lambda x: x.softmax(-1))
        name = "numbers" if source.task == "regress" else "probabilities"
        return lambda model, given: {name: finish(model(**given).logits).numpy()}
    if kind in _WORDS:
        return lambda model, given: {"logits": _cut(model(**given).logits, given["attention_mask"])}
    if pixels:
        return _of_images
    if source.backbone.reads == "encoder_decoder":
        return lambda model, given: {"hidden": _cut(model.get_encoder()(**given)[0], given["attention_mask"])}
    return lambda model, given: {"hidden": _cut(model(**given).last_hidden_state, given["attention_mask"])}


def _cut(states_BTD: torch.Tensor, mask_BT: torch.Tensor) -> Sequence[np.ndarray]:
    """Return the states of the tokens of each row, wherever the padding lies."""
    return [states[mask.bool()].numpy() for states, mask in zip(states_BTD, mask_BT)]


def _of_images(model: Any, given: dict[str, Any]) -> Answers:
    found = model(**given)
    if found.last_hidden_state.ndim == 4:  # maps of a convolutional network
        return {"pooled": found.pooler_output.flatten(1).numpy()}
    return {"hidden": found.last_hidden_state.numpy()}
