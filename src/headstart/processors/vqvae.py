"""VQ-VAE: images as a grid of learned codes, each for a square (van den Oord et al. 2017, arXiv:1711.00937)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from safetensors.torch import load_file, save

from headstart.core.device import pick_device
from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.core.files import write_bytes
from headstart.core.json_files import read_json, write_json
from headstart.core.processor import KIND_FILE, ImageTokenizer
from headstart.core.seeds import numpy_generator
from headstart.core.shapes import ImageShape
from headstart.core.spec import ProcessorSpec
from headstart.images.token_count import tokens_asked
from headstart.nn.vqvae import VQVAE
from headstart.processors.pixels import PixelProcessor, Pixels

_SAMPLE, _SAMPLE_BYTES = 10_000, 1 << 28  # images that are learned from: up to twice as many, within these bytes
_MEASURED = 2_000  # of them, for size and statistics
_LARGEST = 64  # side chosen where none is asked for, at most
_CODES, _PLACES_EACH, _FEWEST = 512, 32, 16  # usual codes; of few images as many as have so many places each, at least
_BATCH, _LEARNING_RATE, _FALL = 128, 3e-3, 0.7  # the rate falls linearly over the last 70 % of the training
_PASSES, _FEWEST_STEPS = 50, 100  # most passes over the images; of few images so many steps are made all the same
_MOST = 16_384  # codes
_WEIGHTS = "vqvae.safetensors"
_SIZES = ("channels", "side", "codes", "reduction", "width", "code_width")


@dataclass(frozen=True, kw_only=True)
class VQVAESpec(ProcessorSpec):
    """side: of the square in pixels, a multiple of `reduction`; None = the usual shorter side of the images, at most
    64. reduction: side of the square that is one code. codes: of the codebook, None = 512, fewer for few images. width:
    channels of the network, code_width: numbers of a code. steps: most training steps of 128 images, fewer for few
    images (50 passes). seconds: most time that they take, None = any; where it ends them, codes differ from run to run.
    channels: 1 (grey) or 3, None = 1 where all images are grey."""

    takes: ClassVar[Literal["image"]] = "image"
    gives: ClassVar[Literal["tokens"]] = "tokens"
    side: int | None = None
    reduction: Literal[2, 4, 8] = 4
    codes: int | None = None
    width: int = 32
    code_width: int = 16
    steps: int = 5_000
    seconds: float | None = None
    channels: Literal[1, 3] | None = None

    def __post_init__(self) -> None:
        least = 2 * self.reduction
        if self.side is not None and not (least <= self.side <= 256 and self.side % self.reduction == 0):
            raise HeadstartError(
                f"processor.side={self.side}: expected a multiple of reduction={self.reduction} from {least} to 256"
            )
        if self.codes is not None and not 2 <= self.codes <= _MOST:
            raise HeadstartError(f"processor.codes={self.codes}: expected 2 to {_MOST}")
        for name in ("width", "code_width", "steps"):
            if getattr(self, name) < 1:
                raise HeadstartError(f"processor.{name}={getattr(self, name)}: expected at least 1")
        if self.seconds is not None and not self.seconds > 0:
            raise HeadstartError(f"processor.seconds={self.seconds}: must be larger than 0")

    def train(self, documents: Iterable[ImageRef], vocabulary: int | None = None) -> VQVAEProcessor:
        """Learn codes from a bounded sample of the images; vocabulary: the codes and the begin mark.

        Raises HeadstartError: no usable image, a vocabulary that disagrees with `codes` or is out of range.
        """
        codes = tokens_asked(self.codes, vocabulary, most=_MOST, setting="codes", words="the codes")
        sample = _spread(documents)
        shape = self._shape(sample)
        pixels_NCHW = _squares(PixelProcessor(shape), sample)
        places = len(pixels_NCHW) * (shape.height // self.reduction) ** 2
        codes = codes or min(_CODES, max(_FEWEST, places // _PLACES_EACH))
        sizes = {"codes": codes, "reduction": self.reduction, "width": self.width, "code_width": self.code_width}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = VQVAE(shape, **sizes)
        self._fit(network.to(pick_device()), pixels_NCHW)
        return VQVAEProcessor(network.cpu(), {"channels": shape.channels, "side": shape.height, **sizes})

    def _shape(self, sample: Sequence[ImageRef]) -> ImageShape:
        """Return size and statistics of the squares, as asked for, else as usual among the images."""
        part = sample[:: len(sample) // _MEASURED + 1]
        found = Pixels(side=self.side, channels=self.channels).train(iter(part)).shape
        fitting = max(min(found.width, _LARGEST) // self.reduction, 2) * self.reduction
        side = self.side or fitting
        return ImageShape(found.channels, side, side, found.mean, found.std)

    def _fit(self, network: VQVAE, pixels_NCHW: np.ndarray) -> None:
        """Train until the steps or the seconds are used up."""
        batches = -(-len(pixels_NCHW) // _BATCH)
        steps, begun, device = min(self.steps, max(_PASSES * batches, _FEWEST_STEPS)), time.monotonic(), pick_device()
        optimizer = torch.optim.Adam(network.parameters(), _LEARNING_RATE)
        for step in range(steps):
            done = max(step / steps, (time.monotonic() - begun) / (self.seconds or np.inf))
            if done >= 1:
                break
            if step % batches == 0:
                order_N = numpy_generator(0, "vqvae order", step).permutation(len(pixels_NCHW))
            rows = np.array_split(order_N, batches)[step % batches]
            optimizer.param_groups[0]["lr"] = _LEARNING_RATE * min(1.0, (1 - done) / _FALL)
            batch = torch.from_numpy(pixels_NCHW[rows]).to(device)
            network.loss(batch, numpy_generator(0, "vqvae codes", step)).backward()
            optimizer.step()
            optimizer.zero_grad()

    def load(self, folder: Path) -> VQVAEProcessor:
        """Read a saved processor; see `VQVAEProcessor.load`."""
        return VQVAEProcessor.load(folder)


def _spread(documents: Iterable[ImageRef]) -> list[ImageRef]:
    """Return images spread evenly over the corpus, which may lie class by class: all, or from 10,000 to 20,000."""
    kept: list[ImageRef] = []
    stride = 1
    for place, image in enumerate(documents):
        if place % stride == 0:
            kept.append(image)
        if len(kept) == 2 * _SAMPLE:
            kept, stride = kept[::2], 2 * stride
    return kept


def _squares(pixels: PixelProcessor, sample: Sequence[ImageRef]) -> np.ndarray:
    """Return the squares of the usable images, uint8 [N, C, H, W], as many as the memory for them holds."""
    shape = pixels.shape
    most = max(1, _SAMPLE_BYTES // (shape.channels * shape.height * shape.width))
    usable: Iterator[ImageRef] = filter(pixels.usable, sample[:: -(-len(sample) // most)])
    return np.concatenate([pixels.encode([image]) for image in usable])


class VQVAEProcessor(ImageTokenizer):
    """The middle square of an image as the ids of its codes from top left on; the begin mark follows the last code.

    network: on the CPU. sizes: those of `_SIZES`, what the network is built from.
    """

    kind = "vqvae"

    def __init__(self, network: VQVAE, sizes: dict[str, int]) -> None:
        self.network, self.sizes = network.eval().requires_grad_(False), sizes
        side, codes = sizes["side"], sizes["codes"]
        self.rows = side // sizes["reduction"]
        self.vocabulary, self.cls_id, self.length = codes + 1, codes, self.rows**2
        self.special_ids = frozenset({self.cls_id})
        self._squares = PixelProcessor(ImageShape(sizes["channels"], side, side))

    @property
    def size(self) -> str:
        """See `Processor.size`."""
        side, kind = self.sizes["side"], "grey" if self.sizes["channels"] == 1 else "colour"
        return f"{side} x {side} pixels, {kind}, as {self.rows} x {self.rows} of {self.sizes['codes']} codes"

    def read(self, image: ImageRef) -> tuple[np.ndarray, tuple[str, ...]]:
        """See `ImageProcessor.read`."""
        return self._squares.read(image)

    @torch.no_grad()
    def finish(self, read: Sequence[np.ndarray]) -> list[np.ndarray]:
        """See `ImageProcessor.finish`; read: uint8 [C, H, W] of each."""
        parts = [np.stack(read[low : low + _BATCH]) for low in range(0, len(read), _BATCH)]
        return [ids_T.numpy() for part in parts for ids_T in self.network.ids(torch.from_numpy(part))]

    @torch.no_grad()
    def pictures(self, ids_NT: np.ndarray) -> np.ndarray:
        """See `ImageTokenizer.pictures`."""
        ids_NT = np.asarray(ids_NT)
        whole = ids_NT.ndim == 2 and ids_NT.shape[1] == self.length
        if not whole or (ids_NT.size and not 0 <= ids_NT.min() <= ids_NT.max() < self.cls_id):
            raise HeadstartError(
                f"ids of shape {ids_NT.shape}: expected rows of {self.length} ids from 0 to {self.cls_id - 1}"
            )
        parts = torch.from_numpy(ids_NT).split(_BATCH)
        return torch.cat([self.network.pictures(part, self.rows) for part in parts]).permute(0, 2, 3, 1).numpy()

    def token(self, token_id: int) -> str:
        """Return the number of a code. Raises HeadstartError when there is no such id."""
        if not 0 <= token_id < self.vocabulary:
            raise HeadstartError(f"no token {token_id}: ids go from 0 to {self.vocabulary - 1:,}")
        return "[CLS]" if token_id == self.cls_id else f"<{token_id}>"

    def save(self, folder: Path) -> None:
        """Write the kind with the sizes, and the network with its codebook."""
        write_json(Path(folder) / KIND_FILE, {"kind": self.kind, **self.sizes})
        tensors = {name: tensor.contiguous() for name, tensor in self.network.state_dict().items()}
        write_bytes(Path(folder) / _WEIGHTS, save(tensors))

    @classmethod
    def load(cls, folder: Path) -> VQVAEProcessor:
        """Read what `save` wrote. Raises HeadstartError on a damaged file."""
        own: Any = read_json(Path(folder) / KIND_FILE)
        try:
            sizes = {name: own[name] for name in _SIZES}
            VQVAESpec.from_dict(sizes)  # its checks
            shape = ImageShape(sizes["channels"], sizes["side"], sizes["side"])
            parts = {name: sizes[name] for name in _SIZES if name not in ("channels", "side")}
            with torch.device("meta"):  # absurd sizes cost nothing before the weights disagree with them
                network = VQVAE(shape, **parts)
            network.load_state_dict(load_file(Path(folder) / _WEIGHTS), assign=True)
            return cls(network, sizes)
        except Exception as error:  # safetensors raises its own kind, which is no ValueError
            message = str(error).splitlines()[0] if str(error) else ""
            raise HeadstartError(f"{folder}: damaged VQ-VAE ({type(error).__name__}: {message})") from None
