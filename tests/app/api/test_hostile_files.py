"""Sixty-four hostile files at once: each has its row and its reason, and nobody else notices."""

import io
import struct
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fastapi.testclient import TestClient

from core.patches.reader import READERS
from core.scoring import Classifier
from tests.app.api.conftest import upload
from tests.core.patches.tiffs import LONG, SHORT, chained, ramp, saved, tiff_of
from tests.fuzz.targets import seeds
from tests.toys import noise_patches

SCORE = "/api/v1/score"
MOST_S = 120
"""Two seconds a file at the very most by the reader's limit, several readers at once."""


def hostile(seed: int, count: int) -> list[bytes]:
    """Files that lie of their size or never end, and intact ones with bytes changed or cut off."""
    rng = np.random.default_rng(seed)
    size, huge = struct.pack(">II", 96, 96), struct.pack(">II", 2**31 - 1, 9)
    built = [
        b"",
        b"\0" * 1000,
        saved(ramp(), "PNG").replace(size, huge),
        chained(tiff_of(ramp()), 70_000),
        tiff_of(ramp(), {256: (LONG, [2**32 - 1])}),
        tiff_of(ramp(), {278: (SHORT, [32])}),
        tiff_of(ramp(), {273: (LONG, [2**31])}),
        tiff_of(ramp(), {277: (SHORT, [65_535])}),
        b"\x89PNG\r\n\x1a\n" + (b"\0\0\0\0tEXt\0\0\0\0" * 200_000),
        b"PK\x03\x04" + bytes(500),
    ]
    intact = seeds("decoder")
    while len(built) < count:
        data = bytearray(intact[len(built) % len(intact)])
        if rng.random() < 0.3:
            data = data[: int(rng.integers(1, len(data)))]
        for place in rng.integers(0, min(len(data), 4000), int(rng.integers(1, 6))):
            data[place] = int(rng.integers(256))
        built.append(bytes(data))
    return built[:count]


@pytest.mark.parametrize("seed", [0, 1])
def test_hostile_files_have_rows_with_reasons_and_good_ones_their_scores(
    client: TestClient, toy_classifier: Classifier, seed: int
) -> None:
    good = noise_patches(8, seed=seed)
    files = hostile(seed, 56)
    for place, image in enumerate(good):
        files.insert(place * 8, saved(image, "PNG"))
    begun = time.monotonic()
    answer = client.post(SCORE, files=upload(*files))
    assert time.monotonic() - begun < MOST_S
    assert answer.status_code == 200
    rows = answer.json()["rows"]
    assert len(rows) == 64
    assert all(row["reason"] for row in rows if row["status"] != "scored")
    assert sum(row["status"] == "failed" for row in rows) > 20
    logits = [rows[place * 8]["logit"] for place in range(len(good))]
    assert logits == pytest.approx(toy_classifier.engine.logits(good).tolist(), abs=1e-4)


def test_whoever_asks_meanwhile_gets_an_answer(client: TestClient) -> None:
    good = upload(saved(noise_patches(1)[0], "PNG"))
    with ThreadPoolExecutor(READERS + 1) as pool:
        attacks = [
            pool.submit(client.post, SCORE, files=upload(*hostile(seed, 64)))
            for seed in range(READERS)
        ]
        asked = pool.submit(client.post, SCORE, files=good)
        assert [row["status"] for row in asked.result(MOST_S).json()["rows"]] == ["scored"]
        assert {attack.result(MOST_S).status_code for attack in attacks} == {200}
    assert client.get("/healthz").status_code == 200


def test_the_same_files_in_a_zip_are_a_job_that_ends(client: TestClient) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, data in enumerate(hostile(2, 64)):
            archive.writestr(f"{number:02d}.tif", data)
    sent = client.post("/api/v1/jobs", files=[("files", ("hostile.zip", out.getvalue()))])
    until = time.monotonic() + MOST_S
    state = sent.json()
    while state["state"] not in {"done", "broken"} and time.monotonic() < until:
        time.sleep(0.05)
        state = client.get(sent.headers["location"]).json()
    assert (state["state"], state["done"]) == ("done", 64)
