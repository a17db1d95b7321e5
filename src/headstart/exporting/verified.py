"""Whether another library answers as headstart does: both are asked about the same rows, value by value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from headstart.core.errors import HeadstartError
from headstart.core.examples import Examples
from headstart.core.exportable import Exportable
from headstart.core.processor import Tokenizer
from headstart.nn.pooling import pool

Answers = Mapping[str, Sequence[np.ndarray]]  # by the name of the output, a value for each row
_AT_ONCE = 32  # rows: logits over a vocabulary are large


@dataclass(frozen=True)
class Verified:
    """rows: how many were compared. difference: the largest one, absolute, and relative for values above 1. outputs:
    what was compared. cut: rows that are longer than the network takes, which were left out. source: of the rows."""

    rows: int
    difference: float
    outputs: tuple[str, ...]
    cut: int
    source: str

    def line(self) -> str:
        """Return one line for people."""
        left_out = f"; {self.cut:,} longer than the network takes were left out" if self.cut else ""
        outputs = ", ".join(self.outputs)
        most = f"{outputs} differ by {self.difference:.1e} at most"
        return f"verified on {self.rows:,} rows of {self.source}: {most}{left_out}"


def compare_answers(
    source: Exportable,
    rows: Examples,
    theirs: Callable[[Examples], Answers],
    tolerance: float,
    origin: str,
    alike: Callable[[Examples], Answers] | None = None,
) -> Verified:
    """Ask both sides about `rows`; alike: our side, where `source.ours` is not what is compared.

    Raises HeadstartError: they differ by more than `tolerance`, an answer is missing, or no row fits the network.
    """
    fits_N = fitting(source, rows)
    kept = rows.take(np.flatnonzero(fits_N))
    if not len(kept):
        raise HeadstartError(f"{origin}: no row fits the network, so that nothing can be compared; give other rows")
    worst, outputs, asked = 0.0, (), alike or source.ours
    for low in range(0, len(kept), _AT_ONCE):
        part = kept.take(np.arange(low, min(low + _AT_ONCE, len(kept))))
        own = dict(asked(part))
        found = theirs(part)
        if missing := [name for name in found if name not in own]:
            own |= read_here(source, part, missing)
        outputs = tuple(found)
        for name, values in found.items():
            for row, (one, other) in enumerate(zip(own[name], values, strict=True)):
                difference = _difference(np.asarray(one, np.float64), np.asarray(other, np.float64))
                if not difference <= tolerance:
                    raise HeadstartError(
                        f"the export does not answer as headstart does: {name} of row {low + row + 1} of {origin} "
                        f"differ by {difference:.2e}, allowed is {tolerance:.0e}; nothing was written. Please report it"
                    )
                worst = max(worst, difference)
    return Verified(len(kept), worst, outputs, int((~fits_N).sum()), origin)


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest difference, inf where the shapes differ; values below -1e20 stand for minus infinity."""
    if one.shape != other.shape:
        return np.inf
    if not one.size:
        return 0.0
    never = (one < -1e20) & (other < -1e20)
    return float(np.where(never, 0.0, np.abs(one - other) / np.maximum(np.abs(one), 1.0)).max())


def fitting(source: Exportable, rows: Examples) -> np.ndarray:
    """Return which rows the network reads whole and in one piece, bool [N]; texts without a token are left out too."""
    if not isinstance(source.processor, Tokenizer) or source.processor.takes == "image":
        return np.ones(len(rows), bool)
    before = source.text_prompt if source.head is None else ""
    parts = [[before + text for text in part] for part in (rows.items, rows.second) if part is not None]
    tokens_SN = np.array([[len(ids) for ids in source.processor.encode(part)] for part in parts])
    longest, specials = source.longest, 3 + source.prompt
    together = source.pairs and source.answers is None
    length_N = tokens_SN.sum(0) if together else tokens_SN.max(0)
    fits_N = np.ones(len(rows), bool) if longest is None else length_N + specials <= longest
    return fits_N & (tokens_SN.min(0) > 0)


@torch.no_grad()
def read_here(source: Exportable, rows: Examples, names: Sequence[str]) -> dict[str, list[np.ndarray]]:
    """Return what the network gives for rows of single items: `hidden` [T, D], `pooled` [D] or `logits` [T, V]."""
    processor, backbone = source.processor, source.backbone.eval()
    device = next(backbone.parameters()).device
    ids = [processor.windows(one, None)[0] for one in processor.encode(rows.items)]
    features = backbone(processor.collate(ids).to(device))
    states = features.last_BTD
    out: dict[str, list[np.ndarray]] = {}
    if "pooled" in names:
        out["pooled"] = list(pool(features, source.pooling).float().cpu().numpy())
    lengths = [len(states[0])] * len(ids) if states is not None and processor.gives == "pixels" else map(len, ids)
    if states is None:
        return out
    own = [state[:length] for state, length in zip(states, lengths)]
    if "hidden" in names:
        out["hidden"] = [one.float().cpu().numpy() for one in own]
    if "logits" in names:
        head = source.objective.named_head()[1]
        out["logits"] = [head(one, backbone.words_VD).float().cpu().numpy() for one in own]
    return out
