"""fill: let a masked language model fill [MASK]."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from headstart.base.errors import HeadstartError
from headstart.commands.inputs import open_bases
from headstart.commands.session import need_positive, whole


@dataclass(frozen=True)
class Filled:
    """guesses: for each mask, (token, probability), best first."""

    guesses: list[list[tuple[str, float]]]

    def summary(self) -> str:
        """Return one line per mask."""
        return "\n".join("  ".join(f"{token} {p:.3f}" for token, p in mask) for mask in self.guesses)


def fill(
    base: Annotated[Path, Parameter(help="a run directory or a Hugging Face directory of a masked language model")],
    text: Annotated[str, Parameter(help='text with one or more [MASK], such as "this film was [MASK]"')],
    /,
    *,
    top: Annotated[int, Parameter(help="guesses per mask", converter=whole)] = 5,
) -> Filled:
    """Show the likeliest tokens at every [MASK]."""
    import numpy as np

    from headstart.base.batch import make_batch
    from headstart.base.device import set_threads

    need_positive("--top", top)
    set_threads()
    artefact = next(iter(open_bases([Path(base)]).values()))
    tokenizer = artefact.tokenizer
    if tokenizer.mask_id < 0 or artefact.objective is None or not hasattr(artefact.objective, "fill"):
        raise HeadstartError(f"{base} is no masked language model; pretrain one with --objective mlm")
    mask = tokenizer.token(tokenizer.mask_id)
    pieces = text.split(mask)
    if len(pieces) == 1:
        raise HeadstartError(f"the text has no {mask}; write it where a word is to be guessed")
    parts = tokenizer.encode(pieces)
    ids = parts[0]
    for part in parts[1:]:
        ids = np.concatenate([ids, [tokenizer.mask_id], part])
    if artefact.window is not None and len(ids) > artefact.window:
        raise HeadstartError(f"the text has {len(ids)} tokens; this model takes {artefact.window}")
    device = next(artefact.backbone.parameters()).device
    found = artefact.objective.fill(artefact.backbone, make_batch([tokenizer.frame(ids)[0]]).to(device), top)
    pairs = zip(found.ids_MK.tolist(), found.probability_MK.tolist())
    return Filled([[(tokenizer.token(i), p) for i, p in zip(ids, chances)] for ids, chances in pairs])
