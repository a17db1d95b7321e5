"""generate: let a causal language model go on with a text, or draw pictures."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from headstart.commands.reading import open_bases, say
from headstart.commands.session import DASH, need_new_file, need_positive, whole
from headstart.core.errors import HeadstartError
from headstart.core.spoken import Verbatim

if TYPE_CHECKING:
    import numpy as np

    from headstart.core.processor import ImageTokenizer
    from headstart.nn.decoding import Choose
    from headstart.training.pretrained_model import PretrainedModel

_TOKENS, _TEMPERATURE = 60, 0.8
_PICTURES, _MOST_BYTES = 40, 1 << 19


@dataclass(frozen=True)
class Generated:
    """prompt; texts: the continuations; tokens, seconds: written in all, and how long that took."""

    prompt: str
    texts: list[str]
    tokens: int
    seconds: float

    def summary(self) -> str:
        """Return prompt and continuation, several with a line between them."""
        return Verbatim("\n---\n".join(self.prompt + text for text in self.texts))


@dataclass(frozen=True)
class Drawn:
    """out: the contact sheet; pictures: how many were drawn; completed: below the upper halves of given images, each
    beside its original."""

    out: Path
    pictures: int
    completed: bool

    def summary(self) -> str:
        """Return what the sheet shows."""
        what = "images, each beside itself with its lower half drawn anew" if self.completed else "pictures drawn"
        return f"{self.out}: {self.pictures} {what}"


def generate(
    base: Annotated[Path, Parameter(help="a run directory or a Hugging Face directory of a causal language model")],
    prompt: Annotated[
        str, Parameter(help="text to go on with, - is standard input; or images to draw the lower halves of")
    ] = "",
    /,
    *,
    out: Annotated[Path | None, Parameter(help="the PNG to write, for a model of images")] = None,
    tokens: Annotated[int | None, Parameter(help="most tokens to write [60]", converter=whole)] = None,
    temperature: Annotated[
        float | None, Parameter(help="below 1 safer, above wilder, 0 takes the likeliest [0.8, of pictures 1]")
    ] = None,
    top_k: Annotated[int | None, Parameter(help="draw from so many tokens", converter=whole)] = None,
    top_p: Annotated[float | None, Parameter(help="draw from the fewest tokens with this probability together")] = None,
    beams: Annotated[int, Parameter(help="search the likeliest text instead of drawing one", converter=whole)] = 1,
    samples: Annotated[
        int | None, Parameter(help="continuations, each drawn anew [1, of pictures 36]", converter=whole)
    ] = None,
    seed: Annotated[int, Parameter(help="of the draws", converter=whole)] = 0,
    precision: Annotated[
        Literal["auto", "fp32", "int8"], Parameter(help="of weights: auto takes int8 where it is quicker and alike")
    ] = "auto",
) -> Generated | Drawn:
    """Go on with a text; the same seed writes the same text. A model of images draws pictures (--out samples.png)."""
    from headstart.core.device import set_threads
    from headstart.nn.decoding import Draw, greedy

    for name, value in (("--tokens", tokens), ("--beams", beams), ("--samples", samples)):
        need_positive(name, value)
    if temperature is not None and temperature < 0:
        raise HeadstartError(f"--temperature {temperature:g}: must be at least 0")
    for name, value in (("--top-k", top_k), ("--top-p", top_p)):
        if value is not None and (beams > 1 or temperature == 0):
            raise HeadstartError(f"{name} {value:g}: nothing is drawn here; leave out --beams and --temperature 0")
    set_threads()
    pretrained = next(iter(open_bases([Path(base)]).values()))
    images = pretrained.processor.takes == "image"
    drawn = beams == 1 and temperature != 0
    if (samples or 1) > 1 and not drawn and not (images and prompt):
        raise HeadstartError(f"--samples {samples}: only draws differ; leave out --beams and --temperature 0")
    heat = (1.0 if images else _TEMPERATURE) if temperature is None else temperature
    choose = greedy if heat == 0 else Draw(seed=seed, temperature=heat, top_k=top_k, top_p=top_p)
    if images:
        for name, value, usual in (
            ("--tokens", tokens, None),
            ("--beams", beams, 1),
            ("--precision", precision, "auto"),
        ):
            if value != usual:
                raise HeadstartError(f"{name} {value}: pictures are all of one size and are drawn; leave it out")
        return _pictures(pretrained, prompt, out, samples or (_PICTURES if drawn or prompt else 1), choose)
    if out is not None:
        raise HeadstartError(f"--out {out}: the text goes to standard output; leave it out, or redirect the output")
    how = {"tokens": tokens or _TOKENS, "choose": choose, "beams": beams, "precision": precision}
    return _text(pretrained, prompt, samples or 1, how)


def _text(pretrained: PretrainedModel, prompt: str, samples: int, how: dict[str, Any]) -> Generated:
    """Return continuations of the prompt; says how fast they were written and what was forgotten on the way.

    how: see `continue_texts`.
    """
    import time

    from headstart.language_models.generation import continue_texts

    if prompt == DASH:
        prompt = sys.stdin.read().removesuffix("\n")
    ids = pretrained.processor.encode([prompt])[0]
    if unknown := int((ids == pretrained.processor.unk_id).sum()):
        say(f"warning: {unknown} of the {len(ids)} tokens of the prompt are unknown to this vocabulary and say nothing")
    start = time.perf_counter()
    found = continue_texts(pretrained, [prompt] * samples, **how)
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


def _pictures(pretrained: PretrainedModel, prompt: str, out: Path | None, samples: int, choose: Choose) -> Drawn:
    """Draw pictures, or the lower halves of given ones, into a contact sheet at `out`.

    Raises HeadstartError: no place to write, a file that is there, a model that draws nothing, no image in the prompt.
    """
    import numpy as np

    from headstart.core.files import write_bytes
    from headstart.images.contact_sheet import contact_sheet
    from headstart.language_models.pictures import draw_pictures, need_image_tokenizer

    tokenizer = need_image_tokenizer(pretrained)
    if out is None:
        raise HeadstartError(f"{pretrained.name} draws pictures: name the PNG to write them to, --out samples.png")
    if Path(out).suffix.lower() != ".png":
        raise HeadstartError(f"--out {out}: pictures are written as PNG; give a name that ends in .png")
    need_new_file(Path(out))
    given = _given(tokenizer, prompt, samples) if prompt else None
    # Ids run row by row: the first half of them is the upper half.
    begun = [np.zeros(0, np.int64)] * samples if given is None else list(given[:, : given.shape[1] // 2])
    ids_NT = draw_pictures(pretrained, begun, choose=choose)
    shown_NT = ids_NT if given is None else np.stack([given, ids_NT], axis=1).reshape(-1, ids_NT.shape[1])
    write_bytes(Path(out), contact_sheet(list(tokenizer.pictures(shown_NT)), _MOST_BYTES).png)
    return Drawn(Path(out), len(ids_NT), given is not None)


def _given(tokenizer: ImageTokenizer, prompt: str, samples: int) -> np.ndarray:
    """Return the ids of the first usable images of the prompt, [N, T]. Raises HeadstartError: there is none."""
    import numpy as np

    from headstart.language_models.pictures import corpus_of_images

    usable = filter(tokenizer.usable, corpus_of_images(["-" if prompt == DASH else prompt]).documents())
    found = [tokenizer.encode([image])[0] for _, image in zip(range(samples), usable)]
    if not found:
        raise HeadstartError(f"{prompt}: no usable image to go on with")
    return np.stack(found)
