"""ablate: a route as it is against the same with one change each; with intervals, which change helped."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from headstart.base.errors import HeadstartError
from headstart.commands.asked import class_metric, label_counts, need_classes, need_report_folder
from headstart.commands.compare import Compared, run_comparison
from headstart.commands.gate import AuditMode
from headstart.commands.given import Given
from headstart.commands.inputs import open_bases, route_with
from headstart.commands.session import Language, command_line, files, need_positive, pick_language, whole

if TYPE_CHECKING:
    from headstart.base.spec import RouteSpec
    from headstart.evaluation.ablation import Effect
    from headstart.evaluation.study import Row

# Tried where nothing is named: the craft of `routes/craft.py` at the strengths of its papers, then the rest.
USUAL = (
    "label_smoothing=0.1",
    "mixup=0.2",
    "dropout=0.1",
    "word_dropout=0.1",
    "patience=3",
    "weight_decay=0.1",
    "layer_decay=0.8",
    "optimizer=momentum,muon",
)


@dataclass(frozen=True)
class Ablated(Compared):
    """effects: of every change at every label count; `verdict` says them in words."""

    effects: tuple[Effect, ...] = ()


def ablate(
    base: Annotated[Path, Parameter(help="run directory or Hugging Face directory; `none` for a classical route")],
    /,
    *,
    data: Annotated[
        list[str],
        Parameter(help="labelled file(s); labels are drawn from here", consume_multiple=True, converter=files),
    ],
    out: Annotated[Path, Parameter(help="the report directory; the same command goes on where it stopped")],
    route: Annotated[str, Parameter(help="the route that is changed")] = "finetune",
    vary: Annotated[
        list[str] | None,
        Parameter(help="a change, such as mixup=0.2 or optimizer=sgd,muon (two changes); repeat it [the usual ones]"),
    ] = None,
    test: Annotated[
        list[str] | None,
        Parameter(help="labelled test file(s) [a quarter of --data]", consume_multiple=True, converter=files),
    ] = None,
    text: Annotated[str | None, Parameter(help="text column [guessed and printed]")] = None,
    text2: Annotated[str | None, Parameter(help="second text column, for pairs")] = None,
    label: Annotated[str | None, Parameter(help="label column [guessed and printed]")] = None,
    labels: Annotated[str, Parameter(help="label counts to try")] = "64,256",
    draws: Annotated[int, Parameter(help="random label draws per count", converter=whole)] = 10,
    minutes: Annotated[float, Parameter(help="time budget for all rows together")] = 20.0,
    metric: Annotated[str, Parameter(show=False, help="accuracy or macro_f1")] = "accuracy",
    language: Annotated[Language, Parameter(show=False, help="of the report")] = "auto",
    group: Annotated[str | None, Parameter(show=False, help="column of groups that must not be split")] = None,
    seed: Annotated[int, Parameter(show=False, converter=whole)] = 0,
    threads: Annotated[int | None, Parameter(show=False, converter=whole)] = None,
    audit: Annotated[AuditMode, Parameter(show=False)] = "run",
    set: Annotated[list[str] | None, Parameter(show=False)] = None,
) -> Ablated:
    """Compare a route with itself, one change at a time, on the same label draws; say which change helped.

    Further options: --metric, --language, --group COLUMN, --seed N, --threads N, --audit skip; settings of the route as
    it is, such as finetune.epochs=5. Without --vary the usual changes of that route are tried.

    Raises HeadstartError: unreadable input, unknown names, a change that changes nothing.
    """
    from headstart.base.device import set_threads
    from headstart.data.open import as_paths
    from headstart.evaluation.study import Row

    begun = time.monotonic()
    need_positive("--minutes", minutes)
    need_positive("--draws", draws)
    out, data = Path(out), as_paths(data)
    need_report_folder(out)
    sizes = label_counts(labels)
    set_threads(threads)
    plain = route_with(route, set or [])
    changed = changes(plain, vary)
    score = class_metric(metric)
    if str(base) == "none" and plain.needs == "base":
        raise HeadstartError(f"--route {route}: needs a pre-trained base; give a run directory, not `none`")
    bases = {} if str(base) == "none" else open_bases([Path(base)])
    need_classes(data, text, label, text2)
    given = Given(
        data=data,
        test=as_paths(test) if test else None,
        columns={"text": text, "text2": text2, "label": label, "group": group},
        bases={name: str(base) for name in bases},
        seed=seed,
        metric=metric,
    )
    train, test_rows, ledger = given.read()
    where = next(iter(bases), None) if plain.needs == "base" else None
    first = Row(plain, where)
    others = [Row(spec, where, change) for change, spec in changed.items()]
    spoken = pick_language(language)
    done = run_comparison(
        bases,
        [first, *others],
        train,
        test_rows,
        sizes=sizes,
        draws=draws,
        minutes=minutes,
        metric=score,
        out=out,
        seed=seed,
        language=spoken,
        ledger=ledger,
        command=command_line(),
        audit=audit,
        given=given,
        begun=begun,
    )
    return _judged(done, first, others, spoken)


def _judged(done: Compared, plain: Row, changed: list[Row], language: str) -> Ablated:
    """Return the comparison with the effect of every change, which its report gets too."""
    from headstart.evaluation.ablation import effect_text, effects
    from headstart.evaluation.report import write_report

    found = effects(done.study, plain, changed)
    told = {name: effect_text(found, plain, name) for name in ("en", "ko")}
    kept = {"plain": plain.name, "effects": [asdict(one) | {"claim": one.claim} for one in found], "sentences": told}
    study = replace(done.study, facts=done.study.facts | {"ablation": kept})
    write_report(study, done.folder, language)
    return Ablated(done.folder, study, told[language], done.table, tuple(found))


def changes(plain: RouteSpec, vary: Sequence[str] | None) -> dict[str, RouteSpec]:
    """Return the route with each change, by `setting=value`; without `vary` with those of USUAL that it can have.

    Raises HeadstartError: no such setting, a wrong value, nothing is changed, the same change twice.
    """
    names = [field.name for field in fields(plain)]
    asked = vary or [change for change in USUAL if change.partition("=")[0] in names]
    if not asked:
        raise HeadstartError(
            f"route {plain.name} has none of the usual settings; name a change with --vary "
            f"(settings: {', '.join(names) or 'none'})"
        )
    found: dict[str, RouteSpec] = {}
    for change in asked:
        setting, equals, text = change.partition("=")
        if not equals or not text:
            raise HeadstartError(f"--vary {change}: write a setting and its value, such as mixup=0.2")
        several = not isinstance(getattr(plain, setting, None), tuple)
        for value in text.split(",") if several else [text]:
            spec, written = plain.replace_text(setting, value), f"{setting}={value}"
            if written in found:
                raise HeadstartError(f"--vary {written}: is given twice")
            if spec != plain:
                found[written] = spec
            elif vary:
                raise HeadstartError(f"--vary {written}: changes nothing, {plain.name} is so already")
    return found
