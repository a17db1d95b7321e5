"""generate: let a causal language model go on with a text."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from headstart.commands.reading import open_bases, say
from headstart.commands.session import DASH, need_positive, whole
from headstart.core.errors import HeadstartError


@dataclass(frozen=True)
class Generated:
    """prompt; texts: the continuations; tokens, seconds: written in all, and how long that took."""

    prompt: str
    texts: list[str]
    tokens: int
    seconds: float

    def summary(self) -> str:
        """Return prompt and continuation, several with a line between them."""
        return "\n---\n".join(self.prompt + text for text in self.texts)


def generate(
    base: Annotated[Path, Parameter(help="a run directory or a Hugging Face directory of a causal language model")],
    prompt: Annotated[str, Parameter(help="text to go on with; - reads it from standard input")] = "",
    /,
    *,
    tokens: Annotated[int, Parameter(help="most tokens to write", converter=whole)] = 60,
    temperature: Annotated[float, Parameter(help="below 1 is safer, above 1 is wilder, 0 takes the likeliest")] = 0.8,
    top_k: Annotated[int | None, Parameter(help="draw from so many tokens", converter=whole)] = None,
    top_p: Annotated[float | None, Parameter(help="draw from the fewest tokens with this probability together")] = None,
    beams: Annotated[int, Parameter(help="search the likeliest text instead of drawing one", converter=whole)] = 1,
    samples: Annotated[int, Parameter(help="continuations, each drawn anew", converter=whole)] = 1,
    seed: Annotated[int, Parameter(help="of the draws", converter=whole)] = 0,
) -> Generated:
    """Go on with a text; the same seed writes the same text."""
    import time

    from headstart.core.device import set_threads
    from headstart.language_models.generation import continue_texts
    from headstart.nn.decoding import Draw, greedy

    for name, value in (("--tokens", tokens), ("--beams", beams), ("--samples", samples)):
        need_positive(name, value)
    if temperature < 0:
        raise HeadstartError(f"--temperature {temperature:g}: must be at least 0")
    if samples > 1 and (beams > 1 or temperature == 0):
        raise HeadstartError(f"--samples {samples}: only draws differ; leave out --beams and --temperature 0")
    for name, value in (("--top-k", top_k), ("--top-p", top_p)):
        if value is not None and (beams > 1 or temperature == 0):
            raise HeadstartError(f"{name} {value:g}: nothing is drawn here; leave out --beams and --temperature 0")
    choose = greedy if temperature == 0 else Draw(seed=seed, temperature=temperature, top_k=top_k, top_p=top_p)
    set_threads()
    if prompt == DASH:
        prompt = sys.stdin.read().removesuffix("\n")
    pretrained = next(iter(open_bases([Path(base)]).values()))
    ids = pretrained.processor.encode([prompt])[0]
    if unknown := int((ids == pretrained.processor.unk_id).sum()):
        say(f"warning: {unknown} of the {len(ids)} tokens of the prompt are unknown to this vocabulary and say nothing")
    start = time.perf_counter()
    found = continue_texts(pretrained, [prompt] * samples, tokens=tokens, choose=choose, beams=beams)
    seconds = time.perf_counter() - start
    written = sum(one.tokens for one in found)
    say(f"{written:,} tokens in {seconds:.1f} s ({written / max(seconds, 1e-9):,.0f} a second)")
    moved = max(one.moved for one in found)
    if moved:
        say(
            f"the text is longer than the {pretrained.backbone.max_tokens} tokens this network sees; each time they "
            f"were full it forgot their first half (times: {moved})"
        )
    return Generated(prompt, [one.text for one in found], written, seconds)
