import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.patches import open_source
from core.scoring import ScoreRow, open_classifier, open_journal, run_scoring, specify
from tests.training.toys import toy_patches
from training.commands import main


@pytest.fixture(scope="module")
def bundle(finished_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("bundle") / "model"
    assert main(["export", str(finished_runs / "b"), "--to", str(to)]) == 0
    return to


@pytest.fixture(scope="module")
def ensemble(finished_runs: Path, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ensemble") / "mean"
    models = [str(finished_runs / "a"), str(bundle)]
    assert main(["ensemble", *models, "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def competition(kaggle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy data with a folder test/ of 12 patches, one of them unreadable, and a sample."""
    folder = tmp_path_factory.mktemp("competition") / "data"
    shutil.copytree(kaggle, folder)
    (folder / "test").mkdir()
    for number, image in enumerate(toy_patches([0, 1] * 6, seed=9)):
        Image.fromarray(image).save(folder / "test" / f"t{number:02d}.tif")
    (folder / "test" / "t07.tif").write_bytes(b"torn")
    ids = [f"t{number:02d}" for number in reversed(range(12))]
    pd.DataFrame({"id": ids, "label": 0}).to_csv(folder / "sample_submission.csv", index=False)
    return folder


def test_an_ensemble_is_the_plain_mean_of_its_models_probabilities(
    ensemble: Path, finished_runs: Path, bundle: Path, tmp_path: Path
) -> None:
    mean = pd.read_csv(ensemble / "scores.csv").set_index("id")["prob_tumour"]
    own = []
    for name, run in (("a", finished_runs / "a"), ("b", bundle)):
        to = run
        if name == "a":
            to = tmp_path / "a"
            assert main(["export", str(run), "--to", str(to)]) == 0
        own.append(pd.read_csv(to / "validation.csv").set_index("id")["score"])
    np.testing.assert_allclose(mean, ((own[0] + own[1]) / 2)[mean.index], rtol=1e-12)


def test_an_ensemble_is_judged_like_a_model_with_data_and_without(
    ensemble: Path, kaggle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(ensemble), "--out", str(tmp_path / "own")]) == 0
    scored = ["--data", str(kaggle), "--out", str(tmp_path / "scored")]
    assert main(["evaluate", str(ensemble), *scored]) == 0
    own, new = (
        json.loads((tmp_path / name / "evaluation.json").read_text("utf-8"))
        for name in ("own", "scored")
    )
    assert own["metrics"]["auroc"]["value"] == pytest.approx(new["metrics"]["auroc"]["value"])
    assert own["metrics"]["brier"]["value"] == pytest.approx(
        new["metrics"]["brier"]["value"], abs=1e-4
    )
    capsys.readouterr()


def test_the_members_are_found_again_where_all_were_moved_together(
    finished_runs: Path, kaggle: Path, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        shutil.copytree(finished_runs / name, tmp_path / "old" / name)
    models = [str(tmp_path / "old" / name) for name in ("a", "b")]
    assert main(["ensemble", *models, "--out", str(tmp_path / "old" / "mean")]) == 0
    (tmp_path / "old").rename(tmp_path / "new")
    asked = ["evaluate", str(tmp_path / "new" / "mean"), "--data", str(kaggle)]
    assert main([*asked, "--out", str(tmp_path / "out")]) == 0


@pytest.mark.parametrize(
    ("further", "said"), [(["--tta", "d4"], "Name the data"), ([], "at least 2")]
)
def test_an_ensemble_that_cannot_be_made_is_told(
    further: list[str],
    said: str,
    finished_runs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    models = [str(finished_runs / "a")] + ([str(finished_runs / "b")] if further else [])
    assert main(["ensemble", *models, "--out", str(tmp_path / "mean"), *further]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [b"{torn", b"\xff\xfe", b"[1]", b'{"members": 5, "tta": "none"}', b'{"members": ["."]}'],
)
def test_a_damaged_ensemble_is_told(
    content: bytes, kaggle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mean").mkdir()
    (tmp_path / "mean" / "ensemble.json").write_bytes(content)
    asked = ["evaluate", str(tmp_path / "mean"), "--data", str(kaggle)]
    assert main([*asked, "--out", str(tmp_path / "out")]) == 2
    assert "ensemble.json" in capsys.readouterr().err


def test_members_that_know_other_labels_are_not_averaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, second in (("a", 1), ("b", 0)):
        table = f"id,label,score\nx,0,0.1\ny,{second},0.6\nz,1,0.9\n"
        (tmp_path / f"{name}.csv").write_text(table)
    models = [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]
    assert main(["ensemble", *models, "--out", str(tmp_path / "mean")]) == 2
    assert "1 of 3 patches have different labels in a" in capsys.readouterr().err


def test_a_submission_holds_the_test_folder_in_the_samples_order(
    bundle: Path, competition: Path, tmp_path: Path
) -> None:
    out = tmp_path / "submission.csv"
    assert main(["predict", str(bundle), "--data", str(competition), "--out", str(out)]) == 0
    table = pd.read_csv(out)
    sample = pd.read_csv(competition / "sample_submission.csv")
    assert list(table.columns) == ["id", "label"]
    assert table["id"].tolist() == sample["id"].tolist()
    classifier = open_classifier(bundle, device="cpu")
    image = np.array(Image.open(competition / "test" / "t03.tif"))[None]
    expected = classifier.probability(classifier.engine.logits(image))[0]
    label = table.set_index("id")["label"]
    assert label["t03"] == pytest.approx(expected, abs=1e-5)
    assert label["t07"] == pytest.approx(0.5)  # unreadable: the share of tumour in training


def test_no_submission_is_made_of_patches_none_of_which_is_scored(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test").mkdir()
    for number in range(3):
        Image.new("CMYK", (96, 96)).save(tmp_path / "test" / f"{number}.tif")
    out = tmp_path / "submission.csv"
    for _ in range(2):  # nor of what an earlier call left
        assert main(["predict", str(bundle), "--data", str(tmp_path), "--out", str(out)]) == 2
        assert "None of the 3 patches has a score" in capsys.readouterr().err
        assert not out.exists()


def test_an_ensembles_submission_is_the_mean_of_its_models_submissions(
    ensemble: Path, finished_runs: Path, bundle: Path, competition: Path, tmp_path: Path
) -> None:
    labels = []
    for number, model in enumerate((ensemble, finished_runs / "a", bundle)):
        out = tmp_path / f"{number}.csv"
        assert main(["predict", str(model), "--data", str(competition), "--out", str(out)]) == 0
        labels.append(pd.read_csv(out)["label"])
    np.testing.assert_allclose(labels[0], (labels[1] + labels[2]) / 2, rtol=1e-9)


def test_a_prediction_goes_on_where_its_journal_ends(
    bundle: Path, competition: Path, tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole.csv", tmp_path / "broken.csv"
    common = ["predict", str(bundle), "--data", str(competition), "--batch-size", "2"]
    assert main([*common, "--out", str(whole)]) == 0
    classifier = open_classifier(bundle, device="cpu")
    work = broken.with_name("broken.csv.scores")
    done: list[ScoreRow] = []
    with open_source(competition / "test") as source:
        spec = specify(source, classifier, batch_size=2)
        journal_path = work / f"01-{classifier.model_id}.csv.journal"
        journal = open_journal(journal_path, spec, source, resume=True)
        enough = threading.Event()
        enough.set()
        run_scoring(source, classifier, journal, on_rows=done.extend, stop=enough)
        journal.close()
    assert len(done) == 2
    with journal_path.open("ab") as file:
        file.write(b'{"start":2,"rows":[["t02"')  # torn by the kill
    assert main([*common, "--out", str(broken)]) == 0
    assert broken.read_bytes() == whole.read_bytes()
    run = json.loads(next(work.glob("*.run.json")).read_text("utf-8"))
    assert run["resumed_at_row"] == 2


def test_a_competition_without_a_test_folder_is_told(
    bundle: Path, kaggle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "submission.csv"
    assert main(["predict", str(bundle), "--data", str(kaggle), "--out", str(out)]) == 2
    assert "no folder test/" in capsys.readouterr().err
    assert not out.exists()


def test_tables_beside_the_patches_that_are_not_read_are_told(
    bundle: Path, competition: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (competition / "test" / "other.csv").write_text("a,b\n1,2\n", "utf-8")
    out = str(tmp_path / "s.csv")
    assert main(["predict", str(bundle), "--data", str(competition), "--out", out]) == 0
    assert "other.csv is not used as labels" in capsys.readouterr().err


def test_ids_that_do_not_match_the_sample_are_told_before_anything_is_scored(
    bundle: Path, competition: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = tmp_path / "sample.csv"
    sample.write_text("id,label\nt00,0\nt99,0\n", "utf-8")
    command = ["predict", str(bundle), "--data", str(competition), "--out", str(tmp_path / "s.csv")]
    assert main([*command, "--sample-submission", str(sample)]) == 2
    assert "t99" in capsys.readouterr().err
    assert not list(tmp_path.glob("s.csv*"))
