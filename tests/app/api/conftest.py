"""The service around the toy model, as a client of this machine sees it."""

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from PIL import Image

from app.api import create_api
from app.api.access import Access
from app.api.served import Served
from core.patches import ImageU8
from core.scoring import Classifier
from core.settings import Settings

HERE = ("127.0.0.1", 50_000)
TOKEN = "a-token-of-enough-letters"  # noqa: S105 - of these tests alone
OTHER = "a-token-of-somebody-else"


def api_of(
    current: Callable[[], Classifier],
    access: Access | None = None,
    *,
    data: Path = Path("nowhere"),
    roots: Sequence[Path] = (),
) -> FastAPI:
    settings = Settings(data_dir=data, server_roots=tuple(root.resolve() for root in roots))
    return create_api(Served(settings, current), access or Access())


def asked_by(api: FastAPI, *, token: str | None = None) -> TestClient:
    return TestClient(
        api,
        raise_server_exceptions=False,
        base_url="http://localhost",
        client=HERE,
        headers={"authorization": f"Bearer {token}"} if token else {},
    )


@pytest.fixture(scope="module")
def client(
    toy_classifier: Classifier, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    data = tmp_path_factory.mktemp("data")
    with asked_by(api_of(lambda: toy_classifier, data=data)) as opened:
        yield opened


def png(image: ImageU8) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def upload(*contents: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    return [("files", (f"{number}.png", content)) for number, content in enumerate(contents)]


def check_problem(answer: Response, status: int) -> str:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["request_id"] == answer.headers["x-request-id"]
    return str(body["detail"])
