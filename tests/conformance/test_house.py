"""The rules of the house (support/house.py) hold in the tree, and each finds the violation that is planted for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import house
import pytest

import headstart
from headstart.core import registry

ROOT = Path(headstart.__file__).parent
CHECKOUT = Path(__file__).parents[2]


def plant(folder: Path, files: dict[str, str]) -> Path:
    """Write a small tree into a folder, with an __init__.py in every package; return the package's folder."""
    root = folder / "src/headstart"
    root.mkdir(parents=True)
    (root / "__init__.py").write_text('_PUBLIC = {\n    "pretrain": "headstart.commands.pretrain",\n}\n')
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        for parent in path.relative_to(root).parents[:-1]:
            (root / parent / "__init__.py").touch()
    return root


@pytest.mark.parametrize("rule", house.CODE)
def test_the_code_keeps(rule):
    found = house.CODE[rule](ROOT)
    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize("rule", house.NAMES)
def test_the_checkout_keeps(rule):
    found = house.NAMES[rule](CHECKOUT)
    assert not found, "\n".join(["", *found])


def test_every_floor_has_its_packages():
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == set(house.LEVEL)


def test_nothing_is_allowed_for_nothing():
    assert house.unused_allowances(ROOT) == []


def test_a_choice_is_what_the_registry_finds():
    assert house.axis_folders(ROOT) == registry.FOLDERS
    for axis, folder in registry.FOLDERS.items():
        files = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / folder).glob("*.py")}
        assert {name for name, text in files.items() if house.is_choice(axis, text)} == set(registry.names(axis)) & set(
            files
        )


def test_a_folder_without_a_floor_or_init_is_found(tmp_path):
    root = plant(tmp_path, {"core/a.py": "", "attic/a.py": "", "data/readers/a.py": "", "helpers.py": ""})
    (root / "data/readers/__init__.py").unlink()
    assert house.violations_rooms(root) == [
        "attic/ has no floor",
        "data/readers/ has no __init__.py",
        "helpers.py lies on no floor",
    ]


def test_an_import_that_does_not_go_down_is_found(tmp_path):
    root = plant(
        tmp_path,
        {
            "core/seeds.py": "import headstart.core.files\nfrom headstart import __version__",
            "core/files.py": "def f():\n    from headstart.data import ledger",
            "data/ledger.py": "if TYPE_CHECKING:\n    from headstart.tasks.tag import Tag",
            "heads/tag.py": "from headstart.core import seeds, files\nimport headstart.tasks.tag",
            "tasks/tag.py": 'import_module("headstart.routes.probe")\nload(f"headstart.routes.{name}")',
            "routes/probe.py": "from headstart import heads, pretrain\nfrom ..core import a\nimport headstart.base.b",
            "training/loop.py": "import headstart\nimport headstart_elsewhere, numpy",
            "commands/list.py": "import headstart\nfrom headstart.routes.probe import f",
            "__main__.py": "from headstart.commands.list import f",
        },
    )
    assert house.violations_floors(root) == [
        "core/files.py:2 imports headstart.data.ledger, which is not below",
        "data/ledger.py:2 imports headstart.tasks.tag, which is not below",
        "heads/tag.py:2 imports headstart.tasks.tag, which is not below",
        "routes/probe.py:1 imports headstart.pretrain: no module of a floor",
        "routes/probe.py:2 imports ..core: write the whole name",
        "routes/probe.py:3 imports headstart.base.b: no module of a floor",
        "tasks/tag.py:1 imports headstart.routes.probe, which is not below",
        "tasks/tag.py:2 imports headstart.routes, which is not below",
        "training/loop.py:1 imports headstart: no module of a floor",
    ]


def test_a_circle_is_found(tmp_path):
    root = plant(
        tmp_path,
        {
            "core/a.py": "import headstart.core.b\nimport headstart.core.d",
            "core/b.py": "def f():\n    from headstart.core import c",
            "core/c.py": "if TYPE_CHECKING:\n    from headstart.core.a import A",
            "core/d.py": "",
            "data/row.py": "from headstart.core.a import A",
            "nn/a.py": 'import_module("headstart.nn.b")',
            "nn/b.py": "import headstart.nn.a",
        },
    )
    assert house.violations_circles(root) == [
        "circle: core/a.py:1 -> core/b.py; core/b.py:2 -> core/c.py; core/c.py:2 -> core/a.py",
        "circle: nn/a.py:1 -> nn/b.py; nn/b.py:1 -> nn/a.py",
    ]


def test_what_is_no_choice_is_found(tmp_path):
    root = plant(
        tmp_path,
        {
            "core/registry.py": 'FOLDERS = {"metric": "metrics", "optimizer": "training/optimizers"}',
            "metrics/f1.py": "class F1(SumMetric, MetricSpec):\n    pass\n",
            "metrics/sums.py": "class SumMetric:\n    pass\n",
            "metrics/inner.py": "def f():\n    class F1(MetricSpec):\n        pass\n",
            "metrics/two.py": "class A(MetricSpec): ...\nclass B(MetricSpec): ...\n",
            "metrics/help/counts.py": "",
            "metrics/words.json": "{}",
            "training/loop.py": "",
            "training/optimizers/adam.py": "class Adam(OptimizerSpec): ...\n",
            "training/optimizers/f1.py": "class F1(MetricSpec): ...\n",
        },
    )
    assert house.violations_axes(root) == [
        f"{path} is not one choice of the axis {axis}"
        for axis, path in [
            ("metric", "metrics/help"),
            ("metric", "metrics/inner.py"),
            ("metric", "metrics/sums.py"),
            ("metric", "metrics/two.py"),
            ("metric", "metrics/words.json"),
            ("optimizer", "training/optimizers/f1.py"),
        ]
    ]


def test_a_long_file_is_found(tmp_path):
    root = plant(tmp_path, {"core/long.py": "a = 1\n" * 401, "core/full.py": "a = 1\n" * 400})
    assert house.violations_long_files(root) == ["core/long.py has 401 lines"]


def test_a_long_function_is_found(tmp_path):
    """The signature does not count, however long; a method and a function in a function do."""
    signature = "def f(\n" + "    a,\n" * 5 + "):\n"
    inner = "class A:\n    async def g(self):\n" + "        a = 1\n" * 61
    root = plant(tmp_path, {"core/a.py": signature + "    a = 1\n" * 60 + inner})
    assert house.violations_long_functions(root) == ["core/a.py:69 g has 61 lines"]


def test_many_parameters_are_found(tmp_path):
    eight = "a, b, /, c, d, *e, f, g, **h"
    root = plant(
        tmp_path,
        {
            "core/a.py": f"class A:\n    def f(self, {eight}): ...\n    def g(self, i, {eight}): ...\n",
            "core/pretrain.py": f"def pretrain(i, {eight}): ...",
            "commands/pretrain.py": f"def pretrain(i, {eight}): ...\ndef read(i, {eight}): ...",
            "commands/list.py": f"def list_choices(i, {eight}): ...",
        },
    )
    assert house.violations_parameters(root) == [
        "commands/pretrain.py:2 read has 9 parameters",
        "core/a.py:3 g has 9 parameters",
        "core/pretrain.py:1 pretrain has 9 parameters",
    ]


def test_probing_is_found(tmp_path):
    root = plant(
        tmp_path,
        {
            "core/device.py": 'hasattr(os, "sched_getaffinity")\nhasattr(signal, "setitimer")',
            "heads/tag.py": 'getattr(backbone, "words_VD", None)\ngetattr(self, name)\nhasattr(spec.inner, name)',
        },
    )
    assert house.violations_probing(root) == [
        "core/device.py:2 asks for signal.setitimer",
        "heads/tag.py:1 asks for backbone.words_VD",
        "heads/tag.py:3 asks for spec.inner[name]",
    ]
    assert "core/device.py: os.sched_getaffinity" not in house.unused_allowances(root)
    assert "core/time_limit.py: signal.setitimer" in house.unused_allowances(root)


def test_a_name_of_a_builtin_is_found(tmp_path):
    text = "def sum(kind, *, set=()): ...\nkey = lambda id: len(id)\nid = 3\n"
    text += "class A:\n    type: str\n    kind: str\n    def open(self): ...\n    def next(self): ...\n"
    text += "class RunFile(TypedDict):\n    format: int\n"
    root = plant(tmp_path, {"core/a.py": text})
    assert sorted(house.violations_builtins(root)) == [
        f"core/a.py:{line} is called {name}"
        for line, name in [(1, "set"), (1, "sum"), (2, "id"), (5, "type"), (8, "next")]
    ]


OLD = [
    "from headstart.training import Artefact",
    "write(artefact_or_task, folder)",
    "batch.types_N",
    "pieces.owner_R",
    "frame_rows(examples)",
    "Batching(bucket=True, window=128)",
    "pretrain --set batches.window=128",
    "make_batch(ids, framed=True)",
    "write_shards(folder)",
    "class ShardBatches: ...",
    "objective.rate=0.3",
    "training.rate=0.001",
    "spec.usual",
    "from headstart.data.read_request import Asked",
    "def load(path) -> Given:",
    "regularisation: Craft = Craft()",
    "def judged(self, answers, examples): ...",
    "model.scores(examples)",
    'if backbone.reads == "left":',
    "tokenizer.lower=true",
]
NEW = """The usual rate of a window, framed by [CLS]; given and asked; artefacts of compression; frames, rows, shards.
study.scores(row, size), plain(text), "written", continuous, base.windows, types, owner, batches.max_length, rated
"""


def test_old_names_are_found(tmp_path):
    plant(tmp_path, {"core/a.py": NEW, "core/migration.py": "\n".join(OLD)})
    for folder in ("tests/core", "docs", "docs/recipes"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("docs/decisions.md", "docs/log.md", "tests/core/test_migration.py"):
        (tmp_path / name).write_text("\n".join(OLD))
    assert house.violations_old_names(tmp_path) == []
    for name in ("README.ko.md", "docs/cli.md", "src/headstart/core/b.py", "tests/core/test_a.py"):
        (tmp_path / name).write_text("\n".join(OLD))
        found = house.violations_old_names(tmp_path)
        assert sorted({int(line.split(":")[1].split()[0]) for line in found}) == list(range(1, len(OLD) + 1))
        assert {line.split(":")[0] for line in found} == {name}
        (tmp_path / name).write_text(NEW)


def test_lost_names_are_found(tmp_path):
    files = {"core/registry.py": 'FOLDERS = {"metric": "metrics"}', "core/a.py": "# see core/registry.py, a.py"}
    root = plant(tmp_path, files | {"commands/pretrain.py": ""})
    kept = "headstart.core.registry.names headstart.core.Batch headstart.pretrain headstart.metric headstart.json"
    (tmp_path / "CONTRIBUTING.md").write_text(
        f"{kept}\n`base/seeds.py` headstart.core.seeds\nuser/registry.py headstart.base"
    )
    (root / "core/b.py").write_text("# see head_start.py")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_a.py").write_text('patch("headstart.base.seeds.key")\nwrite("t.py")')
    assert sorted(house.violations_lost_names(tmp_path)) == [
        f"{place}, which is not there"
        for place in [
            "CONTRIBUTING.md:2 names base/seeds.py",
            "CONTRIBUTING.md:2 names headstart.core.seeds",
            "CONTRIBUTING.md:3 names headstart.base",
            "CONTRIBUTING.md:3 names user/registry.py",
            "src/headstart/core/b.py:1 names head_start.py",
            "tests/test_a.py:1 names headstart.base.seeds",
        ]
    ]


def test_the_program_prints_what_it_finds(tmp_path):
    root = plant(tmp_path, {"core/registry.py": "FOLDERS = {}", "attic/a.py": ""})
    done = subprocess.run([sys.executable, house.__file__, root], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.startswith("== rooms: 1\nattic/ has no floor\n== floors: 0\n")
