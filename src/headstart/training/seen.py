"""What a network was shown in pre-training: pictures of the corpus as its objective changed them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from headstart.core.contracts import Objective
from headstart.core.errors import HeadstartError
from headstart.core.files import write_bytes
from headstart.core.processor import Processor
from headstart.core.seeds import KeyedRandom
from headstart.data.batch_settings import BatchSpec
from headstart.data.store import Store, existing_store
from headstart.images.contact_sheet import contact_sheet
from headstart.training.pretrained_model import PretrainedModel
from headstart.training.run_folder import RunFolder

_IMAGES, _MOST_BYTES = 12, 300_000  # of the sheet of a run


def seen_images(base: PretrainedModel, count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Return `count` random images of the corpus as the objective of `base` shows them to the network.

    uint8 [B, H, W, C] by what each version of an image is called, the same image at the same place, as drawn in
    training at its end. {}: the base takes texts, or is no run whose store is still there.
    """
    if base.processor.takes != "image" or base.objective is None or base.path is None:
        return {}
    try:
        store = existing_store(base.processor, RunFolder(base.path).store)
    except HeadstartError:  # a run that was moved without its store
        return {}
    return _shown(base.objective, base.processor, store, count, seed)


def write_seen(objective: Objective, processor: Processor, store: Store, path: Path, seed: int) -> str:
    """Write a contact sheet of images as training is going to show them; return a line about it, '' for texts.

    Raises OSError: the disk refuses.
    """
    versions = {} if processor.takes != "image" else _shown(objective, processor, store, _IMAGES, seed)
    if not versions:
        return ""
    pictures = [image for images in zip(*versions.values()) for image in images]
    write_bytes(path, contact_sheet(pictures, _MOST_BYTES).png)
    return f"{len(pictures) // len(versions)} images as training shows them ({', '.join(versions)}): {path}"


def _shown(objective: Objective, processor: Processor, store: Store, count: int, seed: int) -> dict[str, np.ndarray]:
    batch = store.batches(np.arange(len(store)), processor, BatchSpec(images=count), seed).at(0)
    shown = objective.seen(objective.corrupt(batch, KeyedRandom(seed), progress=1.0))
    return {name: pixels_BCHW[:count].cpu().numpy().transpose(0, 2, 3, 1) for name, pixels_BCHW in shown.items()}
