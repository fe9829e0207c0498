"""Jobs over HTTP: made once, scored in the background, seen by their owner alone."""

import io
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from app.api.access import Access
from app.api.served import Kind
from core.patches import open_source
from core.scoring import Classifier
from tests.app.api.conftest import OTHER, TOKEN, api_of, asked_by, check_problem, png, upload
from tests.core.slides.toys import green_cells, green_finder, slide_of, tissue_image
from tests.toys import noise_patches, stained_patches, write_patches

JOBS = "/api/v1/jobs"


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    (tmp_path / "roots").mkdir()
    return tmp_path / "roots"


@pytest.fixture
def api(toy_classifier: Classifier, tmp_path: Path, roots: Path) -> FastAPI:
    access = Access((TOKEN, OTHER), most_upload_bytes=100_000_000)
    return api_of(lambda: toy_classifier, access, data=tmp_path / "data", roots=[roots])


@pytest.fixture
def mine(api: FastAPI) -> Iterator[TestClient]:
    with asked_by(api, token=TOKEN) as client:
        yield client


def zipped(count: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, image in enumerate(noise_patches(count)):
            archive.writestr(f"p{number}.png", png(image))
        archive.writestr("broken.png", b"no image")
    return out.getvalue()


def finished(client: TestClient, answer: Response) -> dict[str, Any]:
    """The state of a job once it is done."""
    assert answer.status_code == 202, answer.text
    for _ in range(600):
        state: dict[str, Any] = client.get(answer.headers["location"]).json()
        if state["state"] in {"done", "broken"}:
            return state
        time.sleep(0.05)
    raise TimeoutError(state)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_job_tells_that_red_and_blue_look_swapped(mine: TestClient, *, swapped: bool) -> None:
    files = [
        ("files", (f"p{number}.png", png(image[..., :: -1 if swapped else 1])))
        for number, image in enumerate(stained_patches(14))
    ]
    state = finished(mine, mine.post(JOBS, files=files))
    assert any("Red and blue look swapped" in note for note in state["notes"]) is swapped


def test_a_zip_is_scored_as_the_command_line_scores_it(
    mine: TestClient, toy_classifier: Classifier, tmp_path: Path
) -> None:
    content = zipped(5)
    state = finished(mine, mine.post(JOBS, files=[("files", ("a.zip", content))]))
    assert (state["state"], state["done"], state["total"]) == ("done", 6, 6)
    (tmp_path / "a.zip").write_bytes(content)
    with open_source(tmp_path / "a.zip") as source:
        expected = toy_classifier.score(list(source.stream()))
    results = f"{JOBS}/{state['id']}/results"
    csv = pd.read_csv(io.BytesIO(mine.get(results).content))
    parquet = pd.read_parquet(io.BytesIO(mine.get(f"{results}?format=parquet").content))
    for table in (csv, parquet):
        assert table["id"].tolist() == [row.id for row in expected]
        assert table["status"].tolist() == [str(row.status) for row in expected]
    scored = [row.prob_tumour for row in expected if row.prob_tumour is not None]
    assert csv["prob_tumour"].dropna().tolist() == pytest.approx(scored, abs=1e-6)
    assert mine.get(f"{results}?format=run").json()["complete"] is True


def test_a_source_below_an_allowed_folder_is_scored_and_no_other(
    mine: TestClient, roots: Path, tmp_path: Path
) -> None:
    write_patches(roots / "set", 3)
    write_patches(tmp_path / "outside", 3)
    (roots / "link").symlink_to(tmp_path / "outside")
    state = finished(mine, mine.post(JOBS, data={"path": str(roots / "set")}))
    assert (state["name"], state["done"]) == ("set", 3)
    for path in ("/etc", str(tmp_path / "outside"), str(roots / "link"), f"{roots}/../outside", ""):
        check_problem(mine.post(JOBS, data={"path": path}), 422)
    assert len(mine.get(JOBS).json()["jobs"]) == 1


def test_a_request_names_files_or_a_path(mine: TestClient, roots: Path) -> None:
    assert "either" in check_problem(mine.post(JOBS), 422)
    both = mine.post(JOBS, files=upload(b"x"), data={"path": str(roots)})
    assert "either" in check_problem(both, 422)


def test_a_request_that_is_sent_again_makes_one_job(mine: TestClient) -> None:
    content = png(noise_patches(1)[0])

    def send(key: str, data: bytes = content) -> Response:
        return mine.post(JOBS, files=upload(data), headers={"Idempotency-Key": key})

    first = send("a")
    assert send("a").json()["id"] == first.json()["id"]
    assert send("b").json()["id"] != first.json()["id"]
    assert "another request" in check_problem(send("a", content + b"x"), 422)
    assert len(mine.get(JOBS).json()["jobs"]) == 2
    finished(mine, first)


def test_a_key_of_one_caller_says_nothing_to_another(api: FastAPI, mine: TestClient) -> None:
    key, content = {"Idempotency-Key": "same"}, png(noise_patches(1)[0])
    first = mine.post(JOBS, files=upload(content), headers=key)
    with asked_by(api, token=OTHER) as other:
        second = other.post(JOBS, files=upload(content), headers=key)
        assert second.json()["id"] != first.json()["id"]


def test_nobody_sees_nor_deletes_the_job_of_another(api: FastAPI, mine: TestClient) -> None:
    state = finished(mine, mine.post(JOBS, files=upload(png(noise_patches(1)[0]))))
    where = f"{JOBS}/{state['id']}"
    with asked_by(api, token=OTHER) as other:
        assert other.get(JOBS).json() == {"jobs": []}
        for answer in (other.get(where), other.get(f"{where}/results"), other.delete(where)):
            check_problem(answer, 404)
    assert mine.get(where).status_code == 200


def test_a_deleted_job_is_gone_with_its_upload(mine: TestClient, tmp_path: Path) -> None:
    state = finished(mine, mine.post(JOBS, files=upload(png(noise_patches(1)[0]))))
    where = f"{JOBS}/{state['id']}"
    assert mine.delete(where).status_code == 204
    check_problem(mine.get(where), 404)
    check_problem(mine.delete(where), 404)
    assert not list((tmp_path / "data" / "jobs").iterdir())


def test_results_wait_for_the_end(
    mine: TestClient, toy_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.jobs.JobStore.start", lambda *_: None)
    job = mine.post(JOBS, files=upload(png(noise_patches(1)[0]))).json()
    assert "new" in check_problem(mine.get(f"{JOBS}/{job['id']}/results"), 409)
    check_problem(mine.get(f"{JOBS}/{job['id']}/results?format=xlsx"), 422)


def test_a_job_that_cannot_be_read_says_why(mine: TestClient) -> None:
    state = finished(mine, mine.post(JOBS, files=[("files", ("a.zip", b"no archive"))]))
    assert state["state"] == "broken"
    assert "ZIP" in state["error"]


def test_a_zip_without_patches_says_so(mine: TestClient) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("patches/", "")
    state = finished(mine, mine.post(JOBS, files=[("files", ("a.zip", buffer.getvalue()))]))
    assert state["state"] == "broken"
    assert "No patches found in a.zip" in state["error"]


def test_an_upload_beyond_the_limit_is_refused(toy_classifier: Classifier, tmp_path: Path) -> None:
    access = Access((TOKEN,), most_upload_bytes=1_000)
    with asked_by(api_of(lambda: toy_classifier, access, data=tmp_path), token=TOKEN) as client:
        check_problem(client.post(JOBS, files=upload(b"x" * 2_000)), 413)


def test_where_another_app_works_jobs_are_read_and_not_made(
    mine: TestClient, api: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = finished(mine, mine.post(JOBS, files=upload(png(noise_patches(1)[0]))))
    api.state.served.jobs()[Kind.PATCHES].folder.only_while(lambda: False)
    check_problem(mine.post(JOBS, files=upload(b"x")), 409)
    check_problem(mine.delete(f"{JOBS}/{state['id']}"), 409)
    assert mine.get(f"{JOBS}/{state['id']}").status_code == 200


def test_a_slide_is_scored_cell_by_cell_and_outlined(
    toy_classifier: Classifier, tmp_path: Path, roots: Path
) -> None:
    finder, _ = green_finder(toy_classifier)
    places = green_cells(8, 8, (2, 2), (2, 3), (3, 2), (3, 3))
    slide_of(roots / "slide.tif", tissue_image(places))
    slide_of(roots / "silent.tif", tissue_image(places), None)
    api = api_of(lambda: finder, Access((TOKEN,)), data=tmp_path / "data", roots=[roots])
    with asked_by(api, token=TOKEN) as client:
        asked = {"kind": "regions", "path": str(roots / "slide.tif")}
        state = finished(client, client.post(JOBS, data=asked))
        assert (state["state"], state["kind"]) == ("done", "regions")
        assert state["notes"][0].startswith("4 of 64 cells of tissue flagged")
        results = f"{JOBS}/{state['id']}/results"
        cells = pd.read_csv(io.BytesIO(client.get(results).content))
        assert int((cells["predicted_label"] == 1).sum()) == 4
        outlines = client.get(f"{results}?format=geojson").json()
        assert [one["type"] for one in outlines["features"]] == ["Feature"]
        asked["path"] = str(roots / "silent.tif")
        check_problem(client.post(JOBS, data=asked), 422)
        spaced = asked | {"um_per_px": "0.97"}
        assert finished(client, client.post(JOBS, data=spaced))["state"] == "done"
        assert len(client.get(JOBS).json()["jobs"]) == 2


def test_patches_have_no_outlines(mine: TestClient) -> None:
    state = finished(mine, mine.post(JOBS, files=upload(png(noise_patches(1)[0]))))
    answer = mine.get(f"{JOBS}/{state['id']}/results?format=geojson")
    assert "no place on a slide" in check_problem(answer, 422)
