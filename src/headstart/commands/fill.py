"""fill: let a masked language model fill [MASK]."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from headstart.commands.reading import open_bases
from headstart.commands.session import need_positive, whole
from headstart.core.errors import HeadstartError
from headstart.core.spoken import Verbatim


@dataclass(frozen=True)
class Filled:
    """guesses: for each mask, (token, probability), best first."""

    guesses: list[list[tuple[str, float]]]

    def summary(self) -> str:
        """Return one line per mask."""
        return Verbatim("\n".join("  ".join(f"{token} {p:.3f}" for token, p in mask) for mask in self.guesses))


def fill(
    base: Annotated[Path, Parameter(help="a run directory or a Hugging Face directory of a masked language model")],
    text: Annotated[str, Parameter(help='text with one or more [MASK], such as "this film was [MASK]"')],
    /,
    *,
    top: Annotated[int, Parameter(help="guesses per mask", converter=whole)] = 5,
) -> Filled:
    """Show the likeliest tokens at every [MASK]."""
    import numpy as np

    from headstart.core.batch import make_batch
    from headstart.core.device import set_threads

    need_positive("--top", top)
    set_threads()
    pretrained = next(iter(open_bases([Path(base)]).values()))
    tokenizer = pretrained.processor
    masked = None if pretrained.objective is None else pretrained.objective.masked_model()
    if tokenizer.mask_id < 0 or masked is None:
        raise HeadstartError(f"{base} is no masked language model; pretrain one with --objective mlm")
    mask = tokenizer.token(tokenizer.mask_id)
    pieces = text.split(mask)
    if len(pieces) == 1:
        raise HeadstartError(f"the text has no {mask}; write it where a word is to be guessed")
    parts = tokenizer.encode(pieces)
    ids = parts[0]
    for part in parts[1:]:
        ids = np.concatenate([ids, [tokenizer.mask_id], part])
    if pretrained.max_length is not None and len(ids) > pretrained.max_length:
        raise HeadstartError(f"the text has {len(ids)} tokens; this model takes {pretrained.max_length}")
    device = next(pretrained.backbone.parameters()).device
    found = masked.fill(pretrained.backbone, make_batch([tokenizer.add_special_tokens(ids)[0]]).to(device), top)
    pairs = zip(found.ids_MK.tolist(), found.probability_MK.tolist())
    return Filled([[(tokenizer.token(i), p) for i, p in zip(ids, chances)] for ids, chances in pairs])
