"""What a network was shown in pre-training: pictures of the corpus as its objective changed them."""

from __future__ import annotations

import numpy as np

from headstart.core.errors import HeadstartError
from headstart.core.seeds import KeyedRandom
from headstart.data.batch_settings import BatchSpec
from headstart.data.store import existing_store
from headstart.training.pretrained_model import PretrainedModel
from headstart.training.run_folder import RunFolder


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
    batch = store.batches(np.arange(len(store)), base.processor, BatchSpec(images=count), seed).at(0)
    shown = base.objective.seen(base.objective.corrupt(batch, KeyedRandom(seed), progress=1.0))
    return {name: pixels_BCHW[:count].cpu().numpy().transpose(0, 2, 3, 1) for name, pixels_BCHW in shown.items()}
