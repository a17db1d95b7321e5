"""What the recipes share: how large a network a budget can train, and the run around the parts they pick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from headstart.core import registry
from headstart.core.spec import BackboneSpec, ObjectiveSpec, ProcessorSpec, RecipeSpec
from headstart.data.batch_settings import BatchSpec
from headstart.sizing.facts import Facts
from headstart.training.plan import TrainPlan
from headstart.training.run_spec import RunSpec

T = TypeVar("T")


class Size(NamedTuple):
    """depth, width, heads of the encoder and its peak learning rate."""

    depth: int
    width: int
    heads: int
    learning_rate: float


# CPU minutes up to which it is the right size; N = sqrt(C / 6r) with r = 20-40 tokens per parameter at measured speed.
# The first one was the best of five after 2 and 10 minutes (benchmarks/results/2026-11-28-plan.md).
_CPU = ((20, Size(2, 128, 4, 3e-3)), (120, Size(4, 256, 4, 2e-3)), (10**9, Size(6, 320, 5, 1e-3)))
# Tokens of a batch: 75 seconds on one core, 2,048 gave 238 steps and 6.79 nats, 1,024 428 and 6.77, 512 6.85.
_CPU_TOKENS = ((4, 1_024), (10**9, 2_048))
_GPU = Size(12, 768, 12, 6e-4)
# Of a Vision Transformer: at the last CPU size it is "tiny", on a GPU "small".
_CPU_PATCHES = ((20, Size(4, 128, 4, 2e-3)), (120, Size(6, 192, 3, 1.5e-3)), (10**9, Size(12, 192, 3, 1e-3)))
_GPU_PATCHES = Size(12, 384, 6, 1e-3)


def by_budget(facts: Facts, cpu: Sequence[tuple[float, T]], gpu: T, steps_per_minute: int) -> T:
    """Return the choice for the budget and the machine. cpu: (CPU minutes up to which it is right, choice), rising."""
    if facts.cuda:
        return gpu
    minutes = facts.seconds / 60 if facts.seconds else (facts.steps or 0) / steps_per_minute
    return next(choice for most, choice in cpu if minutes <= most)


def encoder_size(facts: Facts) -> Size:
    """Return the size of an encoder for the budget and the machine."""
    return by_budget(facts, _CPU, _GPU, 400)


def image_run(
    recipe: RecipeSpec,
    facts: Facts,
    objective: ObjectiveSpec | None,
    *,
    backbone: BackboneSpec,
    images: int,
    **training: Any,
) -> RunSpec:
    """Return the run of a network of pixels; images: of a batch; training: of `TrainPlan`."""
    budget = {"steps": facts.steps, "seconds": facts.seconds, "seed": facts.seed}
    return RunSpec(
        corpus=facts.corpus,
        processor=registry.load("processor", "pixels")(),
        backbone=backbone,
        objective=objective or registry.load("objective", recipe.objective)(),
        batches=BatchSpec(images=images),
        training=TrainPlan(**budget, **{"weight_decay": 0.05, **training}),
    )


def vit_run(
    recipe: RecipeSpec, facts: Facts, objective: ObjectiveSpec | None, *, readout: str, **training: Any
) -> RunSpec:
    """Return the run of a Vision Transformer of a size that the budget can train; training: of `TrainPlan`."""
    depth, width, heads, learning_rate = by_budget(facts, _CPU_PATCHES, _GPU_PATCHES, 400)
    backbone = registry.load("backbone", "vit")(depth=depth, width=width, heads=heads, readout=readout)
    usual = {"learning_rate": learning_rate, "warmup": 0.05, "hold": 0.3, "final": 0.02}
    return image_run(recipe, facts, objective, backbone=backbone, images=256, **{**usual, **training})


def writer_sizes(facts: Facts) -> dict[str, int]:
    """Return the sizes of an encoder-decoder, each side half as deep as an encoder alone."""
    size = encoder_size(facts)
    return {"depth": max(size.depth // 2, 2), "width": size.width, "heads": size.heads, "mlp_width": 4 * size.width}


def tokens_per_batch(facts: Facts) -> int:
    """Return the tokens of one batch: small ones learn fastest on a CPU, in the shortest runs the smallest."""
    return by_budget(facts, _CPU_TOKENS, 65_536, 400)


def run_of(
    recipe: RecipeSpec,
    facts: Facts,
    objective: ObjectiveSpec | None,
    *,
    processor: ProcessorSpec,
    backbone: BackboneSpec,
    max_length: int,
    stateful: bool = False,
    **training: Any,
) -> RunSpec:
    """Return the run of these parts, by the recipe's objective unless another is given; training: of `TrainPlan`."""
    budget = {"steps": facts.steps, "seconds": facts.seconds, "seed": facts.seed}
    return RunSpec(
        corpus=facts.corpus,
        processor=processor,
        backbone=backbone,
        objective=objective or registry.load("objective", recipe.objective)(),
        batches=BatchSpec(tokens=tokens_per_batch(facts), max_length=max_length, stateful=stateful),
        training=TrainPlan(**budget, **{"hold": 0.3, "final": 0.05, **training}),
    )


def encoder_run(
    recipe: RecipeSpec,
    facts: Facts,
    objective: ObjectiveSpec | None,
    backbone: str,
    max_length: int = 126,
    **settings: Any,
) -> RunSpec:
    """Return the run of an encoder on word pieces, of a size that the budget can train; settings: of the backbone."""
    size = encoder_size(facts)
    sizes = {"depth": size.depth, "width": size.width, "heads": size.heads}
    return run_of(
        recipe,
        facts,
        objective,
        processor=registry.load("processor", "wordpiece")(),
        backbone=registry.load("backbone", backbone)(**sizes, **settings),
        max_length=max_length,
        learning_rate=size.learning_rate,
    )
