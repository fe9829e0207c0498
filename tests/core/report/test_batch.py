import hashlib
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from core.jobs import JobStore
from core.patches import ImageU8, Patch
from core.report import ReportMaps, ScoredBatch, batch_pdf, report_maps
from core.review.maps import MapMaker
from core.scoring import Classifier
from tests.toys import toy_row, write_patches

pypdf = pytest.importorskip("pypdf")


def text_of(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(BytesIO(content)).pages)


def test_a_batch_that_nobody_reviewed_is_reported_with_every_input_and_maps_of_the_highest(
    tmp_path: Path, toy_classifier: Classifier
) -> None:
    paths = write_patches(tmp_path / "source", 30)
    (tmp_path / "source" / "broken.png").write_bytes(b"none")
    jobs = JobStore(tmp_path / "jobs")
    job = jobs.add_server_path("o" * 43, "toys", tmp_path / "source")
    jobs.start(job, toy_classifier)
    jobs.wait(job, 60)
    source = jobs.open(job)
    rows = tuple(jobs.rows(job))
    places = {row.sha256: number for number, row in enumerate(rows)}

    def picture(sha256: str) -> ImageU8:
        patch = source.read(places[sha256])
        assert isinstance(patch, Patch)
        return patch.image_rgb_u8

    batch = ScoredBatch("Node 7", datetime(2026, 1, 2, 3, 4, tzinfo=UTC), rows)
    assert len(batch.pictured) == 24
    shares: list[float] = []
    maps = report_maps(
        [rows[at].sha256 for at in batch.pictured],
        toy_classifier.model_id,
        lambda: MapMaker(toy_classifier, tmp_path / "checks.jsonl"),
        picture,
        on_progress=shares.append,
    )
    assert shares == [number / 24 for number in range(1, 25)]
    content = batch_pdf(batch, picture, maps)
    assert content == batch_pdf(batch, picture, maps)
    text = text_of(content)
    assert "not reviewed" in text
    assert "unreadable" in text
    highest = max(row.prob_tumour for row in rows if row.prob_tumour is not None)
    assert f"score {highest:.4f}" in text
    assert all(path.name in text for path in paths)
    assert text.count("Grad-CAM") >= 24
    assert "Grad-CAM." not in text_of(batch_pdf(batch, picture, ReportMaps(why_none="No model.")))
    assert hashlib.sha256(paths[0].read_bytes()).hexdigest() in places


def test_the_longest_name_of_a_file_stays_on_the_page() -> None:
    row = toy_row(path=f"{'W' * 56}.tif")
    grey = np.full((96, 96, 3), 128, np.uint8)
    batch = ScoredBatch("Node 7", datetime(2026, 1, 2, 3, 4, tzinfo=UTC), (row,))
    text = text_of(batch_pdf(batch, lambda _: grey, ReportMaps()))
    assert row.path not in text
    assert text.replace("\n", "").count(row.path) == 2
