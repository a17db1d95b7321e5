"""Drawing pictures with a causal language model over the ids of images, from nothing or below what is given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from headstart.core.errors import HeadstartError
from headstart.core.item_nouns import some_items
from headstart.core.processor import ImageTokenizer
from headstart.data.corpus import Corpus
from headstart.language_models.bits_per_byte import LanguageModel
from headstart.nn.decoding import Choose, write
from headstart.training.pretrained_model import PretrainedModel

_AT_ONCE = 64  # pictures whose keys and values are held at a time


def draw_pictures(pretrained: PretrainedModel, begun: Sequence[np.ndarray], *, choose: Choose) -> np.ndarray:
    """Return N whole images as ids, int64 [N, T], each going on from its own ids in `begun`, which are all as many.

    Special tokens are never drawn. Raises HeadstartError: no causal language model, one of texts, images that do not
    fit the network, no beginning where the tokenizer has no begin mark.
    """
    model = LanguageModel(pretrained)
    length = need_image_tokenizer(pretrained).length
    begun = [np.asarray(ids, np.int64) for ids in begun]
    found = []
    for low in range(0, len(begun), _AT_ONCE):
        part = begun[low : low + _AT_ONCE]
        read = [np.concatenate([model.begin(), ids]) for ids in part]
        if not len(read[0]):
            raise HeadstartError(f"processor {model.processor.kind} has no begin mark; give images to go on with")
        settings = {"most": length - len(part[0]), "choose": _among_images(model, choose, low)}
        drawn = write(model.step, *model.read(read), **settings)
        found += [np.concatenate([ids, np.array(one.ids, np.int64)]) for ids, one in zip(part, drawn, strict=True)]
    return np.stack(found) if found else np.zeros((0, length), np.int64)


def _among_images(model: LanguageModel, choose: Choose, first: int) -> Choose:
    """Return `choose` without special tokens, for the images from number `first` on."""
    specials = sorted(model.processor.special_ids)

    def chosen(logits_AV: Tensor, row_A: Tensor, position: int) -> Tensor:
        banned = torch.tensor(specials, dtype=torch.int64, device=logits_AV.device)
        return choose(logits_AV.index_fill(1, banned, float("-inf")), row_A + first, position)

    return chosen


def corpus_of_images(paths: Sequence[str], column: str | None = None) -> Corpus:
    """Return the images of files and folders; column: of tables. Raises HeadstartError: texts, a file that is gone."""
    corpus = Corpus(list(paths), column)
    if corpus.takes != "image":
        raise HeadstartError(f"{paths[0]}: it holds {some_items(corpus.takes)}, and this model reads images")
    return corpus


def need_image_tokenizer(pretrained: PretrainedModel) -> ImageTokenizer:
    """Return the model's processor.

    Raises HeadstartError: it makes no ids of images, or more of an image than the network reads.
    """
    processor = pretrained.processor
    if not isinstance(processor, ImageTokenizer):
        raise HeadstartError(
            f"{pretrained.path or 'this model'}: processor {processor.kind} makes no ids of images; pretrain a model "
            "that draws with --recipe igpt"
        )
    processor.windows(np.zeros(processor.length, np.int64), pretrained.max_length)
    return processor
