"""Pictures as tokens: a causal language model trains on them, draws, completes, is scored and probed."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from tiny_images import encoded, image_folder

from headstart.data.token_store import TokenStore

SMALL = (
    *("--recipe", "igpt", "--steps", 12, "processor.side=8", "processor.colours=6", "batches.tokens=512"),
    *("backbone.width=16", "backbone.depth=2", "backbone.heads=2", "backbone.mlp_width=16", "backbone.max_tokens=65"),
)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    image_folder(folder / "train", 60)
    (folder / "train" / "lying" / "broken.png").write_bytes(b"no image")
    return folder / "train", image_folder(folder / "test", 30, first=1000)


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory, program):
    out = tmp_path_factory.mktemp("runs") / "run"
    shown = program("pretrain", pictures[0], "--out", out, *SMALL)
    assert shown.code == 0, shown.err
    return out, shown


def sheet(path) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(path.read_bytes())))


def test_images_are_stored_as_ids(run):
    out, shown = run
    assert "61 rows read, 60 used, 1 skipped (1 not an image)" in shown.err
    assert "tokenizer: palette, 8 x 8 pixels, 6 grey levels" in shown.err
    store = TokenStore.open(out / "store")
    assert (len(store), store.tokens) == (60, 60 * 64)
    assert set(np.unique(store.ids)) <= set(range(6))


def test_pictures_are_drawn_and_completed(run, pictures, tmp_path, program):
    shown = program("generate", run[0], "--out", tmp_path / "a.png", "--samples", 5)
    assert shown.code == 0, shown.err
    assert "5 pictures drawn" in shown.out
    drawn = sheet(tmp_path / "a.png")
    assert drawn.shape == (96, 5 * 96)  # tiles of 96, each pixel 12 x 12
    program("generate", run[0], "--out", tmp_path / "b.png", "--samples", 5)
    assert np.array_equal(drawn, sheet(tmp_path / "b.png"))
    program("generate", run[0], "--out", tmp_path / "c.png", "--samples", 5, "--seed", 1)
    assert not np.array_equal(drawn, sheet(tmp_path / "c.png"))
    shown = program("generate", run[0], pictures[1], "--out", tmp_path / "d.png", "--samples", 3)
    assert "3 images, each beside itself with its lower half drawn anew" in shown.out
    cells = [sheet(tmp_path / "d.png")[:, 96 * place : 96 * place + 96] for place in range(6)]
    assert all(np.array_equal(one[:48], other[:48]) for one, other in zip(cells[::2], cells[1::2]))
    assert not all(np.array_equal(one, other) for one, other in zip(cells[::2], cells[1::2]))


def test_mistakes_are_explained(run, pictures, tmp_path, program):
    assert "name the PNG to write them to, --out samples.png" in program("generate", run[0]).complaint
    (tmp_path / "t.txt").write_text("some text\n" * 30)
    (tmp_path / "there.png").touch()
    out = ("--out", tmp_path / "a.png")
    for options, said in [
        (("--out", tmp_path / "a.gif"), "ends in .png"),
        (("--out", tmp_path / "there.png"), "there.png exists"),
        ((*out, "--tokens", 4), "--tokens 4: pictures are all of one size"),
        ((*out, "--beams", 2), "--beams 2: pictures"),
        ((*out, "--samples", 2, "--temperature", 0), "--samples 2: only draws differ"),
    ]:
        assert said in program("generate", run[0], *options).complaint
    assert "it holds texts" in program("generate", run[0], tmp_path / "t.txt", *out).complaint
    assert "it holds texts" in program("evaluate", run[0], tmp_path / "t.txt").complaint
    assert "this network reads images" in program("inspect", run[0], "--tokens", "film").complaint
    wrong = ("--out", tmp_path / "r", "--steps", 1, "--recipe", "igpt")
    assert "processor palette takes images" in program("pretrain", tmp_path / "t.txt", *wrong).complaint
    assert not (tmp_path / "a.png").exists()


def test_bits_per_pixel_of_unseen_images(run, pictures, program):
    shown = program("evaluate", run[0], pictures[1])
    assert shown.code == 0, shown.err
    assert "over 30 images of 64 ids" in shown.out
    assert "every id alike: 2.5850" in shown.out


def test_routes(run, pictures, tmp_path, program):
    """What lies in the ids alone (dark or light) is read off the vectors of a network that has hardly learned."""
    random = np.random.default_rng(0)
    for number in range(60):
        folder = tmp_path / ("train", "test")[number % 3 == 2] / ("dark", "light")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(random.normal((90, 150)[number % 2], 60, (8, 8)), 0, 255).astype(np.uint8)
        (folder / f"{number}.png").write_bytes(encoded(pixels))
    short = ("route.epochs=1", "route.choose_learning_rate=false")
    for route, settings in (("probe", ("route.layer=1",)), ("knn", ()), ("finetune", short)):
        task = tmp_path / route
        shown = program("transfer", run[0], "--data", tmp_path / "train", "--route", route, "--out", task, *settings)
        assert shown.code == 0, shown.err
    shown = program("evaluate", tmp_path / "probe", tmp_path / "test")
    assert float(shown.out.split()[1]) > 0.8, shown.out
    shown = program("predict", tmp_path / "finetune", pictures[1])
    assert len(shown.out.splitlines()) == 30
    shown = program("embed", run[0], pictures[1], "--out", tmp_path / "v.npy", "--layer", 1)
    assert np.load(tmp_path / "v.npy").shape == (30, 16)


def test_codes_are_learned_drawn_scored_and_read(pictures, tmp_path, program):
    """The chain over a VQ-VAE: the same verbs, another processor."""
    out = tmp_path / "run"
    small = [setting for setting in SMALL[4:] if not str(setting).startswith("processor.")]
    shown = program("pretrain", pictures[0], "--out", out, "--recipe", "vqvae_igpt", "--steps", 12, *small)
    assert shown.code == 0, shown.err
    assert "tokenizer: vqvae, 16 x 16 pixels, grey, as 4 x 4 of 30 codes" in shown.err
    assert "61 rows read, 60 used, 1 skipped (1 not an image)" in shown.err
    store = TokenStore.open(out / "store")
    assert (len(store), store.tokens) == (60, 60 * 16)
    for arguments in (
        ("generate", out, "--out", tmp_path / "drawn.png", "--samples", 3),
        ("generate", out, pictures[1], "--out", tmp_path / "completed.png", "--samples", 3),
        ("embed", out, pictures[1], "--out", tmp_path / "v.npy", "--layer", 1),
        ("transfer", out, "--data", pictures[0], "--route", "probe", "--out", tmp_path / "task"),
        ("evaluate", tmp_path / "task", pictures[1]),
    ):
        shown = program(*arguments)
        assert shown.code == 0, shown.err
    assert "over 30 images of 16 ids" in program("evaluate", out, pictures[1]).out
    assert np.load(tmp_path / "v.npy").shape == (30, 16)
