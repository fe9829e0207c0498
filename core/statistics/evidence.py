"""What a statistic is computed from: labels, scores, slides; checked once."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import EvidenceError
from core.wording import agreeing

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
ScoreArray = NDArray[np.float32] | NDArray[np.float64]

SMALL_CLASS_N = 10
"""Fewer positives or negatives than this earn a note: one patch moves the rate by over 10 %."""

FEW_SLIDES = 20
"""Fewer slides than this earn a note: intervals over them were measured to be rough."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Labels and scores of N patches, with the slide of each where it is known.

    Build it with `Evidence.of`, which converts; the constructor itself only checks. The arrays are
    made read-only. One class alone is allowed: what cannot be computed from it is NaN downstream.

    Attributes:
        labels: (N,) bool; True is the positive class, tumour in the centre 32 x 32.
        scores: (N,) float32 or float64, finite, higher means more tumour. They stay in their own
            dtype, because a threshold compared in another dtype changes the predictions at ties.
        slides: (N,) str, the slide each patch was cut from, or None where that is unknown.

    Raises:
        EvidenceError: lengths differ, nothing is there, a label is not 0 or 1, a score is
            not finite, a slide has no name.
    """

    labels: BoolArray
    scores: ScoreArray
    slides: NDArray[np.str_] | None = None

    @classmethod
    def of(
        cls,
        labels: ArrayLike,
        scores: ArrayLike,
        slides: ArrayLike | None = None,
    ) -> "Evidence":
        """The same evidence from any array-likes of length N, converted without loss.

        Float64 and float32 scores keep their dtype; float16 becomes float32, whole numbers float64.
        Class attributes above say what each argument must hold.
        """
        return cls(
            labels=_labels_as_bool(np.asarray(labels)),
            scores=_scores_as_float(np.asarray(scores)),
            slides=None if slides is None else _slides_as_text(slides),
        )

    def __post_init__(self) -> None:
        n = len(self.labels)
        if n == 0:
            raise EvidenceError("Found no patches; expected at least one label with its score.")
        if self.scores.dtype not in (np.float32, np.float64):
            raise EvidenceError(
                f"Scores are {self.scores.dtype}; expected float32 or float64. Use Evidence.of."
            )
        for name in ("labels", "scores", "slides"):
            column = getattr(self, name)
            if column is None:
                continue
            if column.shape != (n,):
                raise EvidenceError(
                    f"Found {name} of shape {column.shape}; expected ({n},), one for each label. "
                    "Pass one value per patch, in the same order."
                )
            column.setflags(write=False)
        if bad := int(np.count_nonzero(~np.isfinite(self.scores))):
            raise EvidenceError(
                f"Found {bad} scores that are NaN or infinite; expected finite numbers. "
                "Score these patches again or leave them out."
            )

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def n_positive(self) -> int:
        """Rows whose label is 1."""
        return int(np.count_nonzero(self.labels))

    @property
    def n_negative(self) -> int:
        """Rows whose label is 0."""
        return len(self) - self.n_positive

    @cached_property
    def prevalence(self) -> float:
        """Share of positives, 0..1: of this set, not of any clinic."""
        return self.n_positive / len(self)

    @cached_property
    def _slide_index(self) -> tuple[tuple[str, ...], IntArray]:
        if self.slides is None:
            raise EvidenceError(
                "Found no slide names; slide-cluster statistics need the slide of each patch. "
                "Load the map from patch to slide, or read the per-patch intervals with care."
            )
        rows = self.slides.tolist()  # a dict beats sorting 220,025 strings by a factor of ten
        names = tuple(sorted(set(rows)))
        code_of = {name: code for code, name in enumerate(names)}
        return names, np.fromiter((code_of[row] for row in rows), np.int64, count=len(rows))

    @property
    def slide_names(self) -> tuple[str, ...]:
        """The S distinct slides, in alphabetical order. EvidenceError without slides."""
        return self._slide_index[0]

    @property
    def slide_codes(self) -> IntArray:
        """(N,) index of each patch's slide into `slide_names`. EvidenceError without slides."""
        return self._slide_index[1]

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of dtype, labels, scores and slides, row order included.

        Stable across machines: bytes are little-endian and -0.0 counts as 0.0.
        """
        sha = hashlib.sha256(f"evidence 1 {self.scores.dtype.name} {len(self)}\n".encode())
        sha.update(self.labels.astype(np.uint8).tobytes())
        sha.update((self.scores + 0).astype(self.scores.dtype.newbyteorder("<")).tobytes())
        if self.slides is not None:
            sha.update("\n".join(("slides", *self.slide_names, "")).encode())
            sha.update(self.slide_codes.astype("<i8").tobytes())
        return sha.hexdigest()

    def select(self, rows: BoolArray | IntArray) -> "Evidence":
        """The evidence of some rows only: rows is a (N,) mask or an (M,) index."""
        return Evidence(
            labels=self.labels[rows],
            scores=self.scores[rows],
            slides=None if self.slides is None else self.slides[rows],
        )

    def notes(self) -> tuple[str, ...]:
        """Sentences on what is too small here to be trusted; empty when nothing is."""
        notes = []
        for count, name in ((self.n_positive, "positive"), (self.n_negative, "negative")):
            if count < SMALL_CLASS_N:
                few = f"Only {count} {name} [patch|patches]: rates over them are imprecise"
                notes.append(agreeing(f"{few} (fewer than {SMALL_CLASS_N}).", count))
        if self.slides is None:
            notes.append(
                "Slides unknown: intervals treat patches as independent and are too narrow."
            )
        elif (slides := len(self.slide_names)) < FEW_SLIDES:
            few = f"Only {slides} [slide|slides]: intervals over slides are imprecise"
            notes.append(agreeing(f"{few} (fewer than {FEW_SLIDES}).", slides))
        return tuple(notes)


def _labels_as_bool(labels: NDArray[np.generic]) -> BoolArray:
    if labels.dtype == np.bool_:
        return np.array(labels, dtype=np.bool_)
    if labels.dtype.kind not in "iuf" or not bool(np.isin(labels, (0, 1)).all()):
        strange = [value for value in np.unique(labels).tolist() if value not in (0, 1)][:3]
        raise EvidenceError(
            f"Found labels such as {strange}; expected only 0 (no tumour in the centre) and "
            "1 (tumour). Check which column was read as the label."
        )
    return labels.astype(np.bool_)


def _scores_as_float(scores: NDArray[np.generic]) -> ScoreArray:
    if scores.dtype.kind not in "iufb":
        raise EvidenceError(
            f"Found scores of type {scores.dtype}; expected numbers. "
            "Check which column was read as the score."
        )
    if scores.dtype in (np.float32, np.float16):
        return scores.astype(np.float32)
    return scores.astype(np.float64)


def _slides_as_text(slides: ArrayLike) -> NDArray[np.str_]:
    rows = np.asarray(slides, dtype=object).tolist()
    for row, slide in enumerate(rows):
        # A missing name in a CSV arrives as None, "" or a float NaN.
        if slide is None or slide == "" or isinstance(slide, float):
            raise EvidenceError(
                f"Row {row} has no slide name (found {slide!r}); expected one for every patch. "
                "Complete the map from patch to slide, or leave slides out altogether."
            )
    return np.array([str(slide) for slide in rows], dtype=np.str_)
