"""What can be fetched of a slide, and by whom."""

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.resources.addresses import ShownSlide, hide_slide, routes, show_slide
from core.errors import SourceError


def tile(level: int, column: int, row: int) -> bytes | None:
    if level == 9:
        raise SourceError("The file is gone.")
    return f"{level} {column} {row}".encode() if column < 4 else None


@pytest.fixture
def address() -> Iterator[str]:
    yield "/" + show_slide("a" * 32, ShownSlide(tile, lambda: b"cells"))
    hide_slide("a" * 32)


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(Starlette(routes=routes()))


def test_whoever_was_told_the_address_gets_tiles_and_cells(
    client: TestClient, address: str
) -> None:
    answer = client.get(f"{address}/3/1_2.jpg")
    assert (answer.status_code, answer.content) == (200, b"3 1 2")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    assert client.get(f"{address}/cells").content == b"cells"


@pytest.mark.parametrize(
    "path",
    [
        "{}/3/4_0.jpg",
        "{}/9/0_0.jpg",
        "{}/3/-1_0.jpg",
        "{}/3/../../3/0_0.jpg/..",
        "{}/3/..%2f..%2fetc_passwd.jpg",
        "{}",
        "{}x/3/1_2.jpg",
        "/tiles/" + "a" * 32 + "/3/1_2.jpg",
        "/tiles/" + "0" * 64 + "/cells",
        "/tiles/%2e%2e/cells",
    ],
)
def test_there_is_nothing_else(client: TestClient, address: str, path: str) -> None:
    assert client.get(path.format(address)).status_code == 404


def test_another_site_gets_nothing(client: TestClient, address: str) -> None:
    for site in ("cross-site", "same-site"):
        answer = client.get(f"{address}/3/1_2.jpg", headers={"sec-fetch-site": site})
        assert answer.status_code == 404


def test_what_is_hidden_is_gone_and_the_address_stays_the_same(client: TestClient) -> None:
    slide = ShownSlide(tile, lambda: b"")
    first = show_slide("b" * 32, slide)
    assert show_slide("b" * 32, slide) == first != show_slide("c" * 32, slide)
    hide_slide("b" * 32)
    assert client.get(f"/{first}/3/1_2.jpg").status_code == 404
    hide_slide("c" * 32)
    assert client.get("/tiles/openseadragon-6.1.1.js").text.startswith("//! openseadragon 6.1.1")
