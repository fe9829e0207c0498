"""Everything that can happen in a review: a closed set of events, each a frozen dataclass."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from core.errors import ReviewError
from core.review import vocabulary

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Text = Annotated[str, Field(max_length=10_000)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Label = Annotated[int, Field(ge=0, le=1)]
Position = Annotated[int, Field(ge=0)]
Sequence = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Strict:
    """What is recorded; an unknown field is an error."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePatch(_Strict):
    """A patch of a case and what was known of it when the case was opened.

    Attributes:
        sha256: Of the input's bytes; a verdict is on these bytes.
        id: The file's stem.
        prob_tumour: The model's probability of tumour in the centre 32 × 32; None if withheld.
        predicted_label: The model's call at the case's operating point.
        label: Reference standard, where known.
        slide: Slide, where known.
    """

    sha256: Sha256
    id: Text
    prob_tumour: Share | None = None
    predicted_label: Label | None = None
    label: Label | None = None
    slide: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(_Strict):
    """One place in a worklist: a patch to be read.

    Attributes:
        patch: Index into the case's patches.
        origin: Why it stands here; not to be shown to the reader.
    """

    patch: Position
    origin: vocabulary.Origin = vocabulary.Origin.ORDERED


@dataclass(frozen=True, slots=True, kw_only=True)
class MapShown(_Strict):
    """The model's map as the reader met it, at any time before the verdict.

    Attributes:
        model_id: Whose map.
        method: How it was made, such as "cam".
        layer: Whose activations it weighs.
        target: What it speaks for.
        drawn: Whether it lay over the patch; else the words "no reliable explanation" stood there.
    """

    model_id: Text
    method: Name
    layer: Text
    target: Name
    drawn: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(_Strict):
    """A verdict with all that was said and seen with it.

    Attributes:
        verdict: On the centre 32 × 32.
        screen: What was drawn beside the patch; empty for a blinded reading.
        seconds: From the patch drawn to the verdict given.
        confidence: If stated.
        quality: If stated.
        map: The map that was asked for; None if none was.
    """

    verdict: vocabulary.Verdict
    screen: tuple[vocabulary.OnScreen, ...]
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    confidence: vocabulary.Confidence | None = None
    tags: tuple[vocabulary.ReasonTag, ...] = ()
    quality: vocabulary.Quality | None = None
    comment: Text = ""
    map: MapShown | None = None

    @property
    def blinded(self) -> bool:
        """Whether nothing of the model or of other readers was on the screen."""
        return not set(self.screen) - {vocabulary.OnScreen.SURROUNDINGS}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreMigrated(_Strict):
    """The store has had a schema version since here; the first event of every store."""

    version: Sequence
    kind: Literal["store migrated"] = "store migrated"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOpened(_Strict):
    """A batch to be read in a fixed order.

    Attributes:
        case: The case's own id, once per store.
        reader: Who opened it.
        name: What to call it.
        mode: Who sees what.
        model_id: Name and weights' hash of the model.
        operating_point: Its version.
        threshold: On the probability.
        order: How the worklist was made, in words.
        patches: The patches, each once.
        of: Earlier cases: the first reading of a second reading; both of an adjudication.
    """

    case: Name
    reader: Name
    name: Name
    mode: vocabulary.ReadingMode
    model_id: Text
    operating_point: Text
    threshold: Share
    order: Text
    patches: tuple[CasePatch, ...]
    tasks: tuple[Task, ...]
    of: tuple[Name, ...] = ()
    kind: Literal["case opened"] = "case opened"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFiled(_Strict):
    """How a case is listed from here on; what was recorded in it stays as it is.

    Attributes:
        name: What to call it now.
        archived: Whether it is put away: not listed, and closed for verdicts until it is back.
    """

    case: Name
    reader: Name
    name: Name
    archived: bool
    kind: Literal["case filed"] = "case filed"


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnTask(_Strict):
    """An event on one task of a case, by one reader.

    Attributes:
        task: Position in the case's worklist, from 0.
        sha256: Of the patch there.
    """

    case: Name
    reader: Name
    task: Position
    sha256: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictGiven(_OnTask):
    """The first verdict; in the blind modes nothing but the patch was on the screen."""

    model_id: Text
    operating_point: Text
    reading: Reading
    kind: Literal["verdict given"] = "verdict given"


@dataclass(frozen=True, slots=True, kw_only=True)
class AiShown(_OnTask):
    """Score and map are about to be drawn; the first verdict is frozen from here on."""

    kind: Literal["AI shown"] = "AI shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictAfterAi(_OnTask):
    """The second verdict, with the AI in view; the same as the first if that is upheld."""

    model_id: Text
    operating_point: Text
    reading: Reading
    kind: Literal["verdict after AI"] = "verdict after AI"


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected(_OnTask):
    """Another reading in place of one that is not frozen.

    Attributes:
        corrects: Sequence of the event whose reading is replaced.
    """

    corrects: Sequence
    reading: Reading
    kind: Literal["corrected"] = "corrected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone(_OnTask):
    """The reader's last step on this task is taken back."""

    undoes: Sequence
    kind: Literal["undone"] = "undone"


TaskEvent = VerdictGiven | AiShown | VerdictAfterAi | Corrected | Undone
Event = StoreMigrated | CaseOpened | CaseFiled | TaskEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload(_Strict):
    """What is written down of an event, and covered by its hash.

    Attributes:
        action: The caller's token for this action; the same token is never written twice.
        at: When it was accepted: UTC, ISO 8601.
        written_by: The library that wrote it, such as "SQLite 3.40.1".
    """

    action: Name
    at: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$")]
    written_by: Annotated[str, Field(pattern=r"^SQLite \d+\.\d+\.\d+$")]
    event: Annotated[Event, Field(discriminator="kind")]


_PAYLOAD: Final = TypeAdapter(Payload)


def payload_as_json(payload: Payload) -> dict[str, object]:
    """Return a payload as plain JSON values."""
    plain: dict[str, object] = _PAYLOAD.dump_python(payload, mode="json", warnings=False)
    return plain


def read_payload(text: str) -> Payload:
    """Return the payload that a JSON text holds.

    Raises:
        ReviewError: It is none; the message names the first field that is wrong.
    """
    try:
        return _PAYLOAD.validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ReviewError(f"This is no review event: {place}: {first['msg']}.") from None
