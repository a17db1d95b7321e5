"""Writes the report of a comparison, finished or not, with what it shows of the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headstart.comparing.settings import StudyData, StudySettings
    from headstart.core.examples import ImageRef
    from headstart.statistics.study import Study
    from headstart.training.pretrained_model import PretrainedModel


def reporter(
    bases: Mapping[str, PretrainedModel], data: StudyData, settings: StudySettings, language: str
) -> Callable[[Study], None]:
    """Return what writes the report of a study, finished or not, with what it shows of the data."""
    from headstart.comparing.exhibits import NEAR, SEEN, kept_seen, show
    from headstart.reporting.findings import findings
    from headstart.reporting.report import write_report
    from headstart.training.filters import first_filters
    from headstart.training.seen import seen_images

    filters = {name: drawn for name, base in bases.items() if (drawn := first_filters(base)) is not None}
    fresh = {name: shown for name, base in bases.items() if (shown := seen_images(base, SEEN, settings.seed))}
    kept = kept_seen(settings.folder)  # of a run whose images are gone meanwhile
    seen = {name: one for name in bases if (one := fresh.get(name) or kept.get(name))}

    near = _near(bases, data)

    def keep(study: Study) -> None:
        rows = [one.row for one in findings(study).mistakes]
        show(data.test, rows, seen, filters, near(rows[:NEAR])).save(settings.folder)
        write_report(study, settings.folder, language)

    return keep


def _near(
    bases: Mapping[str, PretrainedModel], data: StudyData
) -> Callable[[Sequence[int]], dict[tuple[str, int], tuple[list[ImageRef], list[str]]]]:
    """Return what finds, by base and test row, the nearest training images with their labels.

    Of the first base of images only; the training images are read once, at the first rows that are asked.
    """
    from headstart.comparing.exhibits import NEAREST
    from headstart.training.nearest_items import NearestItems

    train = data.train
    name = next((name for name, base in bases.items() if base.processor.takes == "image"), None)
    if name is None or train.labels is None or train.second is not None:
        return lambda rows: {}
    searched = cache(lambda: NearestItems(bases[name], train.items))

    def near(rows: Sequence[int]) -> dict[tuple[str, int], tuple[list[ImageRef], list[str]]]:
        if not rows:
            return {}
        found = searched().of([data.test.items[row] for row in rows], NEAREST)
        named = [[train.classes[train.labels[place]] for place in places] for places in found]
        return {
            (name, row): ([train.items[at] for at in places], told) for row, places, told in zip(rows, found, named)
        }

    return near
