"""VQ-VAE: codes bring images back, gradients pass them, averages and revival are the formula's, bounds hold."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from tiny_images import encoded, flat

from headstart.core.errors import HeadstartError
from headstart.core.examples import ImageRef
from headstart.core.shapes import ImageShape
from headstart.images.decode import UnusableImage
from headstart.nn import vqvae as network_of
from headstart.nn.vqvae import VQVAE, Codebook
from headstart.processors import vqvae
from headstart.processors.vqvae import VQVAEProcessor, VQVAESpec


def tiled(count: int, channels: int = 1, side: int = 16) -> list[np.ndarray]:
    """Return images of 4 x 4 squares, each of one of four grey levels or colours."""
    random = np.random.default_rng(0)
    levels_KC = np.array([[0] * 3, [90, 90, 200], [160, 60, 60], [255] * 3], np.uint8)[:, :channels]
    found = levels_KC[random.integers(0, 4, (count, side // 4, side // 4))].repeat(4, 1).repeat(4, 2)
    return list(found[..., 0] if channels == 1 else found)


def refs(pixels) -> list[ImageRef]:
    return [ImageRef.from_bytes(encoded(one)) for one in pixels]


@pytest.fixture(scope="module")
def trained() -> VQVAEProcessor:
    return VQVAESpec(codes=16, width=16).train(iter(refs(tiled(24))))


def test_codes_bring_images_back(trained):
    images = tiled(80)[64:]  # unseen
    ids_NT = np.stack(trained.encode(refs(images)))
    assert ids_NT.shape == (16, 16)
    shown = trained.pictures(ids_NT)[..., 0].astype(float)
    lost = ((shown - np.stack(images)) ** 2).mean() / np.stack(images).var()
    assert lost < 0.1
    # A code is the square that it stands for: images that differ in one square have other ids near it alone.
    changed = images[0].copy()
    changed[:4, :4] = 255 - changed[:4, :4]
    differs = trained.encode(refs([changed]))[0].reshape(4, 4) != ids_NT[0].reshape(4, 4)
    assert differs[0, 0]
    assert not differs[3].any()
    assert not differs[:, 3].any()
    assert trained.size == "16 x 16 pixels, grey, as 4 x 4 of 16 codes"


def test_more_steps_lose_less():
    def lost(steps: int) -> float:
        images = refs(tiled(16, 3))
        processor = VQVAESpec(codes=16, width=16, steps=steps).train(iter(images))
        shown = processor.pictures(np.stack(processor.encode(images))).astype(float)
        return float(((shown - np.stack(tiled(16, 3))) ** 2).mean())

    assert lost(60) < 0.6 * lost(2)


def test_the_gradient_passes_the_code_as_if_it_were_not_there(monkeypatch):
    """What reaches the encoder is the decoder's gradient at the code, plus that of the commitment."""
    torch.manual_seed(0)
    network = VQVAE(ImageShape(1, 8, 8), codes=4, reduction=4, width=8, code_width=3).double()
    pixels = torch.randint(0, 256, (2, 1, 8, 8), dtype=torch.uint8)
    network.loss(pixels, np.random.default_rng(0))  # the codebook starts
    vectors_KD = network.codebook.vectors_KD.clone()
    monkeypatch.setattr(Codebook, "follow", lambda *given: None)
    hidden: list[torch.Tensor] = []

    def keep(module, given, out: torch.Tensor) -> None:
        out.retain_grad()
        hidden.append(out)

    network.encoder[-1].register_forward_hook(keep)
    network.loss(pixels, np.random.default_rng(0)).backward()
    rows_ND = hidden[0].detach().permute(0, 2, 3, 1).reshape(-1, 3)
    code_ND = vectors_KD[torch.cdist(rows_ND, vectors_KD).argmin(1)].requires_grad_()
    image = network.decoder(code_ND.view(2, 2, 2, 3).permute(0, 3, 1, 2))
    target = pixels.double() / 255
    ((image - target) ** 2).mean().backward()
    commitment_ND = 0.25 * 2 * (rows_ND - code_ND.detach()) / rows_ND.numel()
    found_ND = hidden[0].grad.permute(0, 2, 3, 1).reshape(-1, 3)
    assert (found_ND - (code_ND.grad + commitment_ND)).abs().max() <= 1e-6


def test_the_codebook_follows_by_moving_averages():
    codebook, rows_ND = Codebook(2, 2), torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 5.0], [0.0, 7.0]])
    codebook.vectors_KD.copy_(torch.tensor([[2.0, 1.0], [0.0, 4.0]]))
    codebook.count_K.fill_(2.0), codebook.sum_KD.copy_(2 * codebook.vectors_KD)
    ids_N = codebook.nearest(rows_ND)
    assert ids_N.tolist() == [0, 0, 1, 1]
    codebook.follow(rows_ND, ids_N, np.random.default_rng(0))
    kept = network_of._DECAY
    expected = kept * torch.tensor([[2.0, 1.0], [0.0, 4.0]]) + (1 - kept) * torch.tensor([[2.0, 0.0], [0.0, 6.0]])
    assert (codebook.vectors_KD - expected).abs().max() <= 1e-6


def test_dead_codes_come_back():
    """Two codes far from all vectors are never chosen; they end on vectors of the batch, each in use."""
    random, codebook = np.random.default_rng(0), Codebook(4, 2)
    rows_ND = torch.tensor(random.normal(size=(400, 2)), dtype=torch.float32)
    codebook.follow(rows_ND, torch.zeros(400, dtype=torch.int64), random)
    codebook.sum_KD[2:] += 1e4 * codebook.count_K[2:, None]
    for _ in range(80):
        codebook.follow(rows_ND, codebook.nearest(rows_ND), random)
    assert codebook.vectors_KD.abs().max() < 4
    assert torch.bincount(codebook.nearest(rows_ND), minlength=4).min() > 20


def test_a_sorted_corpus_is_sampled_all_over(monkeypatch):
    monkeypatch.setattr(vqvae, "_SAMPLE", 10)
    assert vqvae._spread(range(15)) == list(range(15))
    kept = vqvae._spread(range(1000))
    assert 10 <= len(kept) < 20
    assert {right - left for left, right in pairwise(kept)} == {64}
    assert kept[-1] > 900
    monkeypatch.setattr(vqvae, "_SAMPLE_BYTES", 3 * 16 * 16)
    shape = ImageShape(1, 16, 16)
    broken = [ImageRef.from_bytes(b"no image"), *refs(tiled(8))]
    assert len(vqvae._squares(vqvae.PixelProcessor(shape), broken)) == 2  # every third of nine, less the broken one


def test_usual_sizes_follow_the_images():
    def made(count: int, length: int, **settings) -> VQVAEProcessor:
        spec = VQVAESpec(width=8, steps=1, **settings)
        return spec.train(iter(refs(np.resize(one, (length, length)) for one in tiled(count))))

    assert made(4, 27).size == "24 x 24 pixels, grey, as 6 x 6 of 16 codes"
    assert made(2, 100).size == "64 x 64 pixels, grey, as 16 x 16 of 16 codes"
    assert made(2, 16, side=8, reduction=2, channels=3).size == "8 x 8 pixels, colour, as 4 x 4 of 16 codes"
    assert made(40, 16).vocabulary == 40 * 16 // 32 + 1
    assert VQVAESpec(width=8, steps=1).train(iter(refs(tiled(3))), 31).vocabulary == 31
    assert VQVAESpec(width=8, steps=1).train(iter([ImageRef.from_bytes(flat(7))])).length == 4


def test_seconds_end_it(monkeypatch):
    steps = []
    monkeypatch.setattr(vqvae.time, "monotonic", lambda: 3.0 * len(steps))
    loss = VQVAE.loss
    monkeypatch.setattr(VQVAE, "loss", lambda *given: (steps.append(1), loss(*given))[1])
    VQVAESpec(width=8, seconds=12).train(iter(refs(tiled(4))))
    assert len(steps) == 4


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"side": 18}, r"processor.side=18: expected a multiple of reduction=4 from 8 to 256"),
        ({"side": 4}, r"processor.side=4"),
        ({"codes": 1}, r"processor.codes=1: expected 2 to 16384"),
        ({"steps": 0}, r"processor.steps=0: expected at least 1"),
        ({"seconds": 0.0}, r"processor.seconds=0.0: must be larger than 0"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, said):
    with pytest.raises(HeadstartError, match=said):
        VQVAESpec(**wrong)


def test_a_vocabulary_that_disagrees_and_unusable_images_are_refused(trained):
    with pytest.raises(HeadstartError, match="vocabulary=9: it is the codes"):
        VQVAESpec(codes=16).train(iter(refs(tiled(2))), 9)
    with pytest.raises(UnusableImage, match="not an image"):
        trained.encode([ImageRef.from_bytes(b"text")])
    assert trained.token(16) == "[CLS]"
    assert trained.decode(trained.windows(np.array([3] * 16), None)[0]) == " ".join(["<3>"] * 16)
    for outside in (17, -1):
        with pytest.raises(HeadstartError, match=f"no token {outside}"):
            trained.token(outside)


def test_weights_of_other_sizes_are_refused(trained, tmp_path):
    trained.save(tmp_path)
    kind = tmp_path / "headstart.json"
    text = kind.read_text()
    for name, value in (("width", 32), ("codes", 8), ("reduction", 6), ("side", "16"), ("channels", 3)):
        kind.write_text(text.replace(f'"{name}": {trained.sizes[name]}', f'"{name}": {json.dumps(value)}'))
        with pytest.raises(HeadstartError, match="damaged VQ-VAE") as caught:
            VQVAEProcessor.load(tmp_path)
        assert "\n" not in str(caught.value)
    kind.write_text(text)
    assert VQVAEProcessor.load(tmp_path).identity == trained.identity
