"""Opening an artefact unpickles, compiles, imports, connects, starts and writes nothing, whatever lies in it."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pickles import word_base
from tiny_bases import pixel_base, rows
from tiny_images import striped_images

from headstart.core import registry
from headstart.core.exportable import Adapter
from headstart.exports.hf import HfSpec
from headstart.fitting.network_model import NetworkModel
from headstart.fitting.task_model_files import save_task

SUPPORT = Path(__file__).resolve().parents[1] / "support"
QUIET = {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}  # compiled modules are no writing of the artefact
PLANTED = """
import importlib, os, pickle, socket, subprocess, sys, tempfile
from pathlib import Path
import audited_loading

def unpickles(folder): pickle.loads((folder / "evil.pkl").read_bytes())
def imports(folder):
    sys.path.insert(0, str(folder))
    importlib.import_module("modeling_evil")
def evaluates(folder): eval((folder / "evil.txt").read_text())
def connects(folder): socket.socket().close()
def starts(folder): subprocess.run([sys.executable, "-c", ""])
def writes(folder): tempfile.TemporaryFile().close()
def reads(folder): (folder / "evil.txt").read_bytes()

if __name__ == "__main__":
    audited_loading.main([sys.argv[2]], globals()[sys.argv[1]])
"""


class Evil:
    """Whoever unpickles it makes a folder."""

    def __reduce__(self):
        return os.mkdir, ("/nowhere/evil",)


def with_traps(folder: Path) -> Path:
    """Put into an artefact of others what a careless loader would run."""
    evil = pickle.dumps(Evil())
    for name in ("evil.pkl", "pytorch_model.bin", "training_args.bin", "optimizer.pt", "scheduler.pt", "model.pt"):
        (folder / name).write_bytes(evil)
    for name in (
        "modeling_evil.py",
        "configuration_evil.py",
        "tokenization_evil.py",
        "__init__.py",
        "sitecustomize.py",
    ):
        (folder / name).write_text("raise SystemExit('run')\n")
    (folder / "evil.txt").write_text("1 + 1")
    auto = {"auto_map": {"AutoModel": "modeling_evil.Evil", "AutoConfig": "configuration_evil.Evil"}}
    for name in ("config.json", "tokenizer_config.json"):
        (folder / name).write_text(
            json.dumps(json.loads((folder / name).read_text()) | auto | {"trust_remote_code": True})
        )
    (folder / "manifest.json").unlink(missing_ok=True)  # what others made has none
    return folder


@pytest.fixture(scope="module")
def artefacts(place, tmp_path_factory) -> list[Path]:
    """One of every kind: runs, task models, exports, an image run, an adapter, vectors, folders of others."""
    home, base = tmp_path_factory.mktemp("artefacts"), word_base()
    base.save(home / "network")
    pixel_base(striped_images(4)).save(home / "image run")
    for name, export in (("hf", HfSpec()), ("st", registry.load("export", "sentence_transformers")())):
        (home / name).mkdir()
        export.write(base.exportable(), home / name)
        shutil.copytree(home / name, home / f"{name} of others")
        with_traps(home / f"{name} of others")
    head = registry.load("head", "classify")().build(base.backbone, base.processor, ("bad", "good"))
    adapted = NetworkModel(base, head, ("bad", "good"), False, {})
    name, weight = next((name, one) for name, one in base.backbone.named_parameters() if one.ndim == 2)
    low = (torch.zeros(2, weight.shape[1]), torch.zeros(weight.shape[0], 2), 1.0)
    adapted.adapter = Adapter({name.removesuffix(".weight"): low}, "0" * 64)
    save_task(adapted, home / "adapter", registry.load("route", "lora")(), {}, rows())
    words = registry.build_spec("backbone", {"name": "word_vectors", "width": 8})
    vectors = type(base)(base.processor, words, words.build(base.processor.shape))
    vectors.save(home / "vectors")
    return [*sorted(home.iterdir()), place / "halves", place / "mlm", place / "task"]


def audited(*command: object, **more: str) -> tuple[dict[str, list[str]], str]:
    made = subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ) | QUIET | more,
    )
    return json.loads(made.stdout), made.stderr


def test_no_artefact_makes_loading_do_more_than_read(artefacts):
    found, said = audited(SUPPORT / "audited_loading.py", *artefacts)
    assert len(found) == len(artefacts) == 11
    assert not {name: faults for name, faults in found.items() if faults}
    assert not said  # all of them opened


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("unpickles", "pickle.find_class"),
        ("imports", "modeling_evil"),
        ("evaluates", "compile"),
        ("connects", "socket.__new__"),
        ("starts", "subprocess.Popen"),
        ("writes", "writes"),
    ],
)
def test_the_gate_catches_a_loader_that_does_more(what, told, tmp_path):
    """The twin: loaders that do each of these things."""
    assert told in str(planted(what, tmp_path))


def test_the_gate_lets_pass_what_reads(tmp_path):
    assert planted("reads", tmp_path) == []


def planted(what: str, folder: Path) -> list[str]:
    (folder / "evil.pkl").write_bytes(pickle.dumps(Path))
    (folder / "evil.txt").write_text("1 + 1")
    (folder / "modeling_evil.py").write_text("")
    (folder / "planted.py").write_text(PLANTED)
    artefact = folder / "artefact"
    artefact.mkdir()
    for name in ("evil.pkl", "evil.txt", "modeling_evil.py"):
        (folder / name).rename(artefact / name)
    found, _ = audited(folder / "planted.py", what, artefact, PYTHONPATH=str(SUPPORT))
    return found[str(artefact)]
