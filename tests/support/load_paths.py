"""The command lines that load the artefacts of `damages.py`, each by every verb that takes one of its kind.

{0} stands for the artefact, {home} for the folder with what it was made from, {out} for a folder for this one command.
"""

from __future__ import annotations

_FEW = "{home}/few.tsv --out {out}/a.jsonl"
_EMBED = "embed {0} {home}/few.txt --out {out}/v.npy"
_RESUME = "--out {0} --resume --steps 6 --threads 1"
_RUN = (
    _EMBED,
    "transfer {0} --data {home}/table.tsv --route probe --threads 1 --out {out}/t",
    "pretrain {home}/text.txt " + _RESUME,
    "export {0} --data {home}/few.txt --out {out}/x",
    "pretrain {home}/text.txt --base {0} --steps 2 --threads 1 batches.tokens=256 --out {out}/r",
    "pretrain --config {0}/run.json --steps 2 --threads 1 --out {out}/c",
)
_EXPORT = "export {0} --data {home}/few.tsv --out {out}/x"
_TASK = (
    "predict {0} " + _FEW,
    "evaluate {0} {home}/table.tsv",
    "next {0} {home}/other.txt --count 2 --out {out}/n.csv",
)
_IMAGE_TASK = ("predict {0} {home}/pictures --out {out}/a.jsonl", "evaluate {0} {home}/pictures")
_IMAGE_RUN = ("embed {0} {home}/pictures --out {out}/v.npy", "pretrain {home}/pictures " + _RESUME)
_COMPARE = "compare {home}/halves --data {home}/table.tsv --labels 8 --draws 1 --threads 1 --minutes 0.2 --out {0}"
_REPORT = ("verify {0} --sample 1", _COMPARE + " --routes tfidf_nb --audit skip --no-winner")
_WINNER = (
    _COMPARE + " --routes tfidf_nb,probe",
    "predict {0} " + _FEW,
    "export {0} --out {out}/x --data {home}/few.tsv",
)
_SWEEP = (
    "sweep {home}/halves --data {home}/table.tsv --route tfidf_logreg --vary default=0.1,1,10 --trials 2 --threads 1 "
    "--out {0}"
)
_VERBS = {
    "halves": _RUN,
    "mlm": _RUN,
    "network": _RUN[:2],
    "export": (_EMBED, "push {0} a/b"),
    "sentences": (_EMBED, "push {0} a/b"),
    "peft": ("push {0} a/b",),
    "report": _REPORT,
    "winner": _WINNER,
    "sweep": (_SWEEP,),
    "pictures_run": _IMAGE_RUN,
    "finetune": (*_TASK, _EXPORT),
    "lora": (*_TASK, _EXPORT),
    "knn": (*_TASK, _EXPORT),
    "processor": (),
    "store": (),
    "pictures_store": (),
}


def verbs_of(name: str) -> tuple[str, ...]:
    """Return the command lines that load an artefact of this name."""
    return _VERBS[name] if name in _VERBS else _IMAGE_TASK if name.startswith("pictures_") else _TASK
