"""What the report page says, in English and Korean; Korean avoids particles that depend on how a name sounds."""

from __future__ import annotations

PAGE_PHRASES: dict[str, tuple[str, str]] = {
    "title": ("Which route to use, and did pre-training pay?", "어떤 방법을 쓸까, 사전학습은 값을 했나?"),
    "title_none": ("Which route to use?", "어떤 방법을 쓸까?"),
    "title_ablation": ("Which change helped?", "어떤 변경이 도움이 되었나?"),
    "verdict": ("Verdict", "결론"),
    "ship": ("{labels}: use {entry}.", "{labels}: {entry} 사용을 권합니다."),
    "costs": (
        "Cost at {labels}: training and testing one model of {entry} takes {time}.",
        "비용({labels}): {entry} 모델 하나를 학습하고 시험하는 데 {time} 걸립니다.",
    ),
    "costs_base": (
        "Its base was pre-trained once, in {time}.",
        "사전학습은 한 번이며 {time} 걸렸습니다.",
    ),
    "seconds": ("{count} s", "{count}초"),
    "minutes": ("{count} min", "{count}분"),
    "hours": ("{count} h", "{count}시간"),
    "folds": (
        "{folds}-fold cross-validation of {rows} rows, {draws} times: the intervals hold for this pool of labelled "
        "rows, not for another one.",
        "라벨 데이터 {rows}행을 {folds}겹으로 나누어 {draws}번 교차 검증했습니다. 구간은 이 라벨 데이터에 대해서만 "
        "유효합니다.",
    ),
    "use_row": ("Use", "권장"),
    "score": ("Score", "점수"),
    "clean_score": ("Clean rows only", "깨끗한 행만"),
    "paid": ("Did pre-training pay?", "사전학습이 값을 했나?"),
    "paid_worth": ("yes", "예"),
    "paid_not_worth": ("no", "아니요"),
    "paid_undecided": ("undecided", "미정"),
    "paid_none": ("not compared", "비교 안 함"),
    "worth_labels": ("Worth in labels", "라벨로 환산"),
    "glance_note": (
        "After yes or no: lead over the best classical entry. Worth in labels: what the best classical entry needs for "
        "the score of the best pre-trained one. Square brackets: intervals.",
        "예, 아니요 뒤: 가장 좋은 고전 방법에 대한 우위. 라벨로 환산: 가장 좋은 사전학습 방법의 점수를 내는 데 가장 "
        "좋은 고전 방법이 필요로 하는 라벨 수. 대괄호: 구간.",
    ),
    "in_words": ("The same in words for fewer labels", "더 적은 라벨 수에 대한 설명"),
    "audit": ("Audit of the data", "데이터 점검"),
    "audit_was_waived": (
        "The audit was waived: whether test rows are also training rows or unlabelled {items} is not known.",
        "점검을 생략하기로 했습니다. 시험 행이 학습 데이터나 라벨 없는 {items}에도 있는지 알 수 없습니다.",
    ),
    "audit_was_skipped": (
        "The data was not audited: whether test rows are also training rows or unlabelled {items} is not known.",
        "데이터를 점검하지 않았습니다. 시험 행이 학습 데이터나 라벨 없는 {items}에도 있는지 알 수 없습니다.",
    ),
    "audit_identity": ("Hash of the audit: {identity}", "점검 해시: {identity}"),
    "label": ("{sizes} label", "라벨 {sizes}개"),
    "labels": ("{sizes} labels", "라벨 {sizes}개"),
    "scores": ("Scores", "점수"),
    "scores_note": (
        "{metric} on {test} test rows, mean over label draws with its 95 % interval (label draws and test rows both "
        "count).",
        "시험 {test}행의 {metric}. 라벨 추출 평균과 95 % 구간(라벨 추출과 시험 행의 흔들림을 모두 포함).",
    ),
    "constant_note": (
        " Always answering “{answer}” scores {constant}.",
        " 항상 “{answer}”라고 답하면 {constant}.",
    ),
    "guessing_dealt": (
        " Guessing: an entry's own answers, dealt to the rows at random.",
        " 추측: 그 방법의 답을 시험 행에 무작위로 나누어 준 것.",
    ),
    "undefined": (
        " The same answer to all rows has no such score; it counts as 0.",
        " 모든 행에 같은 답을 하면 점수가 정의되지 않으며 0으로 셉니다.",
    ),
    "guessing_ranks": (
        " Guessing: the {items} that are searched, in a random order.",
        " 추측: 찾는 대상인 {items}의 무작위 순서.",
    ),
    "guessing_constant": (
        " Always answering “{answer}” scores {constant}; better than guessing is better than both.",
        " 항상 “{answer}”라고 답하면 {constant}이며, 추측보다 낫다는 것은 둘 모두보다 낫다는 뜻입니다.",
    ),
    "no_answer": ("no answer", "답 없음"),
    "differences_note": (
        "Difference = entry minus the best classical entry at that label count, on the same draws and test rows; its "
        "interval is adjusted for all pairs that were asked about (Holm) and leaves out zero exactly where a claim is "
        "made; other pairs have plain intervals.",
        "차이 = 같은 추출과 같은 시험 행에서 그 라벨 수의 가장 좋은 고전 방법을 뺀 값. 구간은 질문한 모든 쌍에 대해 "
        "보정(Holm)했으며, 주장할 수 있을 때에만 0을 포함하지 않습니다. 그 밖의 쌍은 보정하지 않은 구간입니다.",
    ),
    "label_count": ("Labels", "라벨 수"),
    "entry": ("Entry", "방법"),
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
    "forecast_note": (
        "Shaded: forecast of the entries that matter, with 95 % intervals, if the curves go on as they are.",
        "어두운 곳: 곡선이 지금처럼 이어질 때 주요 방법의 예측과 95 % 구간.",
    ),
    "forecast": ("forecast", "예측"),
    "meets": ("crossover", "역전"),
    "paired": ("Lead over the best classical entry", "가장 좋은 고전 방법에 대한 우위"),
    "paired_note": (
        "Bars: intervals, Holm-adjusted for pairs that were asked about, cut off at the edge where they are longer; "
        "filled dots: a claim is made.",
        "막대: 구간(질문한 쌍은 Holm 보정, 더 길면 가장자리에서 자름), 채운 점: 주장할 수 있음.",
    ),
    "cost": ("Score and cost at {labels}", "점수와 비용 ({labels})"),
    "cost_note": (
        "Seconds (median) to train and test one model, without pre-training; logarithmic. Filled and joined by the "
        "broken line: no other entry is both quicker and better.",
        "모델 하나를 학습하고 시험하는 시간의 중앙값(초, 사전학습 제외), 로그 눈금. 채운 점과 파선: 더 빠르면서 점수도 "
        "더 높은 방법이 없는 것.",
    ),
    "confusion": ("What {entry} mixes up at {labels}", "{entry}의 혼동 ({labels})"),
    "confusion_note": (
        "Rows: true class; columns: predicted class; per cent of the true class, over all draws.",
        "행: 실제 클래스, 열: 예측 클래스. 실제 클래스 대비 %, 모든 추출 합계.",
    ),
    "confused": ("Most frequent confusions of {entry} at {labels}", "{entry}의 가장 잦은 혼동 ({labels})"),
    "confused_note": (
        "Test rows over all draws, and their share of the true class.",
        "모든 추출에 걸친 시험 행 수와 실제 클래스 안에서의 비율.",
    ),
    "mistakes": ("The surest mistakes of {entry} at {labels}", "{entry}의 가장 확신한 오답 ({labels})"),
    "mistakes_note": (
        "True class → answer; its highest probability in any draw; in how many of the draws the row was answered "
        "wrongly. A row whose label is wrong would be among these.",
        "실제 클래스 → 예측 클래스, 추출 가운데 가장 높은 확률, 전체 추출 중 틀린 추출 수. 라벨이 잘못된 행이 있다면 "
        "여기에 나타납니다.",
    ),
    "mistake_alt": (
        "{item}, test row {row}: truth {true}, answer {called}",
        "{item}, 시험 행 {row}: 실제 {true}, 예측 {called}",
    ),
    "probability": ("Probability", "확률"),
    "wrong_draws": ("Wrong draws", "틀린 추출"),
    "seen": ("What the network was shown in pre-training", "사전학습에서 신경망에 보인 것"),
    "seen_note": (
        "{base}: for each of some random images, from left to right: {versions}.",
        "{base}: 무작위로 고른 이미지마다 왼쪽부터 {versions}.",
    ),
    "seen_alt": ("image {count}: {version}", "이미지 {count}: {version}"),
    "version_image": ("the image as the network takes it", "신경망이 받는 이미지"),
    "version_one": ("one view", "첫째 뷰"),
    "version_two": ("another view", "둘째 뷰"),
    "true_class": ("True class", "실제 클래스"),
    "called": ("Called", "예측 클래스"),
    "share": ("Share", "비율"),
    "slices": ("Scores on parts of the test rows", "시험 데이터의 부분별 점수"),
    "slices_note": (
        "Best entry of each kind, 95 % intervals. ▲ ▼: better or worse than on the other test rows. Lead: pre-trained "
        "minus classical. Marks and leads are adjusted for all parts (Holm).",
        "종류별로 가장 좋은 방법과 95 % 구간. ▲ ▼: 나머지 시험 행보다 좋음, 나쁨. 우위: 사전학습에서 고전 방법을 뺀 "
        "값. 표시와 우위는 모든 부분에 대해 보정(Holm).",
    ),
    "slices_classes": ("Classes at {labels}: share of each that is found", "클래스별({labels}): 찾아낸 비율"),
    "part": ("Part", "부분"),
    "part_rows": ("Rows", "행"),
    "lead": ("Lead", "우위"),
    "kind_pretrained": ("Pre-trained", "사전학습"),
    "kind_classical": ("Classical", "고전 방법"),
    "kind_control": ("Random start", "무작위 시작"),
    "slice_clean": ("clean: no copy elsewhere", "깨끗함: 다른 곳에 사본 없음"),
    "slice_contaminated": ("contaminated: a copy elsewhere", "오염됨: 다른 곳에 사본 있음"),
    "slice_short": ("shortest third", "짧은 글 3분의 1"),
    "slice_middle": ("middle third", "중간 길이 3분의 1"),
    "slice_long": ("longest third", "긴 글 3분의 1"),
    "calibration": ("Calibration at {labels}", "확률 보정 ({labels})"),
    "calibration_note": (
        "How often a row is right (up) when it is so sure (across), in bins of equal size: on the diagonal it can be "
        "believed. ECE: mean distance. Error: root mean square distance without what chance adds, 95 % interval.",
        "확신도(가로)에 따른 정답 비율(세로), 같은 크기의 구간으로 나눔. 대각선 위에 있으면 그 확률을 믿을 수 "
        "있습니다. ECE: 평균 거리. 오차: 우연의 몫을 뺀 제곱평균제곱근 거리와 95 % 구간.",
    ),
    "calibration_error": ("Error [95 %]", "오차 [95 %]"),
    "calibration_short": ("ECE {ece}, error {error}", "ECE {ece}, 오차 {error}"),
    "confidence": ("Mean confidence", "평균 확신도"),
    "log_loss": ("Log loss", "로그 손실"),
    "all_entries": ("All entries", "모든 방법"),
    "axis_confidence": ("confidence", "확신도"),
    "axis_right": ("share right", "정답 비율"),
    "power": ("What a study like this one can find", "이만한 비교로 찾을 수 있는 차이"),
    "power_note": (
        "Smallest true difference between the two entries that is claimed in 80 % of such studies, and what it would "
        "be with more label draws or more test rows.",
        "두 방법의 실제 차이가 얼마여야 이런 비교의 80 %에서 확인되는지, 추출이나 시험 행을 늘리면 어떻게 되는지.",
    ),
    "pair": ("Entries", "방법"),
    "finds": ("Finds", "찾는 차이"),
    "by_draws": ("By draws", "추출 수에 따라"),
    "by_rows": ("By test rows", "시험 행 수에 따라"),
    "to_find": ("To find {wanted}", "{wanted} 차이를 찾으려면"),
    "plan_found": ("found already", "이미 찾음"),
    "plan_draws": ("{count} more draws", "추출 {count}번 더"),
    "plan_rows": ("{count} more test rows", "시험 행 {count}개 더"),
    "plan_or": ("or", "또는"),
    "plan_none": ("more of both", "둘 다 늘려야 함"),
    "absent": ("What could not run or did not learn", "실행되지 않았거나 학습하지 못한 방법"),
    "reason": ("Why", "이유"),
    "why_unlearned": (
        "did not learn: surely less than {slight} ahead of guessing",
        "학습 못 함: 추측보다 {slight} 이상 앞서지 못하는 것이 확실함",
    ),
    "why_unshown": ("not shown to be better than guessing", "추측보다 낫다고 확인되지 않음"),
    "budget": ("Where the time went", "시간 사용"),
    "budget_asked": ("{asked} were asked for.", "요청한 시간은 {asked}입니다."),
    "budget_spent": (
        "{cells} of {planned} cells took {spent}: {training} of training, {testing} of testing. Audit, reading and the "
        "report come on top; cells kept from an earlier run are counted.",
        "전체 {planned}칸 중 {cells}칸에 {spent} 걸렸습니다(학습 {training}, 시험 {testing}). 점검, 읽기, 보고서 "
        "작성은 별도이며 이전 실행에서 남은 칸도 포함합니다.",
    ),
    "budget_entries": ("Seconds of every entry", "방법별 시간(초)"),
    "cells": ("Cells", "칸"),
    "total": ("Total", "합계"),
    "median_at": ("Median, {labels}", "중앙값, {labels}"),
    "receipts": ("Receipts", "영수증"),
    "receipts_note": (
        "Every cell can be made again from the same files: {command}, where REPORT is the folder of this page and ID a "
        'cell\'s id. In place of an id: "entry/labels/draw", or --sample 5. report.json holds the whole receipts.',
        "모든 칸은 같은 파일로 다시 만들 수 있습니다: {command} (REPORT: 이 보고서의 폴더, ID: 칸의 번호). 번호 대신 "
        '"방법/라벨 수/추출" 또는 --sample 5 사용 가능. 전체 영수증은 report.json 파일에 있습니다.',
    ),
    "receipts_folded": (
        "{cells} cells: labels/draw, score, seconds, id",
        "{cells}칸: 라벨 수/추출, 점수, 초, 번호",
    ),
    "effects": ("Effect of each change", "변경별 효과"),
    "effects_note": (
        "Changed minus {unchanged} as it is, on the same draws and test rows; the intervals hold for all changes "
        "together, filled dots: a claim is made.",
        "변경한 것에서 그대로 둔 것({unchanged})을 뺀 값, 같은 추출과 시험 행. 구간은 모든 변경에 함께 성립하며 채운 "
        "점은 주장할 수 있는 것입니다.",
    ),
    "effect": ("Effect", "효과"),
    "ablation_better": ("{labels}: {changes} helped.", "{labels}: {changes} 도움이 되었습니다."),
    "ablation_worse": ("{labels}: {changes} hurt.", "{labels}: {changes} 점수가 나빠졌습니다."),
    "ablation_undecided": ("No change was shown to help.", "도움이 된다고 확인된 변경이 없습니다."),
    "change": ("Change", "변경"),
    "claim": ("Finding", "판단"),
    "claim_better": ("helped", "도움이 됨"),
    "claim_worse": ("hurt", "나빠짐"),
    "claim_undecided": ("no difference shown", "차이가 확인되지 않음"),
    "axis_labels": ("labels", "라벨 수"),
    "axis_seconds": ("seconds", "초"),
    "chosen": ("What each entry chose and counted", "각 방법이 고르고 센 것"),
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
    "caveat_folds": (
        "It holds for rows like these and for models trained on this pool; other sources or later data may differ.",
        "이 데이터와 비슷한 행, 이 라벨 데이터로 학습한 모델에 대해서만 유효합니다. 다른 출처나 이후의 데이터는 다를 "
        "수 있습니다.",
    ),
    "caveat_seed": (
        "Each base was pre-trained once; another pre-training seed would move its entries by an amount not measured "
        "here.",
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
        "Choosing by this report and then quoting the score of the chosen entry overstates it a little; keep fresh "
        "rows for a number to publish.",
        "이 보고서로 고른 방법의 점수를 그대로 인용하면 조금 부풀려집니다. 발표할 수치는 새 데이터로 재세요.",
    ),
    "terminal": (
        "{metric} by number of labels, mean ± half of the 95 % interval",
        "라벨 수별 {metric}, 평균 ± 95 % 구간의 절반",
    ),
}
