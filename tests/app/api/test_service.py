"""The service as its clients see it: right scores, own scores, and refusals that are problems."""

import asyncio
import base64
import errno
import io
import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.api.access import MOST_BYTES, Access
from app.api.batching import MOST_PATCHES, MOST_WAITING, Batcher, BusyError
from core.errors import BundleError, SettingsError
from core.explanation import Explainer
from core.patches import Patch, PatchEntry
from core.scoring import Classifier, ScoreRow
from tests.app.api.conftest import TOKEN, api_of, asked_by, check_problem, png, upload
from tests.toys import noise_patches


def test_scores_are_those_of_the_engine(client: TestClient, toy_classifier: Classifier) -> None:
    patches = noise_patches(5)
    answer = client.post("/api/v1/score", files=upload(*map(png, patches)))
    assert answer.status_code == 200
    body = answer.json()
    assert body["model_id"] == toy_classifier.model_id
    expected = toy_classifier.engine.logits(patches)
    assert [row["logit"] for row in body["rows"]] == pytest.approx(expected.tolist(), abs=1e-4)
    assert [row["id"] for row in body["rows"]] == ["0", "1", "2", "3", "4"]


def test_a_file_that_is_no_patch_has_a_row_that_says_so(client: TestClient) -> None:
    small = png(noise_patches(1)[0][:50])
    answer = client.post("/api/v1/score", files=upload(b"broken", small, png(noise_patches(1)[0])))
    rows = answer.json()["rows"]
    assert [row["status"] for row in rows] == ["failed", "failed", "scored"]
    assert all(row["reason"] for row in rows[:2])


def test_names_of_files_are_only_ever_shown(client: TestClient) -> None:
    files = [("files", ("../../etc/passwd\u202e", png(noise_patches(1)[0])))]
    path = client.post("/api/v1/score", files=files).json()["rows"][0]["path"]
    assert "\u202e" not in path


def test_wrong_requests_are_problems(client: TestClient) -> None:
    assert "files" in check_problem(client.post("/api/v1/score"), 422)
    many = upload(*[b"x"] * 65)
    assert "at most 64" in check_problem(client.post("/api/v1/score", files=many), 422)
    check_problem(client.get("/api/v1/nothing"), 404)
    check_problem(client.delete("/api/v1/score"), 405)
    declared = {"content-length": str(MOST_BYTES + 1)}
    check_problem(client.post("/api/v1/score", content=b"x", headers=declared), 413)


@pytest.mark.parametrize("route", ["score", "explain", "jobs"])
def test_files_of_a_body_that_was_cut_off_are_not_taken_for_all(
    client: TestClient, route: str
) -> None:
    patch = png(noise_patches(1)[0])
    head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="%d.png"\r\n\r\n'
    parts = [head % number + patch + b"\r\n" for number in range(2)]
    kind = {"content-type": "multipart/form-data; boundary=b"}
    cut = b"".join(parts)[:-200]
    answer = client.post(f"/api/v1/{route}", content=cut, headers=kind)
    assert "ends before its last boundary" in check_problem(answer, 400)
    whole = client.post(f"/api/v1/{route}", content=b"".join(parts) + b"--b--", headers=kind)
    assert whole.is_success


def test_refusals_say_what_was_found_and_what_to_do(client: TestClient) -> None:
    def said(status: int, method: str, path: str, **more: Any) -> str:  # noqa: ANN401 - httpx's
        return check_problem(client.request(method, f"/api/v1/{path}", **more), status)

    assert "found nothing; expected files" in said(422, "POST", "score")
    assert "found text; expected files" in said(422, "POST", "score", data={"files": "x"})
    assert "Found DELETE; this route takes POST" in said(405, "DELETE", "score")
    assert "/api/v1/docs" in said(404, "GET", "nothing")
    assert "found '12'" in said(422, "GET", "jobs/12")
    broken = {"content": b"x", "headers": {"content-type": "multipart/form-data"}}
    assert "let a library build it" in said(400, "POST", "score", **broken)


@pytest.mark.parametrize("name", [".", "/"])
def test_a_patch_named_by_nothing_but_a_folder_has_an_id(client: TestClient, name: str) -> None:
    files = [("files", (name, png(noise_patches(1)[0])))]
    assert client.post("/api/v1/score", files=files).json()["rows"][0]["id"] == name


def test_a_body_of_undeclared_length_is_bounded(client: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        start = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
        yield start
        for _ in range(MOST_BYTES // 2**20 + 2):
            yield b"x" * 2**20

    kind = {"content-type": "multipart/form-data; boundary=b"}
    check_problem(client.post("/api/v1/score", content=endless(), headers=kind), 413)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "",
        "localhost@evil",
        "[::1]evil",
        "localhost:80:80",
    ],
)
def test_a_forged_host_is_refused(client: TestClient, host: str) -> None:
    check_problem(client.get("/api/v1/model", headers={"host": host}), 400)


def test_pages_of_other_origins_are_refused(client: TestClient) -> None:
    own = {"origin": "http://localhost"}
    assert client.get("/api/v1/model", headers=own).status_code == 200
    for origin in ("http://localhost:8699", "https://evil.example", "null", "http://[::1"):
        answer = client.post("/api/v1/score", files=upload(b"x"), headers={"origin": origin})
        check_problem(answer, 403)
    assert "access-control-allow-origin" not in client.options("/api/v1/score").headers


@pytest.mark.parametrize("through", ["x-forwarded-for", "forwarded", "via", "x-real-ip"])
def test_without_tokens_only_this_machine_may_ask(toy_classifier: Classifier, through: str) -> None:
    api = api_of(lambda: toy_classifier)
    for elsewhere in ("192.0.2.7", "::ffff:192.0.2.7"):
        with TestClient(api, base_url="http://localhost", client=(elsewhere, 1)) as far:
            assert "NODELENS_API_TOKENS" in check_problem(far.get("/api/v1/model"), 401)
            assert far.get("/healthz").status_code == 200
            assert far.head("/healthz").status_code == 200  # as some watchdogs ask
    # As a server that listens on all addresses of both kinds sees this machine.
    with TestClient(api, base_url="http://localhost", client=("::ffff:127.0.0.1", 1)) as mapped:
        assert mapped.get("/api/v1/model").status_code == 200
    with asked_by(api) as near:  # a proxy on this machine asks for people elsewhere
        assert near.get("/api/v1/model").status_code == 200
        check_problem(near.get("/api/v1/model", headers={through: "192.0.2.7"}), 401)


def test_without_tokens_a_name_of_the_network_is_refused(toy_classifier: Classifier) -> None:
    with asked_by(api_of(lambda: toy_classifier, Access((), ("lab.example",)))) as service:
        check_problem(service.get("/api/v1/model", headers={"host": "lab.example"}), 401)


def test_tokens_are_wanted_also_from_this_machine(toy_classifier: Classifier) -> None:
    with asked_by(api_of(lambda: toy_classifier, Access((TOKEN,)))) as guarded:
        for wrong in ({}, {"authorization": TOKEN}, {"authorization": f"Bearer {TOKEN}x"}):
            answer = guarded.get("/api/v1/model", headers=wrong)
            check_problem(answer, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
        right = {"authorization": f"Bearer {TOKEN}"}
        assert guarded.get("/api/v1/model", headers=right).status_code == 200


def test_tokens_are_read_from_a_file_and_short_ones_refused(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"{TOKEN}\n\n")
    environment = {"NODELENS_API_TOKENS": str(file), "NODELENS_API_HOSTS": "Lab.example"}
    assert Access.from_environment(environment) == Access((TOKEN,), ("lab.example",))
    for content in ("", "short"):
        file.write_text(content)
        with pytest.raises(SettingsError, match="at least 16"):
            Access.from_environment(environment)
    with pytest.raises(SettingsError, match="readable"):
        Access.from_environment({"NODELENS_API_TOKENS": str(tmp_path / "none")})


def test_a_model_that_fails_its_self_test_is_told_by_readyz() -> None:
    def broken() -> Classifier:
        raise BundleError("Self-test failed.")

    with asked_by(api_of(broken)) as service:
        assert service.get("/healthz").status_code == 200
        assert check_problem(service.get("/readyz"), 503) == "Self-test failed."
        check_problem(service.post("/api/v1/score", files=upload(b"x")), 503)


def test_a_data_folder_that_may_not_be_read_is_told_by_readyz_without_its_path() -> None:
    def sealed() -> Classifier:
        raise PermissionError(errno.EACCES, "Permission denied", "/srv/data/operating_points")

    with asked_by(api_of(sealed)) as service:
        problem = check_problem(service.get("/readyz"), 503)
    assert problem.startswith("The data folder cannot be used: this user has no permission.")
    assert "/srv" not in problem


def test_the_page_of_the_routes_loads_nothing_from_anywhere(client: TestClient) -> None:
    answer = client.get("/api/v1/docs")
    assert answer.headers["content-type"].startswith("text/html")
    schema = client.get("/api/v1/openapi.json").json()
    served = [
        f"{method.upper()} {path}" for path, ways in schema["paths"].items() for method in ways
    ]
    assert len(served) > 8
    assert [one for one in served if f"<code>{one}</code>" not in answer.text] == []
    assert set(re.findall(r"<(script|link|img|iframe)", answer.text)) == set()
    for name in re.findall(r'href="#(\w+)"', answer.text):
        assert f'id="{name}"' in answer.text
    assert "Calibrated probability of tumour" in answer.text


def test_model_and_operating_points_are_told(
    client: TestClient, toy_classifier: Classifier
) -> None:
    assert client.get("/readyz").json()["model_id"] == toy_classifier.model_id
    card = client.get("/api/v1/model").json()["card"]
    assert card == json.loads(toy_classifier.bundle.card.model_dump_json())
    points = client.get("/api/v1/operating-points").json()
    assert points["in_force"]["threshold"] == toy_classifier.operating_point.threshold


def test_thirty_two_clients_at_once_get_their_own_scores(
    client: TestClient, toy_classifier: Classifier
) -> None:
    patches = noise_patches(64, seed=8)
    expected = toy_classifier.engine.logits(patches)

    def ask(number: int) -> list[float]:
        mine = patches[2 * number : 2 * number + 2]
        rows = client.post("/api/v1/score", files=upload(*map(png, mine))).json()["rows"]
        return [row["logit"] for row in rows]

    with ThreadPoolExecutor(32) as pool:
        logits = [logit for pair in pool.map(ask, range(32)) for logit in pair]
    assert logits == pytest.approx(expected.tolist(), abs=1e-4)


def test_patches_of_several_requests_share_a_pass(
    toy_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    score = Classifier.score

    def counted(self: Classifier, inputs: Sequence[Patch]) -> list[ScoreRow]:
        sizes.append(len(inputs))
        return score(self, inputs)

    monkeypatch.setattr(Classifier, "score", counted)
    patches = [
        Patch(0, PatchEntry(str(number), ""), image, "")
        for number, image in enumerate(noise_patches(50))
    ]

    async def all_at_once() -> list[str]:
        batcher = Batcher()
        rows = await asyncio.gather(*(batcher.score([one], toy_classifier) for one in patches))
        await batcher.stop()
        return [row.id for (row,) in rows]

    assert asyncio.run(all_at_once()) == [str(number) for number in range(50)]
    assert sizes == [MOST_PATCHES, 50 - MOST_PATCHES]


def test_whoever_comes_when_too_many_wait_is_told_to_come_later(
    toy_classifier: Classifier,
) -> None:
    many = [Patch(0, PatchEntry("a", ""), noise_patches(1)[0], "")] * (MOST_WAITING + 1)

    async def too_many() -> None:
        with pytest.raises(BusyError, match="few seconds"):
            await Batcher().score(many, toy_classifier)

    asyncio.run(too_many())


def test_requests_at_different_operating_points_are_called_at_their_own(
    toy_classifier: Classifier,
) -> None:
    low = toy_classifier.at(toy_classifier.operating_point.model_copy(update={"threshold": 0.0}))
    high = toy_classifier.at(toy_classifier.operating_point.model_copy(update={"threshold": 1.0}))
    patch = Patch(0, PatchEntry("a", ""), noise_patches(1)[0], "")

    async def both() -> list[int | None]:
        batcher = Batcher()
        asked = (batcher.score([patch], one) for one in (low, high, low))
        rows = await asyncio.gather(*asked)
        await batcher.stop()
        return [row.predicted_label for (row,) in rows]

    assert asyncio.run(both()) == [1, 0, 1]


def test_explanations_are_those_of_the_program(
    client: TestClient, toy_classifier: Classifier
) -> None:
    patches = noise_patches(2)
    answer = client.post("/api/v1/explain", files=upload(*map(png, patches), b"broken"))
    rows = answer.json()["rows"]
    expected = Explainer(toy_classifier).maps(patches).values
    assert np.array([row["values"] for row in rows[:2]]) == pytest.approx(expected, abs=1e-4)
    for found in rows[:2]:
        picture = Image.open(io.BytesIO(base64.b64decode(found["picture_png"])))
        assert picture.width > 2 * 96
    assert rows[2]["row"]["status"] == "failed"
    assert rows[2]["values"] is None
    assert "at most 8" in check_problem(
        client.post("/api/v1/explain", files=upload(*[b"x"] * 9)), 422
    )


def test_a_fault_of_ours_is_a_problem_that_tells_nothing_of_the_inside(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Classifier, __: Sequence[Patch]) -> list[ScoreRow]:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(Classifier, "score", broken)
    answer = client.post("/api/v1/score", files=upload(png(noise_patches(1)[0])))
    assert answer.status_code == answer.json()["status"] == 500
    assert "secret" not in answer.text
