import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    matthews_corrcoef,
    roc_auc_score,
)

from core.errors import EvidenceError, NodelensError
from core.settings import SHIPPED_MODEL
from core.statistics import auroc
from tests.training.toys import write_toy_kaggle
from training.commands import main
from training.judging.contest import contest
from training.judging.evaluate import run_evaluate
from training.judging.subject import Subject, open_subject
from training.options import EvaluateOptions, ScoringOptions


def write_scores(path: Path, seed: int, noise: float, *, slides: bool = True) -> pd.DataFrame:
    """400 patches of 20 slides; the labels do not depend on the seed, the noise does."""
    labels = (np.random.default_rng(7).random(400) < 0.4).astype(int)
    scores = 1 / (
        1 + np.exp(-(labels * 3 - 1.5 + np.random.default_rng(seed).normal(0, noise, 400)))
    )
    table = pd.DataFrame({"id": [f"p{n:03d}" for n in range(400)], "label": labels})
    if slides:
        table["slide"] = [f"s{n // 20:02d}" for n in range(400)]
    table["prob_tumour"] = scores
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path, index=False)
    return table


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_metrics_of_a_table_are_those_of_scikit_learn(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"scores{suffix}"
    table = write_scores(file, 1, 1.5)
    evaluation = run_evaluate(EvaluateOptions(file, out=tmp_path / "out", threshold=(0.3,)))
    performance = evaluation.performance
    labels, scores = table["label"], table["prob_tumour"]
    assert performance.metrics["auroc"].value == pytest.approx(roc_auc_score(labels, scores))
    assert performance.metrics["average_precision"].value == pytest.approx(
        average_precision_score(labels, scores)
    )
    assert performance.metrics["brier"].value == pytest.approx(brier_score_loss(labels, scores))
    point = evaluation.thresholds[0]
    assert point.metrics["mcc"].value == pytest.approx(matthews_corrcoef(labels, scores >= 0.3))
    assert point.metrics["sensitivity"].value == pytest.approx((scores[labels == 1] >= 0.3).mean())
    for measure in (performance.metrics["auroc"], point.metrics["sensitivity"]):
        assert measure.low < measure.value < measure.high
        assert "slide" in measure.method


def test_without_slides_the_intervals_say_that_patches_count_as_independent(
    tmp_path: Path,
) -> None:
    write_scores(tmp_path / "scores.csv", 1, 1.5, slides=False)
    performance = run_evaluate(
        EvaluateOptions(tmp_path / "scores.csv", out=tmp_path / "out")
    ).performance
    assert not performance.metrics["auroc"].has_interval
    assert "independent" in performance.metrics["auroc_by_patches"].method
    assert any("Slides unknown" in note for note in performance.notes)


def test_json_and_page_hold_the_same_numbers_and_the_page_needs_no_network(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.csv", 1, 1.5)
    assert main(["evaluate", str(tmp_path / "scores.csv"), "--out", str(tmp_path / "out")]) == 0
    content = json.loads((tmp_path / "out" / "evaluation.json").read_text("utf-8"))
    page = (tmp_path / "out" / "evaluation.html").read_text("utf-8")
    assert f"{content['metrics']['auroc']['value']:.3f}" in page
    assert "<script src=" not in page
    assert [point["name"] for point in content["operating_points"]] == ["chosen here", "at 0.5"]
    assert "too good" in content["operating_points"][0]["origin"]


def test_the_shipped_model_is_judged_by_its_own_validation_scores(tmp_path: Path) -> None:
    evaluation = run_evaluate(EvaluateOptions(SHIPPED_MODEL, out=tmp_path))
    card = json.loads((SHIPPED_MODEL / "card.json").read_text("utf-8"))
    for name in ("auroc", "average_precision"):
        claimed = card["validation"]["metrics"][name]
        measure = evaluation.performance.metrics[name]
        assert (measure.value, measure.low, measure.high) == pytest.approx(
            (claimed["value"], claimed["low"], claimed["high"])
        )
    assert evaluation.thresholds[0].threshold == card["operating_point"]["threshold"]


def test_a_paired_comparison_is_surer_than_its_two_sides(tmp_path: Path) -> None:
    base = write_scores(tmp_path / "a.csv", 1, 1.5)
    blurred = base.assign(prob_tumour=base["prob_tumour"] * 0.9 + 0.05)
    noise = np.random.default_rng(3).normal(0, 0.05, len(base))
    blurred["prob_tumour"] = (blurred["prob_tumour"] + noise).clip(0, 1)
    blurred.sample(frac=1, random_state=0).to_csv(tmp_path / "b.csv", index=False)  # other order
    options = EvaluateOptions(tmp_path / "a.csv", out=tmp_path / "out", against=tmp_path / "b.csv")
    evaluation = run_evaluate(options)
    assert evaluation.contest is not None
    ranked = evaluation.contest.metrics["auroc"]
    expected = roc_auc_score(base["label"], base["prob_tumour"]) - roc_auc_score(
        blurred["label"], blurred["prob_tumour"]
    )
    assert ranked.difference.value == pytest.approx(expected)
    own = evaluation.performance.metrics["auroc"]
    assert ranked.difference.width < own.width
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text("utf-8"))["comparison"]


def test_a_model_against_itself_differs_by_nothing(tmp_path: Path) -> None:
    write_scores(tmp_path / "a.csv", 1, 1.5)
    subject = open_subject(tmp_path / "a.csv", ScoringOptions(), tmp_path)
    outcome = contest(subject, subject)
    assert {one.difference.value for one in outcome.metrics.values()} == {0.0}
    assert outcome.share_first_better == 0.5


def test_only_the_patches_that_both_scored_are_compared(tmp_path: Path) -> None:
    table = write_scores(tmp_path / "a.csv", 1, 1.5)
    write_scores(tmp_path / "b.csv", 2, 1.5)
    table.iloc[100:].to_csv(tmp_path / "a.csv", index=False)
    one, other = (
        open_subject(tmp_path / name, ScoringOptions(), tmp_path) for name in ("a.csv", "b.csv")
    )
    outcome = contest(one, other)
    assert outcome.patches == 300
    assert any("100 of 400 patches of b" in note for note in outcome.notes)


def test_what_a_comparison_leaves_out_is_said_with_its_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_scores(tmp_path / "a.csv", 1, 1.5)
    other = write_scores(tmp_path / "b.csv", 2, 1.5).iloc[50:].copy()
    other.loc[other.index[:10], "slide"] = "elsewhere"
    other.to_csv(tmp_path / "b.csv", index=False)
    command = ["evaluate", str(tmp_path / "a.csv"), "--against", str(tmp_path / "b.csv")]
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    output = capsys.readouterr().out
    assert "Compared on the 350 patches of 18 known slides that both scored" in output
    assert "50 of 400 patches of a.csv are not in the other" in output
    assert "among them all of 2 of its 20 slides" in output
    assert "10 of 350 patches have different slides in a.csv and b.csv" in output
    assert len(table) == 400


@pytest.mark.parametrize("lost", ["zeros", "folders"])
def test_ids_that_two_tables_spell_otherwise_are_paired_and_counted(
    tmp_path: Path, lost: str
) -> None:
    table = write_scores(tmp_path / "a.csv", 1, 1.5)
    kept = [f"{n:04d}" for n in range(400)] if lost == "zeros" else table["id"]
    bare = range(400) if lost == "zeros" else [f"C:\\d\\{one}.tif" for one in table["id"]]
    table.assign(id=kept).to_csv(tmp_path / "a.csv", index=False)
    table.assign(id=bare).to_csv(tmp_path / "b.csv", index=False)
    one, other = (
        open_subject(tmp_path / name, ScoringOptions(), tmp_path) for name in ("a.csv", "b.csv")
    )
    for first, second in ((one, other), (other, one)):
        outcome = contest(first, second)
        assert (outcome.patches, outcome.metrics["auroc"].difference.value) == (400, 0.0)
        assert any("400 ids spelt differently" in note for note in outcome.notes)


@pytest.mark.parametrize("root", ["", "/home/a/"])
def test_scores_meet_a_data_set_though_their_ids_are_spelt_otherwise(
    kaggle: Path, tmp_path: Path, root: str
) -> None:
    data = shutil.copytree(kaggle, tmp_path / "data")
    for number, file in enumerate(sorted((data / "train").iterdir())):
        for name in ("train_labels.csv", "patch_id_wsi.csv", "split.csv"):
            text = (data / name).read_text("utf-8")
            (data / name).write_text(text.replace(file.stem, f"{number:05d}"), "utf-8")
        file.rename(file.with_stem(f"{number:05d}"))
    count = len(list((data / "train").iterdir()))
    ids = [f"{root}train/{n:05d}.tif" if root else f"{n}" for n in range(count)]
    scores = tmp_path / "scores.csv"
    lines = (f"{one},{n / count}\n" for n, one in enumerate(ids))
    scores.write_text("id,prob_tumour\n" + "".join(lines))
    options = ScoringOptions(data=data, split="all")
    matched = open_subject(scores, options, tmp_path).scores
    labels = pd.read_csv(data / "train_labels.csv", dtype=str).set_index("id")["label"]
    rows = np.rint(matched.evidence.scores * count).astype(int)
    assert len(rows) == count
    assert matched.evidence.labels.tolist() == [int(labels[f"{row:05d}"]) for row in rows]
    remark = "matched by the ending" if root else "took for a number"
    assert any(f"{count} " in note and remark in note for note in matched.notes)


def test_other_labels_for_the_same_patches_are_no_comparison(tmp_path: Path) -> None:
    table = write_scores(tmp_path / "a.csv", 1, 1.5)
    table.assign(label=1 - table["label"]).to_csv(tmp_path / "b.csv", index=False)
    subjects: list[Subject] = [
        open_subject(tmp_path / name, ScoringOptions(), tmp_path) for name in ("a.csv", "b.csv")
    ]
    with pytest.raises(EvidenceError, match="different labels"):
        contest(*subjects)


def test_a_run_scores_a_data_set_and_says_where_it_trained_on_it(
    finished_runs: Path, kaggle: Path, tmp_path: Path
) -> None:
    own = run_evaluate(EvaluateOptions(finished_runs / "a", out=tmp_path / "own"))
    assert [point.name for point in own.thresholds] == ["as exported"]
    options = EvaluateOptions(
        finished_runs / "a", out=tmp_path / "new", scoring=ScoringOptions(data=kaggle)
    )
    scored = run_evaluate(options)
    assert scored.performance.patches == own.performance.patches == 20
    assert scored.subject.scores.ids.tolist() == own.subject.scores.ids.tolist()
    np.testing.assert_allclose(
        scored.subject.scores.evidence.scores, own.subject.scores.evidence.scores, atol=1e-5
    )
    everything = ScoringOptions(data=kaggle, split="all")
    seen = run_evaluate(
        EvaluateOptions(finished_runs / "a", out=tmp_path / "all", scoring=everything)
    )
    assert seen.performance.patches == 60
    notes = seen.subject.scores.notes
    assert any("4 of 6 slides (40 of 60 patches) were used to train" in note for note in notes)


def test_a_submission_gets_its_labels_from_the_data(kaggle: Path, tmp_path: Path) -> None:
    labels = pd.read_csv(kaggle / "train_labels.csv")
    submission = tmp_path / "submission.csv"
    labels.assign(label=labels["label"] * 0.5 + 0.25).to_csv(submission, index=False)
    options = EvaluateOptions(submission, out=tmp_path / "out", scoring=ScoringOptions(data=kaggle))
    performance = run_evaluate(options).performance
    assert (performance.patches, performance.slides, performance.metrics["auroc"].value) == (
        20,
        2,
        1.0,
    )
    labels.iloc[:50].assign(label=0.5).to_csv(submission, index=False)
    with pytest.raises(NodelensError, match="expected all of them"):
        run_evaluate(options)


@pytest.mark.parametrize("suffix", [".csv.gz", ".tsv", ".parquet"])
def test_a_table_is_judged_in_every_form_that_tables_have(suffix: str, tmp_path: Path) -> None:
    table = pd.DataFrame({"id": list("abcd"), "label": [0, 0, 1, 1], "score": [0.1, 0.6, 0.4, 0.9]})
    path = tmp_path / f"s{suffix}"
    if suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="\t" if "tsv" in suffix else ",")
    performance = run_evaluate(EvaluateOptions(path, out=tmp_path / "out")).performance
    assert performance.metrics["auroc"].value == 0.75


def test_a_part_of_a_table_is_judged_by_its_name_and_all_parts_together_are_told(
    tmp_path: Path, finished_runs: Path
) -> None:
    path = tmp_path / "s.csv"
    table = write_scores(path, 1, 1.5).assign(split=["Train", "test"] * 200)
    table.to_csv(path, index=False)

    def judged(split: str, what: Path = path) -> Subject:
        options = EvaluateOptions(what, out=tmp_path / "out", scoring=ScoringOptions(split=split))
        return run_evaluate(options).subject

    test = table[table["split"] == "test"]
    evidence = judged("test").scores.evidence
    assert len(evidence.scores) == 200
    assert auroc(evidence).value == pytest.approx(roc_auc_score(test["label"], test["prob_tumour"]))
    whole = judged("").scores
    assert len(whole.ids) == 400
    assert any("train 200, test 200" in note for note in whole.notes)
    with pytest.raises(NodelensError, match="no row of the part 'val'; it has train 200"):
        judged("val")
    with pytest.raises(NodelensError, match="without --data"):
        judged("test", finished_runs / "a")


def test_what_is_left_out_of_labels_and_scores_is_told(finished_runs: Path, tmp_path: Path) -> None:
    data = write_toy_kaggle(tmp_path / "data", split=False)
    labels = pd.read_csv(data / "train_labels.csv")
    labels.assign(prob_tumour=0.5).drop(columns="label").to_csv(tmp_path / "s.csv", index=False)
    labels.assign(label=labels["label"].astype("Int64").where(labels.index > 1)).to_csv(
        data / "train_labels.csv", index=False
    )
    for what in (tmp_path / "s.csv", finished_runs / "a"):
        options = EvaluateOptions(what, out=tmp_path / "out", scoring=ScoringOptions(data=data))
        notes = " ".join(run_evaluate(options).subject.scores.notes)
        assert "2 files in train without a label" in notes
        assert ("2 rows of no labelled patch" in notes) == (what.suffix == ".csv")


def test_scores_of_other_files_under_the_same_names_are_not_judged(
    kaggle: Path, tmp_path: Path
) -> None:
    labels = pd.read_csv(kaggle / "train_labels.csv")
    files = [(kaggle / "train" / f"{one}.tif").read_bytes() for one in labels["id"]]
    scores = labels.assign(
        prob_tumour=0.5, sha256=[hashlib.sha256(one).hexdigest() for one in files]
    ).drop(columns="label")
    options = EvaluateOptions(
        tmp_path / "s.csv", out=tmp_path / "out", scoring=ScoringOptions(data=kaggle)
    )
    scores.to_csv(tmp_path / "s.csv", index=False)
    assert run_evaluate(options).performance.patches == 20
    scores.assign(sha256="0" * 64).to_csv(tmp_path / "s.csv", index=False)
    with pytest.raises(NodelensError, match="scores of different files with the same names"):
        run_evaluate(options)


def test_a_label_that_was_changed_changes_the_metric(finished_runs: Path, tmp_path: Path) -> None:
    data = write_toy_kaggle(tmp_path / "data")
    options = EvaluateOptions(
        finished_runs / "a", out=tmp_path / "out", scoring=ScoringOptions(data=data)
    )
    before = run_evaluate(options).performance
    labels = data / "train_labels.csv"
    labels.write_text(labels.read_text("utf-8").replace("p040,0", "p040,1"), "utf-8")
    after = run_evaluate(options).performance
    assert after.positives == before.positives + 1


def test_tables_without_ids_are_paired_with_nothing(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("image_id,label,score\nx,0,0.1\ny,1,0.8\nz,1,0.9\n")
    alone = run_evaluate(EvaluateOptions(tmp_path / "a.csv", out=tmp_path / "out"))
    assert any("no column id" in note for note in alone.subject.scores.notes)
    options = EvaluateOptions(tmp_path / "a.csv", out=tmp_path / "out", against=tmp_path / "b.csv")
    with pytest.raises(NodelensError, match="has no column id"):
        run_evaluate(options)


@pytest.mark.parametrize(
    ("scores", "note"),
    [
        ((0.9, 0.8, 0.2, 0.1), "AUROC is 0.000, far below chance: the scores look reversed"),
        ((0.0, 1.0, 1.0, 1.0), "2 distinct values: they look like labels"),
        ((0.5, 0.5, 0.5, 0.5), "1 distinct value: they look like labels"),
        ((0.0, 0.0, 0.5, 1.0) * 3, "only 3 distinct values, as grades or rounded scores have"),
    ],
)
def test_implausible_scores_are_told_before_their_numbers(
    tmp_path: Path, scores: tuple[float, ...], note: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"p{n},{int(n > 1)},{score}\n" for n, score in enumerate(scores)]
    (tmp_path / "s.csv").write_text("id,label,score\n" + "".join(lines))
    assert main(["evaluate", str(tmp_path / "s.csv"), "--out", str(tmp_path / "out")]) == 0
    assert note in capsys.readouterr().out


@pytest.mark.parametrize(("swapped", "doubted"), [(0, True), (1, False)])
def test_labels_made_from_the_scores_are_doubted(
    tmp_path: Path, swapped: int, doubted: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = np.random.default_rng(0).random(60)
    labels = scores >= 0.4
    labels[scores.argsort()[:swapped]] = True  # one reader's own opinion
    rows = zip(labels.astype(int), scores, strict=True)
    lines = [f"p{number},{label},{score}\n" for number, (label, score) in enumerate(rows)]
    (tmp_path / "s.csv").write_text("id,label,score\n" + "".join(lines))
    assert main(["evaluate", str(tmp_path / "s.csv"), "--out", str(tmp_path / "out")]) == 0
    assert ("made from these scores" in capsys.readouterr().out) == doubted


def test_results_go_into_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.csv").write_text("id,label,score\na,0,0.2\nb,1,0.7\n")
    (tmp_path / "out").write_text("somebody's notes")
    assert main(["evaluate", str(tmp_path / "s.csv"), "--out", str(tmp_path / "out")]) == 2
    assert "is a file; expected a folder" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "somebody's notes"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nothing to judge"),
        (["nowhere.csv"], "There is no file"),
        ([str(SHIPPED_MODEL), "--threshold", "2"], "probability from 0 to 1"),
    ],
)
def test_what_cannot_be_judged_is_told(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *arguments, "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err


def test_a_hostile_name_is_only_text_on_the_page(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.csv", 1, 1.5)
    hostile = tmp_path / "<script>alert(1)<"
    hostile.mkdir()
    shutil.move(tmp_path / "scores.csv", tmp_path / "<script>alert(1).csv")
    run_evaluate(EvaluateOptions(tmp_path / "<script>alert(1).csv", out=tmp_path / "out"))
    page = (tmp_path / "out" / "evaluation.html").read_text("utf-8")
    assert "<script>alert(1)" not in page
