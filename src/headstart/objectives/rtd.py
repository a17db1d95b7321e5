"""Replaced tokens: tell which tokens a small generator put in (ELECTRA, Clark et al. 2020, arXiv:2003.10555)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from headstart.core import registry
from headstart.core.batch import TokenBatch
from headstart.core.contracts import Backbone, Loss, Objective, Term
from headstart.core.errors import HeadstartError
from headstart.core.processor import Tokenizer
from headstart.core.seeds import KeyedRandom
from headstart.core.shapes import TokenShape
from headstart.core.spec import ObjectiveSpec
from headstart.nn.outputs import DetectionOutput
from headstart.nn.ragged import states_at
from headstart.objectives.mlm import MaskedLM, MaskedLMSpec

_HEAD_WIDTH = 32  # of the generator's attention heads, at least


@dataclass(frozen=True, kw_only=True)
class ReplacedTokensSpec(ObjectiveSpec):
    """mask_ratio: share of tokens that the generator guesses; size: its width as a share of the network's (1/4 to 1/2
    is best, section 3.2); weight: of the detection loss beside the generator's (50 in the paper)."""

    reads: ClassVar[tuple[str, ...]] = ("bidirectional",)
    mask_ratio: float = 0.15
    size: float = 0.25
    weight: float = 50.0

    def __post_init__(self) -> None:
        if not 0.0 < self.size <= 1.0:
            raise HeadstartError(f"{self.label()}.size={self.size}: expected a share above 0 and at most 1")
        if not self.weight > 0:
            raise HeadstartError(f"{self.label()}.weight={self.weight}: must be larger than 0")

    def build(self, backbone: Backbone, tokenizer: Tokenizer) -> ReplacedTokens:
        """Return the objective with a new generator. Raises HeadstartError when tokenizer or backbone cannot do it."""
        if backbone.words_VD is None:
            raise HeadstartError(
                f"objective {self.name}: this backbone has no word matrix to share; electra, bert have one"
            )
        inner = backbone.words_VD.shape[1]
        width = max(1, round(backbone.width * self.size / _HEAD_WIDTH)) * _HEAD_WIDTH
        generator = registry.load("backbone", "electra")(
            width=width,
            depth=backbone.depth,
            heads=width // _HEAD_WIDTH,
            mlp_width=4 * width,
            max_tokens=backbone.max_tokens or 512,
            embedding_width=inner if inner != width else None,
        ).build(TokenShape(tokenizer.vocabulary, -1))
        masked = MaskedLMSpec(mask_ratio=self.mask_ratio, mask_share=1.0, random_share=0.0).build(generator, tokenizer)
        # The generator's words are the network's, handed in at every call; no copy of them is trained or stored.
        del generator.words.weight
        generator.words.register_buffer("weight", torch.zeros(1, inner), persistent=False)
        return ReplacedTokens(self, backbone, generator, masked)


class ReplacedTokens(Objective):
    """L = mean CE of the generator at masked tokens + weight x mean BCE of the network at all tokens.

    The generator is trained by its own masked-token loss alone; what it draws carries no gradient. Draws are made by
    the inverse of its distribution at uniform numbers that `corrupt` keys by (seed, epoch, sample, position), so they
    are the same for the same weights. A draw that hits the original token counts as original. Words are shared: the
    generator reads and writes with the network's own word matrix (section 3.2: weight sharing).
    The two means are two terms.
    """

    def __init__(self, spec: ReplacedTokensSpec, backbone: Backbone, generator: Backbone, masked: MaskedLM) -> None:
        super().__init__()
        self.spec, self.generator, self.masked = spec, generator, masked
        self.detect = backbone.detection_head() or DetectionOutput(backbone.width)

    def corrupt(
        self, batch: TokenBatch, random: KeyedRandom, *, progress: float = 0.0, training: bool = True
    ) -> TokenBatch:
        """Return the batch with masks, as `mlm` does; adds `draw` (float32 [M], uniform) to `extra`."""
        masked = self.masked.corrupt(batch, random, progress=progress, training=training)
        place_M = masked.extra["target_position"].cpu()
        sample_M = batch.sample_B.cpu()[batch.row_N().cpu()[place_M]].numpy()
        draw_M = random.uniform("rtd.draw", sample_M, batch.position_N().cpu()[place_M].numpy())
        draw = torch.from_numpy(draw_M.astype("float32")).to(batch.ids_N.device)
        return replace(masked, extra={**masked.extra, "draw": draw})

    def forward(self, backbone: Backbone, batch: TokenBatch) -> Loss:
        """See `Objective.forward`.

        parts: `accuracy` of the generator, `found`: share of the replaced tokens seen, `false`: share of the others
        taken for replaced.
        """
        place_M, target_M = batch.extra["target_position"], batch.extra["target_id"]
        count = target_M.numel()
        hidden_MD = self._generate(backbone, batch)
        guess = self.masked.head.score(hidden_MD, backbone.words_VD, target_M)
        drawn_M = self._draw(hidden_MD, backbone, batch.extra["draw"])
        ids_N = batch.ids_N.index_put((place_M,), drawn_M)
        replaced_N = torch.zeros_like(ids_N, dtype=torch.bool).index_put((place_M,), drawn_M != target_M)
        features = backbone(replace(batch, ids_N=ids_N))
        logit_N = self.detect(features.last_BTD)[features.mask_BT].float()
        detection = F.binary_cross_entropy_with_logits(logit_N, replaced_N.float(), reduction="sum")
        if not count:
            return Loss.of((guess.total + detection) * 0.0, 0)
        seen_N = logit_N.detach() > 0
        parts = {
            "accuracy": guess.right.double() / count,
            "found": _share(seen_N & replaced_N, replaced_N, nothing=1.0),
            "false": _share(seen_N & ~replaced_N, ~replaced_N, nothing=0.0),
        }
        terms = {
            "generator": Term(guess.total, count),
            "detection": Term(self.spec.weight * detection, replaced_N.numel()),
        }
        return Loss(terms, parts)

    def named_head(self) -> tuple[str, nn.Module]:
        """See `Objective.named_head`."""
        return "detect", self.detect

    def _generate(self, backbone: Backbone, batch: TokenBatch) -> Tensor:
        """Return the generator's states at the masked tokens [M, D']."""
        features = functional_call(self.generator, {"words.weight": backbone.words_VD}, (batch,))
        return states_at(features, batch, batch.extra["target_position"])

    @torch.no_grad()
    def _draw(self, hidden_MD: Tensor, backbone: Backbone, draw_M: Tensor) -> Tensor:
        """Return a token for each mask, by the inverse of the generator's distribution; no special tokens."""
        logits_MV = self.masked.head(hidden_MD, backbone.words_VD).float()
        ordinary_V = torch.from_numpy(self.masked.ordinary_V).to(logits_MV.device)
        mass_MV = logits_MV.masked_fill(~ordinary_V, float("-inf")).softmax(-1).cumsum(-1)
        drawn_M = torch.searchsorted(mass_MV, (draw_M * mass_MV[:, -1])[:, None], right=True).squeeze(1)
        last = int(ordinary_V.nonzero()[-1])  # rounding may step past the last token
        return drawn_M.clamp(max=last)


def _share(some_N: Tensor, all_N: Tensor, *, nothing: float) -> Tensor:
    """Return how many of `all_N` are in `some_N`, a scalar; `nothing` where there are none."""
    total = all_N.sum()
    return torch.where(total > 0, some_N.sum() / total.clamp_min(1), nothing)
