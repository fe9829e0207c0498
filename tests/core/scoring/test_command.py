import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.__main__ import main
from core.errors import RunError
from core.patches import open_source
from core.scoring import COLUMNS, open_classifier, open_journal, read_rows, specify
from tests.toys import noise_patches, write_patches, write_toy_bundle


def score(*arguments: object) -> int:
    return main(["score", *map(str, arguments)])


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Good, broken, foreign, flat and wrongly sized files in one folder."""
    folder = tmp_path / "mixed"
    write_patches(folder, 10)
    (folder / "patch-002b.png").write_bytes(b"broken")
    (folder / "readme.txt").write_text("foreign")
    Image.new("RGB", (96, 96), (240, 240, 240)).save(folder / "patch-005-flat.png")
    Image.new("RGB", (50, 96)).save(folder / "patch-007-small.png")
    return folder


def test_every_input_has_its_row_in_order_and_the_exit_status_tells_of_failures(
    mixed: Path, toy_bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "scores.csv"
    assert score(mixed, "--out", out, "--model", toy_bundle, "--batch-size", 3) == 1
    table = pd.read_csv(out, dtype={"id": str})
    assert tuple(table.columns) == COLUMNS
    assert table["path"].tolist() == sorted(path.name for path in mixed.iterdir())
    assert table["status"].value_counts().to_dict() == {"scored": 10, "failed": 3, "withheld": 1}
    scored = table[table["status"] == "scored"]
    expected = open_classifier(toy_bundle).engine.logits(noise_patches(10))
    np.testing.assert_allclose(scored["logit"], expected, atol=1e-5)
    assert scored["reason"].isna().all()
    rest = table[table["status"] != "scored"]
    assert rest["reason"].str.len().gt(20).all()
    assert rest[["prob_tumour", "logit", "predicted_label"]].isna().all(axis=None)
    metadata = json.loads((tmp_path / "scores.csv.run.json").read_text())
    assert metadata["counts"] == {"scored": 10, "failed": 3, "withheld": 1}
    assert metadata["self_test"]["passed"] is True


def test_a_table_beside_the_patches_labels_the_rows_and_is_no_row(
    toy_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out, kaggle = tmp_path / "set", tmp_path / "scores.csv", tmp_path / "kaggle.csv"
    write_patches(folder, 3)
    (folder / "labels.csv").write_text("id,label\npatch-000,1\npatch-001,0\n")
    assert score(folder, "--out", out, "--kaggle", kaggle, "--model", toy_bundle) == 0
    assert pd.read_csv(out)["label"].tolist()[:2] == [1, 0]
    assert pd.read_csv(kaggle)["id"].tolist() == ["patch-000", "patch-001", "patch-002"]
    assert "labels.csv: 2 of 3 inputs with a label" in "".join(capsys.readouterr())
    given = tmp_path / "given.csv"
    given.write_text("id,label\npatch-002,1\n")
    assert score(folder, "--labels", given, "--out", out, "--model", toy_bundle) == 0
    labels = pd.read_csv(out)["label"]
    assert labels.isna().tolist() == [True, True, False]


def test_parquet_holds_the_same_rows_as_csv(mixed: Path, toy_bundle: Path, tmp_path: Path) -> None:
    for name in ("a.csv", "a.parquet"):
        score(mixed, "--out", tmp_path / name, "--model", toy_bundle)
    csv = pd.read_csv(tmp_path / "a.csv", dtype={"id": str})
    parquet = pd.read_parquet(tmp_path / "a.parquet")
    np.testing.assert_array_equal(csv["prob_tumour"], parquet["prob_tumour"].to_numpy(float))
    assert csv["path"].tolist() == parquet["path"].tolist()


def test_all_scored_exits_with_zero(toy_bundle: Path, tmp_path: Path) -> None:
    write_patches(tmp_path / "good", 3)
    assert score(tmp_path / "good", "--out", tmp_path / "o.csv", "--model", toy_bundle) == 0


def test_without_a_usable_model_nothing_is_written(
    toy_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_patches(tmp_path / "good", 3)
    broken = write_toy_bundle(tmp_path / "broken")
    (broken / "weights.safetensors").write_bytes(b"nothing")
    for source, model, complaint in [
        (tmp_path / "good", broken, "was altered"),
        (tmp_path / "good", tmp_path / "none", "card.json cannot be read"),
        (tmp_path / "absent", toy_bundle, "no file or folder"),
    ]:
        assert score(source, "--out", tmp_path / "o.csv", "--model", model) == 2
        assert complaint in capsys.readouterr().err
    assert score(tmp_path / "good", "--out", tmp_path / "o.xlsx", "--model", toy_bundle) == 2
    assert not list(tmp_path.glob("o.*"))


def test_text_that_a_spreadsheet_would_run_is_quoted(toy_bundle: Path, tmp_path: Path) -> None:
    (path,) = write_patches(tmp_path / "in", 1)
    path.rename(path.with_name("=HYPERLINK(1).png"))
    score(tmp_path / "in", "--out", tmp_path / "o.csv", "--model", toy_bundle)
    assert pd.read_csv(tmp_path / "o.csv")["id"].tolist() == ["'=HYPERLINK(1)"]


def test_a_submission_has_the_sample_s_ids_in_its_order(
    mixed: Path, toy_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [path.stem for path in mixed.iterdir()]
    random.Random(0).shuffle(ids)
    sample, submission = tmp_path / "sample.csv", tmp_path / "submission.csv"
    sample.write_text("id,label\n" + "".join(f"{i},0\n" for i in ids))
    options = ["--out", tmp_path / "o.csv", "--model", toy_bundle, "--kaggle", submission]
    assert score(mixed, *options, "--sample-submission", sample) == 1
    table = pd.read_csv(submission, dtype={"id": str})
    assert table["id"].tolist() == ids
    assert table["label"].between(0, 1).all()
    assert "4 inputs without a score" in capsys.readouterr().err
    first = submission.read_bytes()
    submission.unlink()
    assert score(mixed, *options, "--sample-submission", sample, "--resume") == 1
    assert submission.read_bytes() == first
    sample.write_text("id,label\nother,0\n")
    submission.unlink()
    assert score(mixed, *options, "--sample-submission", sample) == 2
    assert "do not match" in capsys.readouterr().err
    assert not submission.exists()


def test_resume_under_other_options_is_refused_by_their_names(
    toy_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_patches(tmp_path / "in", 8)
    out = tmp_path / "o.csv"
    score(tmp_path / "in", "--out", out, "--model", toy_bundle, "--batch-size", 4)
    expected = out.read_bytes()
    journal = unfinished(tmp_path / "in", out, toy_bundle)
    assert (
        score(tmp_path / "in", "--out", out, "--model", toy_bundle, "--resume", "--tta", "d4") == 2
    )
    assert "tta 'none', now 'd4'" in capsys.readouterr().err
    assert score(tmp_path / "in", "--out", out, "--model", toy_bundle, "--resume") == 0
    assert out.read_bytes() == expected
    assert not journal.exists()


def unfinished(source: Path, out: Path, bundle: Path) -> Path:
    """Leave the journal of a run that was killed after its first batch, in mid-write."""
    classifier = open_classifier(bundle)
    with open_source(source) as opened:
        spec = specify(opened, classifier, batch_size=4)
        journal = open_journal(out.with_name(out.name + ".journal"), spec, opened, resume=False)
        journal.append(classifier.score(list(opened.stream(0, 4))))
        journal.close()
    with journal.path.open("ab") as file:
        file.write(b'{"start":4,"rows":[["patch-0')
    return journal.path


def test_killed_at_random_moments_and_resumed_gives_the_bytes_of_an_unbroken_run(
    toy_bundle: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    write_patches(folder, 600)
    (folder / "patch-033b.png").write_bytes(b"broken")
    unbroken = tmp_path / "unbroken.csv"
    options = ["--model", toy_bundle, "--device", "cpu", "--batch-size", 16]
    assert score(folder, "--out", unbroken, *options) == 1
    out = tmp_path / "out.csv"
    command = [sys.executable, "-m", "core", "score", folder, "--out", out, *options, "--resume"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    journal = tmp_path / "out.csv.journal"
    rng = random.Random(5)
    kills = 0
    for _ in range(4):
        size = journal.stat().st_size if journal.exists() else 0
        process = subprocess.Popen(list(map(str, command)), env=environment, stderr=-3)
        while (
            process.poll() is None and (journal.stat().st_size if journal.exists() else 0) <= size
        ):
            time.sleep(0.005)
        time.sleep(rng.random() * 0.2)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills > 0
    last = subprocess.run(
        list(map(str, command)), env=environment, check=False, capture_output=True
    )
    assert last.returncode == 1, last.stderr.decode()
    assert out.read_bytes() == unbroken.read_bytes()
    assert not journal.exists()


def test_the_output_of_a_run_is_no_input_of_the_next(toy_bundle: Path, tmp_path: Path) -> None:
    write_patches(tmp_path, 3)
    out = tmp_path / "scores.csv"
    options = ["--model", toy_bundle, "--kaggle", tmp_path / "submission.csv"]
    for _ in range(2):
        assert score(tmp_path, "--out", out, *options) == 0
        assert len(pd.read_csv(out)) == 3


def test_no_output_is_written_over_an_input_or_another_output(
    toy_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_patches(tmp_path / "in", 2)
    listed = tmp_path / "list.csv"
    listed.write_text("path\n" + "".join(f"in/{f.name}\n" for f in (tmp_path / "in").iterdir()))
    before = listed.read_bytes()
    linked = tmp_path / "linked.csv"
    linked.symlink_to(listed)
    out = tmp_path / "out.csv"
    for extra in (
        ("--out", listed),
        ("--out", linked),
        ("--out", out, "--kaggle", out),
        ("--out", out, "--kaggle", listed),
        ("--out", out, "--kaggle", tmp_path),
    ):
        assert score(listed, *extra, "--model", toy_bundle) == 2
        assert "; expected" in capsys.readouterr().err
        assert listed.read_bytes() == before
        assert not out.exists()


def test_nothing_to_score_is_wrong_usage_and_writes_nothing(
    toy_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in.zip", "w"):
        pass
    (tmp_path / "in.csv").write_text("path\n")
    for name in ("in", "in.zip", "in.csv"):
        options = ("--out", tmp_path / "o.csv", "--kaggle", tmp_path / "k.csv")
        assert score(tmp_path / name, *options, "--model", toy_bundle) == 2
        assert f"No patches found in {name}" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "in.csv", "in.zip"]


@pytest.mark.parametrize("out", ["s.csv", "s.parquet"])
def test_a_file_that_was_repaired_is_scored_when_a_finished_run_resumes(
    toy_bundle: Path, tmp_path: Path, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, good, *_ = tmp_path / "in", *write_patches(tmp_path / "other", 6, seed=5)
    files = write_patches(folder, 6)
    files[3].write_bytes(b"")
    command = (folder, "--out", tmp_path / out, "--model", toy_bundle)
    assert score(*command) == 1
    assert score(*command, "--resume") == 1
    assert "complete already" in capsys.readouterr().err
    files[3].write_bytes(good.read_bytes())
    assert score(*command, "--resume") == 0
    assert "patch-003.png has changed since" in capsys.readouterr().err
    assert score(*command, "--resume") == 0
    assert "complete already" in capsys.readouterr().err


def test_a_file_that_changed_while_a_run_was_interrupted_is_scored_as_it_is_now(
    toy_bundle: Path, tmp_path: Path
) -> None:
    files = write_patches(tmp_path / "in", 8)
    out = tmp_path / "s.csv"
    unfinished(tmp_path / "in", out, toy_bundle)
    files[1].write_bytes(files[7].read_bytes())
    assert score(tmp_path / "in", "--out", out, "--model", toy_bundle, "--resume") == 0
    again = tmp_path / "again.csv"
    score(tmp_path / "in", "--out", again, "--model", toy_bundle, "--batch-size", 4)
    assert out.read_bytes() == again.read_bytes()


def test_changed_labels_are_not_those_of_the_finished_run(toy_bundle: Path, tmp_path: Path) -> None:
    files = write_patches(tmp_path / "in", 2)
    table, out = tmp_path / "list.csv", tmp_path / "s.csv"
    for label in (0, 1):
        table.write_text("path,label\n" + "".join(f"{file},{label}\n" for file in files))
        assert score(table, "--out", out, "--model", toy_bundle, "--resume") == 0
        assert pd.read_csv(out)["label"].tolist() == [label, label]


def test_a_submission_is_the_same_before_and_after_resuming_whatever_its_ids(
    toy_bundle: Path, tmp_path: Path
) -> None:
    for number, file in enumerate(write_patches(tmp_path / "in", 4)):
        file.rename(file.with_name(("-1", "'-1", " spaced", "=x")[number] + ".png"))
    command = (tmp_path / "in", "--out", tmp_path / "s.csv", "--model", toy_bundle)
    score(*command, "--kaggle", tmp_path / "one.csv")
    score(*command, "--kaggle", tmp_path / "two.csv", "--resume")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    ids = {line.rsplit(",", 1)[0] for line in (tmp_path / "one.csv").read_text().splitlines()[1:]}
    assert ids == {"-1", "'-1", " spaced", "=x"}


def test_two_runs_never_write_one_journal(toy_bundle: Path, tmp_path: Path) -> None:
    write_patches(tmp_path / "in", 4)
    classifier = open_classifier(toy_bundle)
    with open_source(tmp_path / "in") as source:
        spec = specify(source, classifier, batch_size=2)
        place = tmp_path / "journal"
        journal = open_journal(place, spec, source, resume=False)
        for resume in (True, False):
            with pytest.raises(RunError, match="is being written by another run"):
                open_journal(place, spec, source, resume=resume)
        journal.append(classifier.score(list(source.stream(0, 2))))
        journal.close()
        assert open_journal(place, spec, source, resume=True).rows_done == 2


def test_rows_stand_where_they_start_and_a_batch_that_comes_twice_counts_once(
    toy_bundle: Path, tmp_path: Path
) -> None:
    write_patches(tmp_path / "in", 6)
    classifier = open_classifier(toy_bundle)
    with open_source(tmp_path / "in") as source:
        spec = specify(source, classifier, batch_size=2)
        place = tmp_path / "journal"
        journal = open_journal(place, spec, source, resume=False)
        for start in (0, 2):
            journal.append(classifier.score(list(source.stream(start, start + 2))))
        journal.close()
        header, first, second = place.read_bytes().splitlines(keepends=True)
        place.write_bytes(header + first + second + first + second)
        assert [row.path for row in read_rows(place)] == [e.path for e in source.entries[:4]]
        assert [row.path for row in read_rows(place, 3)] == [source.entries[3].path]
        place.write_bytes(header + second)
        assert list(read_rows(place)) == []


@pytest.mark.parametrize(
    "line",
    [
        b'{"start":0}',
        b'{"start":0,"rows":[[]]}',
        b'{"start":0,"rows":[["a","a","unheard"]]}',
        b'{"start":null,"rows":[]}',
        b'{"start":0,"rows":null}',
        b'{"start":-1,"rows":[]}',
        b"null",
        b"[" * 100_000,
    ],
)
def test_a_line_that_is_no_batch_ends_what_is_known(
    toy_bundle: Path, tmp_path: Path, line: bytes
) -> None:
    write_patches(tmp_path / "in", 2)
    classifier = open_classifier(toy_bundle)
    with open_source(tmp_path / "in") as source:
        spec = specify(source, classifier)
        place = tmp_path / "journal"
        open_journal(place, spec, source, resume=False).close()
        place.write_bytes(place.read_bytes() + line + b"\n")
        assert list(read_rows(place)) == []
        assert open_journal(place, spec, source, resume=True).rows_done == 0
