"""Routes for patches that a request brings with it: scores, and maps that explain them."""

import asyncio
import base64
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, File, Request, UploadFile
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from app import resources
from app.api.batching import BusyError
from app.api.problems import documented
from app.api.served import Served, served
from core.explanation import (
    ExplanationRow,
    Measurement,
    OverlayStyle,
    explain_batch,
    explained_picture,
)
from core.patches import Patch, PatchEntry, UnreadablePatch, stem
from core.patches.naming import shown_path
from core.patches.source import patch_of
from core.pictures import png_bytes
from core.scoring import Classifier, ScoreRow

MOST_FILES: Final = 64
MOST_EXPLAINED: Final = 8
Files = Annotated[list[UploadFile], File(min_length=1, max_length=MOST_FILES)]
FewFiles = Annotated[list[UploadFile], File(min_length=1, max_length=MOST_EXPLAINED)]
patches = APIRouter(
    prefix="/api/v1",
    tags=["patches"],
    responses=documented(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
)


class Scores(BaseModel):
    """The rows of `python -m core score`, one per file, in order."""

    model_id: str
    operating_point: str
    threshold: float
    rows: list[ScoreRow]


class Explained(BaseModel):
    """One file explained.

    Attributes:
        row: Its score.
        map_state: How far the map can be trusted; "not checked yet" unless the method needs none.
        method: How the map was made.
        values: The map on the network's own grid, row by row; positive speaks for tumour.
        span_px: First row and column of the patch that the grid covers, and one past the last.
        centre_share: Part of the evidence for tumour that lies in the centre, 0 to 1.
        picture_png: Patch and map side by side, base64.
    """

    row: ScoreRow
    map_state: str
    method: str | None = None
    values: list[list[float]] | None = None
    span_px: tuple[int, int] | None = None
    centre_share: float | None = Field(None, ge=0, le=1)
    picture_png: str | None = None


class Explanations(BaseModel):
    """The explanations, one per file, in order."""

    model_id: str
    rows: list[Explained]


@patches.post("/score")
async def score(request: Request, files: Files) -> Scores:
    """Score 1 to 64 patches of 96 × 96 px; each file has its row, or the row says why not."""
    service = served(request)
    classifier = await service.classifier()
    inputs = await _read_all(files)
    try:
        rows = await service.batcher.score(inputs, classifier)
    except BusyError as error:
        wait = {"Retry-After": "2"}
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, str(error), wait) from None
    point = classifier.operating_point
    return Scores(
        model_id=classifier.model_id,
        operating_point=point.name,
        threshold=point.threshold,
        rows=rows,
    )


@patches.post("/explain")
async def explain(request: Request, files: FewFiles) -> Explanations:
    """Explain the scores of 1 to 8 patches by a map over each; a map is not a finding."""
    service = served(request)
    classifier = await service.classifier()
    inputs = await _read_all(files)
    rows = await asyncio.to_thread(_explain, service, classifier, inputs)
    return Explanations(model_id=classifier.model_id, rows=rows)


def _explain(
    service: Served, classifier: Classifier, inputs: list[Patch | UnreadablePatch]
) -> list[Explained]:
    with service.explaining:
        explanations = explain_batch(inputs, resources.explainer(classifier), Measurement())
    return [_reply(item, row) for item, row in zip(inputs, explanations, strict=True)]


def _reply(item: Patch | UnreadablePatch, row: ExplanationRow) -> Explained:
    reply = Explained(row=row.score, map_state=str(row.map_state))
    if row.explanation is None or not isinstance(item, Patch):
        return reply
    cam = row.explanation.cam
    picture = png_bytes(explained_picture(item.image_rgb_u8, row, style=OverlayStyle()))
    return reply.model_copy(
        update={
            "method": str(cam.method),
            "values": cam.values.astype(float).tolist(),
            "span_px": cam.span_px,
            "centre_share": row.explanation.centre.share,
            "picture_png": base64.b64encode(picture).decode("ascii"),
        }
    )


async def _read_all(files: list[UploadFile]) -> list[Patch | UnreadablePatch]:
    named = [(file.filename, await file.read()) for file in files]
    return await asyncio.to_thread(
        lambda: [_read(index, name, data) for index, (name, data) in enumerate(named)]
    )


def _read(index: int, name: str | None, data: bytes) -> Patch | UnreadablePatch:
    path = shown_path(name or f"patch-{index}")
    return patch_of(index, PatchEntry(stem(path) or path, path), data)
