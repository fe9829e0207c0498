"""Refusals and faults as RFC 9457 problems, each with the number of its request."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import Scope

from core.errors import NodelensError

PROBLEM_JSON: Final = "application/problem+json"
REQUEST_ID: Final = "nodelens.request_id"
"""Where a request's number stands in its ASGI scope."""
_SHOWN: Final = 40


class Problem(BaseModel):
    """What every answer but a success is.

    Attributes:
        type: Always "about:blank": the status says of what kind it is.
        title: The status in words.
        status: The HTTP status.
        detail: What was found, and what to do.
        request_id: As in the header X-Request-ID; the log names it too.
    """

    type: str
    title: str
    status: int
    detail: str
    request_id: str


def documented(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return what the schema says of the problems that a route may answer with."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        int(status): {"description": status.phrase, "content": {PROBLEM_JSON: schema}}
        for status in statuses
    }


def problem(scope: Scope, status: HTTPStatus, detail: str) -> JSONResponse:
    """Return the answer to a request that is a problem."""
    body = Problem(
        type="about:blank",
        title=status.phrase,
        status=int(status),
        detail=detail,
        request_id=str(scope.get(REQUEST_ID, "")),
    )
    headers = {"www-authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else None
    return JSONResponse(body.model_dump(), int(status), headers, PROBLEM_JSON)


def _refusal(request: Request, error: HTTPException) -> str:
    """Return a refusal in words that say what to do, also where the libraries say little."""
    detail, allowed = str(error.detail), (error.headers or {}).get("Allow")
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return (
            f"The body cannot be parsed ({detail.rstrip('.')}). Expected multipart/form-data with "
            "a part `files` for each file and its name; let a library build it. More than 1,000 "
            "files go in a ZIP."
        )
    if allowed:
        return f"Found {request.method}; this route takes {allowed}."
    if error.status_code == HTTPStatus.NOT_FOUND and detail == HTTPStatus.NOT_FOUND.phrase:
        return "There is no such route. /api/v1/docs lists them."
    return detail


def _wrong(fault: Mapping[str, Any]) -> str:
    """Return what a request lacks or has wrong, with what was found where that is short."""
    where, entry = ".".join(str(part) for part in fault["loc"]), fault.get("input")
    if "files" in fault["loc"] and fault["type"] in {"missing", "value_error"}:
        what = "nothing" if entry is None else "text"
        return (
            f"{where}: found {what}; expected files. Send each as a part `files` with a file "
            "name, in multipart/form-data."
        )
    short = isinstance(entry, str) and len(entry) <= _SHOWN
    return f"{where}: {fault['msg']}" + (f", found {entry!r}." if short else ".")


def tell_problems(api: FastAPI) -> None:
    """Answer with problems wherever the service refuses or fails."""

    @api.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        response = problem(request.scope, HTTPStatus(error.status_code), _refusal(request, error))
        response.headers.update(error.headers or {})
        return response

    @api.exception_handler(RequestValidationError)
    async def wrong(request: Request, error: RequestValidationError) -> JSONResponse:
        return problem(request.scope, HTTPStatus.UNPROCESSABLE_ENTITY, _wrong(error.errors()[0]))

    @api.exception_handler(NodelensError)
    async def known(request: Request, error: NodelensError) -> JSONResponse:
        return problem(request.scope, HTTPStatus.UNPROCESSABLE_ENTITY, str(error))

    @api.exception_handler(Exception)
    async def unexpected(request: Request, _: Exception) -> JSONResponse:
        why = "This is a fault of the service; its log says more."
        return problem(request.scope, HTTPStatus.INTERNAL_SERVER_ERROR, why)
