"""Rows of images side by side on nested draws: accuracy, and what each is ahead of another by.

    python benchmarks/image_rows.py --data TRAIN --test DEV [--run RUN] [--labels 10,50,100,1000] [--draws 10]
        [--routes pixels_logreg,hog_svm,kmeans_patches_logreg:centres=800:stride=2] [--against hog_svm] [--cache FOLDER]
        [--also lite0=FOLDER --routes joined,probe@lite0]

Routes with commas in their settings are written between semicolons (`joined;joined:columns=hog,kmeans_patches`).
Labels are drawn from TRAIN, whose images are also the unlabelled pool; every row of DEV is asked. `route@NAME` reads
another base than RUN. Prints Markdown
tables: mean and standard deviation over the draws, CPU seconds of all draws of a route, leads with 95 % intervals. One
thread; what each model chose goes to standard error.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch

from headstart.comparing.draws import draw
from headstart.core import registry
from headstart.core.disk_cache import DiskCache
from headstart.core.spec import RouteSpec
from headstart.data.corpus import Corpus
from headstart.data.read_request import ReadRequest, read_labelled_rows
from headstart.fitting.workspace import Workspace
from headstart.statistics.intervals import estimate
from headstart.training.pretrained_model import PretrainedModel

CLASSICAL = (
    "pixels_logreg,pca_logreg,colour_histogram_logreg,nearest_mean,hog_svm,kmeans_patches_logreg,scattering_logreg"
)


def route_of(text: str) -> RouteSpec:
    """Return a route written as `name:setting=value:setting=value`."""
    name, *settings = text.split(":")
    return registry.load("route", name)().with_settings([tuple(one.split("=", 1)) for one in settings])


def main() -> None:
    """Run all routes on all draws and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--also", nargs="*", default=[], help="NAME=FOLDER of further bases")
    parser.add_argument("--labels", default="10,50,100,1000")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--routes", default=CLASSICAL)
    parser.add_argument("--against")
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    between = ";" if ";" in given.routes else ","
    sizes, names = [int(size) for size in given.labels.split(",")], given.routes.split(between)
    train, _ = read_labelled_rows(ReadRequest(paths=given.data), lambda line: None)
    test, _ = read_labelled_rows(ReadRequest(paths=given.test, classes=train.classes), lambda line: None)
    bases = {"": given.run} | dict(one.split("=", 1) for one in given.also)
    workspaces = {
        name: Workspace(
            path and PretrainedModel.open(Path(path)),
            Corpus(given.data).documents,
            given.cache and DiskCache(given.cache),
        )
        for name, path in bases.items()
    }
    subsets = draw(train.labels, sizes, given.draws, 0)
    right: dict[str, np.ndarray] = {}  # [sizes, draws, test rows]
    print(f"| route | {' | '.join(given.labels.split(','))} | CPU s |\n|---|{'---|' * len(sizes)}---|")
    for name in names:
        route, workspace = route_of(name.partition("@")[0]), workspaces[name.partition("@")[2]]
        begun, found, told = time.process_time(), np.zeros((len(sizes), given.draws, len(test))), []
        for number, subset in enumerate(subsets):
            for place, size in enumerate(sizes):
                model = route.run(train.take(subset[size]), workspace, seed=number)
                found[place, number] = model.predict_proba(test).argmax(axis=1) == test.labels
                told.append((size, {key: model.notes.get(key) for key in ("readout", "weight", "strength")}))
        right[name] = found
        workspace.flush()
        cells = " | ".join(f"{one_DN.mean():.4f} ±{one_DN.mean(1).std(ddof=given.draws > 1):.3f}" for one_DN in found)
        print(f"| {name} | {cells} | {time.process_time() - begun:.1f} |", flush=True)
        print(name, *told, sep="\n  ", file=sys.stderr, flush=True)
    if given.against:
        print(f"\n| ahead of {given.against} | {' | '.join(given.labels.split(','))} |\n|---|{'---|' * len(sizes)}")
        for name in [one for one in names if one != given.against]:
            leads = [estimate(one_DN) for one_DN in right[name] - right[given.against]]
            cells = [f"{one.value:+.4f} ({one.interval()[0]:+.3f} to {one.interval()[1]:+.3f})" for one in leads]
            print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
