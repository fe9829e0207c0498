"""What stands beside a patch that is read: the evidence that the mode allows."""

from html import escape

from app.screens.review import words
from core.review import CaseOpened, CasePatch, ReadingMode, Record, current_verdicts
from core.review.patches import PatchMap
from core.wording import call_of, call_text, score_text


def evidence_html(record: Record, case: CaseOpened, patch: CasePatch | None) -> str:
    """Return score and other verdicts where the record allows them, else why there are none."""
    if patch is None:
        second = case.mode is ReadingMode.SECOND_READER
        return _hidden(words.HIDDEN_SECOND if second else words.HIDDEN)
    others = ""
    if case.mode is ReadingMode.ADJUDICATION:
        others = _other_verdicts(record, case, patch.sha256)
    if patch.prob_tumour is None:
        return _hidden(words.WITHHELD) + others
    return (
        '<div class="nl-read-score"><div class="nl-read-call">'
        f"<b>{score_text(patch.prob_tumour)}</b>"
        f"<span>model: {call_text(call_of(patch.predicted_label))}</span>"
        f"<small>threshold {case.threshold:.4f} ({escape(case.operating_point)})</small></div>"
        f'<div class="nl-read-scale"><u style="left:{case.threshold:.2%}"></u>'
        f'<i style="left:{patch.prob_tumour:.2%}"></i></div></div>{others}'
    )


def _hidden(reason: str) -> str:
    return f'<div class="nl-read-hidden">{reason}</div>'


def map_html(made: PatchMap) -> str:
    """Return what a map says."""
    first, *others = made.sentences
    how = words.MAP_LAYER.format(layer=made.shown.layer)
    details = escape(" ".join((words.MAP_COLOURS, *others, how)))
    return (
        f'<div class="nl-read-map"><b>{escape(first)}</b> {words.NOT_A_FINDING}'
        f"<details><summary>Details</summary>{details}</details></div>"
    )


def map_obstacle_html(reason: str) -> str:
    """Return why there is no map."""
    return f'<div class="nl-read-map"><b>{escape(f"No map. {reason}")}</b></div>'


def _other_verdicts(record: Record, case: CaseOpened, sha256: str) -> str:
    lines = []
    for earlier in case.of:
        for verdict in current_verdicts(record, earlier):
            if verdict.patch.sha256 == sha256 and not verdict.is_repeat:
                final = verdict.final.reading
                sure = f" ({final.confidence})" if final.confidence else ""
                comment = f" “{verdict.comment}”" if verdict.comment else ""
                lines.append(f"<li>{call_text(final.verdict)}{sure}{escape(comment)}</li>")
    return f'<div class="nl-read-others"><b>Earlier verdicts</b><ul>{"".join(lines)}</ul></div>'
