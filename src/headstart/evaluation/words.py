"""Everything a comparison says, in English and Korean; Korean avoids particles that depend on how a name sounds."""

from __future__ import annotations

import math
from collections.abc import Sequence

from headstart.base.errors import unknown

LANGUAGES = ("en", "ko")

_WORDS: dict[str, tuple[str, str]] = {
    # verdict
    "nothing_finished": (
        "No cell was finished, so there is nothing to judge yet; the same command continues.",
        "끝난 칸이 없어 아직 판단할 것이 없습니다. 같은 명령을 다시 실행하면 이어집니다.",
    ),
    "headline_worth": (
        "Pre-training was worth it at {labels}.",
        "{labels}에서는 사전학습이 값을 했습니다.",
    ),
    "headline_not_worth": (
        "Pre-training was not worth it at {labels}.",
        "{labels}에서는 사전학습이 값을 하지 못했습니다.",
    ),
    "headline_undecided": (
        "At {labels} this data does not decide whether pre-training was worth it.",
        "{labels}에서는 사전학습이 값을 했는지 이 데이터로 결정되지 않습니다.",
    ),
    "headline_none": (
        "No pre-trained model took part, so this comparison says nothing about pre-training.",
        "사전학습 모델이 참여하지 않아 사전학습에 대해서는 말할 수 없습니다.",
    ),
    "few_labels": (
        "Only {size} of {classes} classes can have a label.",
        "클래스 {classes}개 중 {size}개만 라벨을 가질 수 있습니다.",
    ),
    "no_row_shown": (
        "No route was shown to be better than guessing: get more labels, or check whether the labels are right.",
        "추측보다 낫다고 확인된 방법이 없습니다. 라벨을 더 모으거나 라벨이 맞는지 확인하세요.",
    ),
    "use": ("Use {row}: {score}.", "권장: {row}, 점수 {score}."),
    "peers": ("Cannot be told apart from it: {rows}.", "이와 구별되지 않는 방법: {rows}."),
    "cheaper": (
        "Of these, {row} needs only {share} of its time.",
        "그중 {row} 쪽은 걸리는 시간이 {share}뿐입니다.",
    ),
    "unshown": ("Not shown to be better than guessing: {rows}.", "추측보다 낫다고 확인되지 않음: {rows}."),
    "unlearned": (
        "Did not learn (less than {slight} ahead of guessing): {rows}.",
        "학습하지 못한 방법(추측 대비 {slight} 미만): {rows}.",
    ),
    "size_worth": ("Pre-training was worth it.", "사전학습이 값을 했습니다."),
    "size_not_worth": ("Pre-training was not worth it.", "사전학습이 값을 하지 못했습니다."),
    "size_undecided": (
        "Whether pre-training was worth it is not decided by this data.",
        "사전학습이 값을 했는지는 이 데이터로 결정되지 않습니다.",
    ),
    "against_classical": (
        "{row} against the best classical row ({other}): {lead}, ahead in {wins} draws.",
        "{row}: 가장 좋은 고전 방법({other}) 대비 {lead}, 추출 {wins}에서 앞섬.",
    ),
    "against_control": (
        "Against the same network from random start ({other}): {lead}, ahead in {wins} draws.",
        "같은 신경망을 무작위 값에서 시작한 경우({other}) 대비 {lead}, 추출 {wins}에서 앞섬.",
    ),
    "because_classical": (
        "No pre-trained route can be more than {margin} ahead of the best classical row.",
        "어떤 사전학습 방법도 가장 좋은 고전 방법을 {margin} 넘게 앞설 수 없습니다.",
    ),
    "because_control": (
        "No pre-trained route can be more than {margin} ahead of the same network from random start.",
        "어떤 사전학습 방법도 무작위 값에서 시작한 같은 신경망을 {margin} 넘게 앞설 수 없습니다.",
    ),
    "because_draws": (
        "Most of the uncertainty comes from the label draws: more draws would help.",
        "불확실성은 주로 라벨 추출에서 옵니다. 추출 횟수를 늘리면 도움이 됩니다.",
    ),
    "because_test": (
        "Most of the uncertainty comes from the test set: more test rows would help, more draws would not.",
        "불확실성은 주로 시험 데이터에서 옵니다. 시험 행을 늘려야 하며 추출을 늘려도 소용이 적습니다.",
    ),
    "because_one_draw": (
        "One draw has no measurable spread: at least 2 are needed, 10 are better.",
        "한 번의 추출로는 흔들림을 잴 수 없습니다. 최소 2번, 가급적 10번이 필요합니다.",
    ),
    "because_no_control": (
        "The same network from random start was not run, so the network alone may be the reason: add route scratch.",
        "무작위 값에서 시작한 같은 신경망을 돌리지 않아 신경망 자체의 효과일 수 있습니다. scratch를 추가하세요.",
    ),
    "because_no_classical": (
        "No classical row was run to compare with.",
        "비교할 고전 방법을 돌리지 않았습니다.",
    ),
    # report
    "title": ("Which route to use, and did pre-training pay?", "어떤 방법을 쓸까, 사전학습은 값을 했나?"),
    "verdict": ("Verdict", "결론"),
    "label": ("{sizes} label", "라벨 {sizes}개"),
    "labels": ("{sizes} labels", "라벨 {sizes}개"),
    "scores": ("Scores", "점수"),
    "scores_note": (
        "{metric} on {test} test rows, mean over label draws with its 95 % interval (label draws and test rows both "
        "count). Always answering “{answer}” scores {constant}.",
        "시험 {test}행의 {metric}. 라벨 추출 평균과 95 % 구간(라벨 추출과 시험 행의 흔들림을 모두 포함). "
        "항상 “{answer}”라고 답하면 {constant}.",
    ),
    "differences_note": (
        "Difference = row minus the best classical row at that label count, on the same draws and test rows; its "
        "interval is adjusted for all pairs compared (Holm) and leaves out zero exactly where a claim is made.",
        "차이 = 같은 추출과 같은 시험 행에서 그 라벨 수의 가장 좋은 고전 방법을 뺀 값. 구간은 비교한 모든 쌍에 대해 "
        "보정(Holm)했으며, 주장할 수 있을 때에만 0을 포함하지 않습니다.",
    ),
    "row": ("Row", "방법"),
    "mean": ("Mean", "평균"),
    "interval": ("95 % interval", "95 % 구간"),
    "sd": ("sd over draws", "추출 간 표준편차"),
    "difference": ("Difference to best classical", "가장 좋은 고전 방법과의 차이"),
    "time": ("Seconds", "초"),
    "draws": ("Draws", "추출"),
    "remark": ("Remark", "비고"),
    "remark_best": ("best", "최고"),
    "remark_peer": ("not apart from best", "최고와 구별 안 됨"),
    "remark_unlearned": ("did not learn", "학습 못 함"),
    "remark_unshown": ("not shown to learn", "학습 확인 안 됨"),
    "remark_reference": ("reference", "기준"),
    "remark_unpaired": ("too few draws, not compared", "추출이 적어 비교 제외"),
    "remark_failed": ("could not run: {reason}", "실행 불가: {reason}"),
    "curve": ("Score by number of labels", "라벨 수에 따른 점수"),
    "curve_note": (
        "Bands: 95 % intervals. Solid: pre-trained; dashed: classical; dotted: random start.",
        "띠: 95 % 구간. 실선: 사전학습, 파선: 고전 방법, 점선: 무작위 시작.",
    ),
    "paired": ("Lead over the best classical row", "가장 좋은 고전 방법에 대한 우위"),
    "paired_note": (
        "Bars: Holm-adjusted intervals; filled dots: a claim is made.",
        "막대: Holm 보정 구간, 채운 점: 주장할 수 있음.",
    ),
    "cost": ("Score and cost at {labels}", "점수와 비용 ({labels})"),
    "cost_note": (
        "Seconds (median) to train and test one model, without pre-training; logarithmic.",
        "모델 하나를 학습하고 시험하는 시간의 중앙값(초, 사전학습 제외), 로그 눈금.",
    ),
    "confusion": ("What {row} mixes up at {labels}", "{row}의 혼동 ({labels})"),
    "confusion_note": (
        "Rows: true class; columns: predicted class; per cent of the true class, over all draws.",
        "행: 실제 클래스, 열: 예측 클래스. 실제 클래스 대비 %, 모든 추출 합계.",
    ),
    "axis_labels": ("labels", "라벨 수"),
    "axis_seconds": ("seconds", "초"),
    "chosen": ("What each row chose and counted", "각 방법이 고르고 센 것"),
    "chosen_note": ("Over the draws: the value, or smallest to largest.", "추출 전체에서의 값, 또는 최소–최대."),
    "data": ("Data", "데이터"),
    "settings": ("Settings and versions", "설정과 버전"),
    "rerun": ("To run it again", "다시 실행하려면"),
    "caveats": ("What this cannot tell you", "이 보고서가 말할 수 없는 것"),
    "class": ("Class", "클래스"),
    "training": ("training", "학습"),
    "test": ("test", "시험"),
    "stopped_time": (
        "The time ran out after {done} of {all} cells; the judged draws are complete and paired. "
        "The same command with more time continues.",
        "시간이 다 되어 {all}칸 중 {done}칸에서 멈췄습니다. 판단한 추출은 온전히 짝지어져 있습니다. "
        "시간을 늘려 같은 명령을 실행하면 이어집니다.",
    ),
    "stopped_interrupted": (
        "Interrupted after {done} of {all} cells; the same command continues.",
        "{all}칸 중 {done}칸에서 중단되었습니다. 같은 명령을 실행하면 이어집니다.",
    ),
    "caveat_population": (
        "It holds for new label draws and new rows like these test rows; other sources or later data may differ.",
        "이 시험 행과 비슷한 새 데이터에 대해서만 유효합니다. 다른 출처나 이후의 데이터는 다를 수 있습니다.",
    ),
    "caveat_balanced": (
        "Draws are balanced over the classes as far as the pool allows; labels collected as they come may be skewed.",
        "추출은 가능한 한 클래스 균형을 맞춥니다. 있는 그대로 모은 라벨은 치우칠 수 있습니다.",
    ),
    "caveat_seed": (
        "Each base was pre-trained once; another pre-training seed would move its rows by an amount not measured here.",
        "각 사전학습은 한 번만 했습니다. 다른 난수로 사전학습하면 달라지는 정도는 여기서 재지 않았습니다.",
    ),
    "caveat_time": (
        "Trained routes had a time limit; with more time some of them may do better.",
        "학습하는 방법에는 시간 제한이 있었습니다. 시간이 더 있으면 나아질 수 있습니다.",
    ),
    "caveat_pool": (
        "At {labels} the draws share much of the labelled pool (over half); the intervals are widened for it, "
        "which rests on an approximation.",
        "{labels}에서는 추출들이 라벨 데이터의 절반 넘게 겹칩니다. 구간을 그만큼 넓혔지만 근사입니다.",
    ),
    "caveat_fixed": (
        "At {labels} every draw is the whole labelled pool: the intervals hold for these labels, not for others.",
        "{labels}에서는 모든 추출이 라벨 데이터 전체입니다. 구간은 이 라벨에 대해서만 유효합니다.",
    ),
    "caveat_few": (
        "With {labels} some classes have no label at all.",
        "{labels}에서는 라벨이 하나도 없는 클래스가 있습니다.",
    ),
    "caveat_draws": (
        "With fewer than 5 draws, “learned” rests on scores that scatter evenly around their mean; 10 are better.",
        "추출이 5번보다 적으면 ‘학습함’ 판단은 점수가 평균 주위에 고르게 흩어진다는 가정에 기댑니다. 10번이 낫습니다.",
    ),
    "caveat_reuse": (
        "Choosing by this report and then quoting the score of the chosen row overstates it a little; keep fresh rows "
        "for a number to publish.",
        "이 보고서로 고른 방법의 점수를 그대로 인용하면 조금 부풀려집니다. 발표할 수치는 새 데이터로 재세요.",
    ),
    "terminal": (
        "{metric} by number of labels, mean ± half of the 95 % interval",
        "라벨 수별 {metric}, 평균 ± 95 % 구간의 절반",
    ),
}


def say(language: str, name: str, **values: object) -> str:
    """Return the sentence `name` in `language` with `values` filled in. Raises HeadstartError: unknown language."""
    if language not in LANGUAGES:
        raise unknown("language", language, LANGUAGES)
    return _WORDS[name][LANGUAGES.index(language)].format(**values)


def counted(language: str, sizes: Sequence[int]) -> str:
    """Return label counts as `1 label`, `16 labels` or `4, 16 labels`."""
    return say(language, "label" if list(sizes) == [1] else "labels", sizes=listed([str(size) for size in sizes]))


def listed(names: Sequence[str]) -> str:
    """Return names with commas between them."""
    return ", ".join(names)


def number(value: float, digits: int = 3) -> str:
    """Return a score as `.812`; a dash where there is none."""
    if math.isnan(value):
        return "–"
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 and text.lstrip("-").startswith("0.") else text


def signed(value: float, digits: int = 3) -> str:
    """Return a difference as `+.057` or `−.012`; a dash where there is none."""
    if math.isnan(value):
        return "–"
    return ("−" if round(value, digits) < 0 else "+") + number(abs(value), digits)


def percent(share: float) -> str:
    """Return a share as `4 %`, below one per cent as `<1 %`."""
    return f"{share:.0%}".replace("%", " %") if share >= 0.01 else "<1 %"
