"""The closed sets of words that a verdict is made of."""

from enum import StrEnum


class Verdict(StrEnum):
    """What a reader says of the centre 32 × 32 of a patch."""

    TUMOUR = "tumour"
    NO_TUMOUR = "no tumour"
    CANNOT_JUDGE = "cannot judge"

    @property
    def label(self) -> int | None:
        """1 for tumour, 0 for none, None if it cannot be judged."""
        return {Verdict.TUMOUR: 1, Verdict.NO_TUMOUR: 0}.get(self)


class Confidence(StrEnum):
    """How sure the reader is."""

    SURE = "sure"
    PROBABLE = "probable"
    UNSURE = "unsure"


class ReasonTag(StrEnum):
    """Why the verdict is what it is, or why the patch is hard."""

    HISTIOCYTES = "histiocytes"
    GERMINAL_CENTRE = "germinal centre"
    SINUS = "sinus"
    ISOLATED_TUMOUR_CELLS = "isolated tumour cells"
    FOLD = "fold"
    BLUR = "blur"
    CRUSH = "crush"
    PEN = "pen"
    OTHER = "other"


class Quality(StrEnum):
    """How well the patch can be read."""

    GOOD = "good"
    LIMITED = "limited"
    UNUSABLE = "unusable"


class OnScreen(StrEnum):
    """What the reader could see beside the patch; no more than surroundings is a blinded reading.

    SURROUNDINGS are the tissue around a patch of a slide.
    """

    SCORE = "score"
    CAM = "cam"
    OTHER_VERDICTS = "other verdicts"
    SURROUNDINGS = "surroundings"


class ReadingMode(StrEnum):
    """Who sees what before the verdict.

    AI_FIRST draws score and map with the patch. BLIND_FIRST takes a verdict on the bare patch,
    freezes it, and only then draws score and map. SECOND_READER is blind to the first reader and
    to the model. ADJUDICATION shows the patches on which readings differ, with all that is known.
    """

    AI_FIRST = "AI first"
    BLIND_FIRST = "blind first, AI second"
    SECOND_READER = "second reader"
    ADJUDICATION = "adjudication"


class Origin(StrEnum):
    """Why a patch stands where it does in a worklist."""

    ORDERED = "ordered"
    CONTROL = "random control"
    REPEAT = "hidden repeat"
