"""A list of labels that may be wrong, as the audit of a data set writes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from core.errors import ReviewError, SourceError
from core.review.worklist import Candidate
from core.tables import parse_table

COLUMNS: Final = ("id", "label", "prob_tumour", "self_confidence", "rank")


@dataclass(frozen=True, slots=True)
class LabelCandidate:
    """A label that may be wrong.

    Attributes:
        label: As the data set has it.
        rank: 1 is the most doubtful.
    """

    label: int
    rank: int


def read_label_candidates(name: str, data: bytes) -> dict[str, LabelCandidate]:
    """Return the candidates of a CSV with the columns `COLUMNS`, by the id of their patch.

    Raises:
        ReviewError: It is none; the message names what is wrong.
    """
    try:
        table = parse_table(name, data).require(*COLUMNS).rows
    except SourceError as error:
        raise ReviewError(str(error)) from None
    wrong = ~table["label"].isin(["0", "1"]) | ~table["rank"].str.fullmatch(r"[1-9]\d{0,8}")
    if wrong.any():
        line = table.index[int(wrong.to_numpy().argmax())]
        raise ReviewError(
            f"{name}, line {line}: expected a label of 0 or 1 and a rank from 1 on. Write the list "
            "anew."
        )
    twice = table["id"].duplicated()
    if twice.any():
        raise ReviewError(f"{name} lists {table['id'][twice].iloc[0]!r} twice; list each id once.")
    return {
        str(row["id"]): LabelCandidate(int(row["label"]), int(row["rank"]))
        for row in table.to_dict("records")
    }


def with_label_candidates(
    candidates: Sequence[Candidate], found: Mapping[str, LabelCandidate]
) -> list[Candidate]:
    """Return patches with their rank on the list; one without a label gets the list's.

    Raises:
        ReviewError: No patch is on the list, or it was made from other labels.
    """
    ranked = []
    for candidate in candidates:
        patch = candidate.patch
        listed = found.get(patch.id)
        if listed is None:
            ranked.append(candidate)
            continue
        if patch.label is not None and patch.label != listed.label:
            raise ReviewError(
                f"The list has the label {listed.label} for {patch.id}, the batch {patch.label}. "
                "Make the list from the labels that the batch was scored with."
            )
        ranked.append(
            replace(candidate, patch=replace(patch, label=listed.label), label_rank=listed.rank)
        )
    if not any(candidate.label_rank is not None for candidate in ranked):
        raise ReviewError(
            f"None of {len(candidates)} patches is among the {len(found)} of the list. Choose the "
            "batch that the list was made from."
        )
    return ranked
