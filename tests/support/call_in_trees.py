"""A program: calls headstart of several source trees, each in a process of its own that is forked from this one.

Standard input holds a list of [tree, [arguments, ...]]; standard output gets for each tree a list of [exit status, what
was printed, what was complained]. The libraries are imported once, before the forks, which is most of a start-up.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path


def call(tree: str, calls: list[list[str]]) -> list[list]:
    """Return what each call of the tree's headstart came to."""
    sys.path.insert(0, tree)
    import headstart
    from headstart.commands.app import main

    assert Path(headstart.__file__).is_relative_to(tree)
    answers = []
    for arguments in calls:
        out, err, code = io.StringIO(), io.StringIO(), 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main(arguments)
            except SystemExit as stop:
                code = stop.code
        answers.append([code, out.getvalue(), err.getvalue()])
    return answers


def in_a_fork(tree: str, calls: list[list[str]]) -> list[list]:
    """Return what `call` does, made in a child process."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        with os.fdopen(writing, "w") as pipe:
            json.dump(call(tree, calls), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answers = pipe.read()
    os.waitpid(child, 0)
    return json.loads(answers)


if __name__ == "__main__":
    import scipy.sparse  # noqa: F401
    import sklearn.linear_model  # noqa: F401
    import tokenizers  # noqa: F401
    import torch
    import torch._dynamo  # an optimizer imports it
    from transformers import AutoModelForMaskedLM, BertForMaskedLM, ResNetModel  # noqa: F401

    torch.set_num_threads(1)
    json.dump([in_a_fork(tree, calls) for tree, calls in json.load(sys.stdin)], sys.stdout)
