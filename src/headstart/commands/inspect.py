"""inspect: look into a network: senses, neighbours, tokens, what it was shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from headstart.commands.reading import open_bases
from headstart.commands.session import files, need_new_file, need_positive, whole
from headstart.core.errors import HeadstartError
from headstart.core.item_nouns import some_items

if TYPE_CHECKING:
    from headstart.inspection.layers import LayerScores
    from headstart.inspection.occurrences import Occurrence
    from headstart.inspection.senses import Senses
    from headstart.training.pretrained_model import PretrainedModel

_IMAGES, _MOST_BYTES = 12, 1_000_000  # of the sheet that --seen writes


@dataclass(frozen=True)
class Inspected:
    """What was asked for. senses, random: of the network and of the same one with random weights; neighbours: (token,
    cosine), nearest first; tokens: (token, id); shown: the file of pictures that was written; layers: a probe of each
    layer, of the network and of the same one with random weights."""

    senses: Senses | None = None
    random: Senses | None = None
    neighbours: list[tuple[str, float]] = field(default_factory=list)
    tokens: list[tuple[str, int]] = field(default_factory=list)
    shown: Path | None = None
    layers: tuple[LayerScores, LayerScores] | None = None

    def summary(self) -> str:
        """Return all of it as text."""
        parts = [_table(self.senses, self.random)] if self.senses is not None and self.random is not None else []
        if self.neighbours:
            parts.append("\n".join(f"{cosine:.3f}  {token}" for token, cosine in self.neighbours))
        if self.tokens:
            parts.append(" ".join(token for token, _ in self.tokens) + f"\n{len(self.tokens)} tokens")
        parts += [f"pictures: {self.shown}"] if self.shown else []
        parts += [_layer_table(*self.layers)] if self.layers else []
        return "\n\n".join(parts)


def inspect(
    base: Annotated[Path, Parameter(help="a run directory or a Hugging Face directory")],
    /,
    *,
    senses: Annotated[
        str | None,
        Parameter(
            help="score senses: builtin (homographs, English and Korean), corpus (pseudo-words made from text), or a "
            "jsonl FILE with word, sense, text"
        ),
    ] = None,
    corpus: Annotated[
        list[str] | None,
        Parameter(
            help="text for --senses corpus [the base's own]", negative="", consume_multiple=True, converter=files
        ),
    ] = None,
    words: Annotated[int, Parameter(help="pseudo-words to make", converter=whole)] = 30,
    neighbours: Annotated[str | None, Parameter(help="show the tokens nearest to this word")] = None,
    top: Annotated[int, Parameter(help="neighbours to show", converter=whole)] = 10,
    tokens: Annotated[str | None, Parameter(help="show how this text is cut")] = None,
    seen: Annotated[
        Path | None, Parameter(help="PNG file to write: images as the network was shown them in pre-training")
    ] = None,
    layers: Annotated[
        list[str] | None,
        Parameter(
            help="labelled images: probe every layer on them", negative="", consume_multiple=True, converter=files
        ),
    ] = None,
    labels: Annotated[int, Parameter(help="rows that such a probe learns from", converter=whole)] = 1000,
    seed: Annotated[int, Parameter(help="of pseudo-words, draws and intervals", converter=whole)] = 0,
) -> Inspected:
    """Look into a network: does it tell the senses of a word apart, what lies next to a word, how is text cut.

    Of networks of images: all versions of an image that the objective made, beside each other; how well a probe reads
    each layer (layer 0: what enters the first one; readout: what routes read).

    Senses: the chance that two occurrences of a word with the same sense are nearer to each other than two with
    different senses, at every layer. Vectors without context score exactly .5; so does chance.
    """
    from headstart.core.device import set_threads
    from headstart.inspection.neighbours import neighbours as nearest_tokens
    from headstart.inspection.senses import score_senses

    if all(one is None for one in (senses, neighbours, tokens, seen, layers)):
        raise HeadstartError(
            "inspect: say what to look at: --senses builtin, --neighbours WORD, --tokens TEXT, --seen FILE or "
            "--layers LABELLED"
        )
    if seen is not None:
        need_new_file(Path(seen))
    if tokens is not None and not tokens.strip():
        raise HeadstartError("--tokens: there is no text to cut")
    need_positive("--top", top)
    need_positive("--words", words)
    need_positive("--labels", labels)
    set_threads()
    pretrained = next(iter(open_bases([Path(base)]).values()))
    of_words = any(one is not None for one in (senses, neighbours, tokens))
    if of_words and pretrained.processor.takes != "text":
        raise HeadstartError(
            f"{base}: this network reads {some_items(pretrained.processor.takes)}, which have no words; say --seen FILE"
        )
    scored = [None, None]
    if senses is not None:
        found = _occurrences(senses, corpus, words, seed, pretrained)
        scored = [score_senses(network, found, seed) for network in (pretrained, pretrained.fresh(seed))]
    near = [] if neighbours is None else nearest_tokens(pretrained, neighbours, top)
    ids = [] if tokens is None else pretrained.processor.encode([tokens])[0].tolist()
    shown = None if seen is None else _write_seen(pretrained, Path(seen), seed)
    probed = None if layers is None else _probed(pretrained, layers, labels, seed)
    return Inspected(*scored, near, [(pretrained.processor.token(number), number) for number in ids], shown, probed)


def _probed(pretrained: PretrainedModel, data: list[str], labels: int, seed: int) -> tuple[LayerScores, LayerScores]:
    """Return the probe of every layer of the network, and of the same one with random weights.

    Raises HeadstartError: the network or the rows hold texts, or the rows are too few.
    """
    from headstart.commands.reading import say
    from headstart.core.examples import need_takes
    from headstart.data.read_request import ReadRequest, read_labelled_rows
    from headstart.inspection.layers import probe_layers

    if pretrained.processor.takes != "image":
        raise HeadstartError(f"--layers: {pretrained.name} reads texts; layers are probed of networks of images")
    examples, _ = read_labelled_rows(ReadRequest(paths=data), say)
    need_takes(examples.items, "image", pretrained.name)
    how = {"labels": labels, "seed": seed}
    found = probe_layers(pretrained, examples, **how), probe_layers(pretrained.fresh(seed), examples, **how)
    if found[0] is None or found[1] is None:
        raise HeadstartError(f"--layers: {len(examples)} labelled rows are too few to learn from and to score on")
    return found


def _layer_table(found: LayerScores, random: LayerScores) -> str:
    """Return one line per layer."""
    lines = [
        f"learned from {found.labels:,} rows, scored on {found.held:,} others, 5 draws",
        "layer    accuracy  worst to best draw  random weights",
    ]
    for one, other in zip(found.scores, random.scores, strict=True):
        name = "readout" if one.layer < 0 else f"{one.layer:5}  "
        lines.append(f"{name}  {one.mean:.3f}     {one.low:.3f} to {one.high:.3f}      {other.mean:.3f}")
    return "\n".join(lines)


def _write_seen(pretrained: PretrainedModel, path: Path, seed: int) -> Path:
    """Write images as the network was shown them, the versions of an image beside each other; return the file.

    Raises HeadstartError: the base is no run on images, or its images are gone; the disk refuses.
    """
    from headstart.core.files import write_bytes
    from headstart.images.contact_sheet import contact_sheet
    from headstart.training.seen import seen_images

    versions = seen_images(pretrained, _IMAGES, seed)
    if not versions:
        raise HeadstartError(f"--seen: {pretrained.path} is no run on images, or the store beside it is gone")
    pictures = [image for images in zip(*versions.values()) for image in images]
    write_bytes(path, contact_sheet(pictures, _MOST_BYTES).png)
    return path


def _occurrences(
    senses: str, corpus: list[str] | None, words: int, seed: int, pretrained: PretrainedModel
) -> list[Occurrence]:
    """Return the occurrences that `senses` stands for. Raises HeadstartError: no such file, no text."""
    from headstart.data.corpus import Corpus
    from headstart.inspection.occurrences import pseudo_occurrences, read_occurrences

    if senses != "corpus":
        if corpus is not None:
            raise HeadstartError(f"--senses {senses}: --corpus is for --senses corpus only")
        return read_occurrences() if senses == "builtin" else read_occurrences(senses)
    documents = pretrained.documents() if corpus is None else Corpus(corpus).documents()
    return pseudo_occurrences(documents, words=words, seed=seed)


def _table(senses: Senses, random: Senses) -> str:
    """Return one line per layer, then the words at the best layer."""
    lines = [
        f"{len(senses.scores[0].by_word)} words, {senses.used} occurrences compared, {senses.left_out} left out",
        "layer  AUC    95 % interval   random weights",
    ]
    pairs = zip(senses.scores, random.scores, strict=True)
    lines += [f"{s.layer:5}  {s.auc:.3f}  {s.low:.3f} to {s.high:.3f}  {r.auc:.3f}" for s, r in pairs]
    best = max(senses.scores, key=lambda score: score.auc)
    ranked = sorted(best.by_word.items(), key=lambda item: -item[1])
    return "\n".join([*lines, f"words at layer {best.layer}: " + "  ".join(f"{w} {auc:.2f}" for w, auc in ranked)])
