"""Which patches come first: what each order means, and the measures that some orders need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import streamlit as st

from app import resources
from app.screens.shared.listing import is_drawn
from core.explanation import Measurement, Target
from core.jobs import Job, JobStore
from core.review import Candidate, Order, ReadingMode, ReviewError
from core.review.label_candidates import COLUMNS, read_label_candidates, with_label_candidates

_PASS: Final = 8
ORDER_NOTES: Final[Mapping[Order, str]] = MappingProxyType(
    {
        Order.NEAREST_TO_THRESHOLD: "Patches whose score is closest to the threshold: where a "
        "small change turns the call.",
        Order.SCORE: "The highest scores first.",
        Order.D4_SPREAD: "Patches whose score changes most when they are turned or mirrored, which "
        "means nothing in tissue.",
        Order.RING_DECIDED: "Among patches called tumour, those whose score rests least on the "
        "centre: replaced by other tissue, the centre hardly lowers it. Only the centre counts for "
        "the question asked, so these calls may be right for the wrong reason. The others follow.",
        Order.QUALITY: "Blurred, mostly glass or fat, or weakly stained patches first: the worst "
        "of the three, each compared with the other patches of this batch.",
        Order.LABEL_ERROR: "Patches whose label the model believes least. A label is not wrong "
        "because a model doubts it; the reader decides.",
        Order.AS_LISTED: "As the batch has them.",
    }
)


@dataclass(frozen=True)
class Measured:
    """Candidates with what an order goes by.

    Attributes:
        candidates: The patches.
        note: What it was measured from, for the record; "" if nothing was.
    """

    candidates: Sequence[Candidate]
    note: str = ""


def orders(candidates: Sequence[Candidate], mode: ReadingMode, *, measurable: bool) -> list[Order]:
    """Return the orders that fit; those that would tell a blinded reader the call do not.

    Args:
        candidates: The patches.
        mode: Who sees what.
        measurable: Whether patches and model are at hand.
    """
    if mode is ReadingMode.SECOND_READER:  # an order by the score would tell the score
        return [Order.AS_LISTED]
    blind = mode is ReadingMode.BLIND_FIRST
    found = [Order.NEAREST_TO_THRESHOLD]
    if not blind:
        found.append(Order.SCORE)
    if any(one.d4_sd_logit is not None for one in candidates):
        found.append(Order.D4_SPREAD)
    if measurable and not blind:  # its first patches are all called tumour
        found.append(Order.RING_DECIDED)
    if measurable:
        found += [Order.QUALITY, Order.LABEL_ERROR]
    elif any(one.patch.label is not None for one in candidates):
        found.append(Order.LABEL_ERROR)
    return [*found, Order.AS_LISTED]


def measured(
    jobs: JobStore, job: Job | None, candidates: Sequence[Candidate], order: Order
) -> Measured:
    """Return the candidates with what an order goes by, measured now where it is not known.

    Raises:
        NodelensError: Patches, model or list cannot be used.
    """
    if order is Order.LABEL_ERROR:
        return _doubted(candidates)
    if job is None or order not in {Order.RING_DECIDED, Order.QUALITY}:
        return Measured(candidates)
    if order is Order.QUALITY:
        found = resources.poor_quality(jobs, job)
        return Measured(
            [replace(one, poor_quality=found.get(one.patch.sha256)) for one in candidates]
        )
    reliance = _centre_reliance(jobs, job)
    known = sum(one.patch.sha256 in reliance for one in candidates)
    called = sum(one.patch.predicted_label == 1 for one in candidates)
    if known < called:
        st.caption(f"Measured on the {known:,} highest scores of {called:,} patches called tumour.")
    return Measured(
        [replace(one, centre_reliance=reliance.get(one.patch.sha256)) for one in candidates]
    )


def _centre_reliance(jobs: JobStore, job: Job) -> dict[str, float]:
    """Return the centre reliance of the patches called tumour; shared with the Explanation page."""
    classifier = resources.classifier(resources.settings())
    collection = resources.job_collection(jobs, job, drawn=is_drawn(job))
    if collection.scored_by != classifier.model_id:
        raise ReviewError(
            f"The batch was scored by {collection.scored_by}; installed is {classifier.model_id}. "
            "Score it anew to order it by what this model goes by."
        )
    explainer = resources.explainer(classifier, None, None, Target.TUMOUR)
    known = resources.explained(explainer, collection)
    rows = resources.rows(jobs, job)
    called = [at for at in collection.positions if rows[at].predicted_label == 1]
    untested = [at for at in called if (row := known.row(at)) is None or row.reliance is None]
    if untested:
        bar = st.progress(0.0, text="Replacing centre and ring of each patch called tumour …")
        measurement = Measurement(centre_test=known.centre_test)
        for start in range(0, len(untested), _PASS):
            known.measure(collection.source, untested[start : start + _PASS], measurement)
            bar.progress(min(1.0, (start + _PASS) / len(untested)))
        bar.empty()
    found = ((rows[at].sha256, known.row(at)) for at in called)
    return {
        sha256: row.reliance.score
        for sha256, row in found
        if row is not None and row.reliance is not None
    }


def _doubted(candidates: Sequence[Candidate]) -> Measured:
    file = st.file_uploader(
        "List of doubtful labels, CSV",
        type=["csv"],
        key="new-label-list",
        help=f"As the audit of a data set writes it: {', '.join(COLUMNS)}. Its ranks come first.",
    )
    if file is None:
        if not any(one.patch.label is not None for one in candidates):
            raise ReviewError(
                "This batch came without labels. Add the list of doubtful labels, or choose "
                "another order."
            )
        return Measured(candidates)
    resources.settings().check_upload([file.size])
    found = read_label_candidates("The list", file.getvalue())
    made = with_label_candidates(candidates, found)
    listed = sum(one.label_rank is not None for one in made)
    st.caption(f"{listed:,} of {len(found):,} on the list are in this batch; they come first.")
    return Measured(made, f"; ranks from a list of {len(found)} doubtful labels")


def note_of(order: Order) -> None:
    """Draw what an order means."""
    st.caption(ORDER_NOTES[order])
