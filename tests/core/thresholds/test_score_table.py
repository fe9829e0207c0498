"""One table of scores in the dialects of spreadsheets: the same numbers, scikit-learn's."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, confusion_matrix, roc_auc_score

from core.errors import SourceError
from core.thresholds import (
    Assumptions,
    BadRowsError,
    ThresholdStudy,
    read_scores_csv,
)

RNG = np.random.default_rng(5)
LABELS = RNG.integers(0, 2, 120)
SCORES = np.clip(0.35 * LABELS + RNG.beta(2, 3, 120), 0, 1)
SCORES[::9] = SCORES[1]  # ties
SCORES[3] = 1.25e-5
THRESHOLD = 0.5


def written(
    separator: str = ",",
    decimal: str = ".",
    words: tuple[str, str] = ("0", "1"),
    names: str = "id label score slide",
    *,
    newline: str = "\n",
    quoted: bool = False,
    first: str = "",
) -> str:
    quote = '"' if quoted else ""
    lines = [names.split()]
    for number, (label, score) in enumerate(zip(LABELS, SCORES, strict=True)):
        text = repr(float(score)).replace(".", decimal)
        lines.append([f"p{number}", words[label], text, f"s{number % 6}"])
    rows = [separator.join(f"{quote}{cell}{quote}" for cell in line) for line in lines]
    return first + newline.join(rows) + newline


GERMAN = written(";", ",", newline="\r\n")
DIALECTS = {
    "plain": written().encode(),
    "German Excel": GERMAN.encode("cp1252"),
    "German Excel, UTF-8 with a byte-order mark": GERMAN.encode("utf-8-sig"),
    "Excel's Unicode text": written("\t", ",", newline="\r\n").encode("utf-16"),
    "old Excel for Mac": written(";", ",", newline="\r").encode(),
    "Excel with its own line": written(";", ",", first="sep=;\r\n", newline="\r\n").encode(),
    "LibreOffice, all quoted": written(",", ",", quoted=True).encode(),
    "words": written(words=("normal", "Tumor")).encode(),
    "British words": written(words=("no tumour", "tumour")).encode(),
    "yes and no": written(";", ",", ("No", "Yes")).encode(),
    "German truth": written(";", ",", ("FALSCH", "WAHR")).encode("cp1252"),
    "French truth": written(";", ",", ("FAUX", "VRAI")).encode("cp1252"),
    "its own names": written(";", ",", names="Datei Befund Wert Schnitt").encode(),
    "script's names": written(names="file y prob wsi").encode(),
}
OWN_NAMES = {
    "its own names": {"datei": "id", "befund": "label", "wert": "score", "schnitt": "slide"},
    "script's names": {"file": "id", "y": "label", "prob": "score"},
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_gives_scikit_learns_numbers_to_the_last_bit(dialect: str) -> None:
    scores = read_scores_csv("t.csv", DIALECTS[dialect], OWN_NAMES.get(dialect))
    evidence = scores.evidence
    assert evidence.scores.tolist() == SCORES.tolist()
    assert evidence.labels.tolist() == (LABELS == 1).tolist()
    assert (scores.ids[3], scores.slides) == ("p3", ("s0", "s1", "s2", "s3", "s4", "s5"))
    assert scores.doubts == ()
    study = ThresholdStudy.of(scores)
    counts = study.at(THRESHOLD, Assumptions()).confusion
    cells = confusion_matrix(LABELS, SCORES >= THRESHOLD).ravel().tolist()
    assert [counts.tn, counts.fp, counts.fn, counts.tp] == cells
    assert study.auroc.value == pytest.approx(roc_auc_score(LABELS, SCORES), abs=1e-15)
    assert study.average_precision == pytest.approx(
        average_precision_score(LABELS, SCORES), abs=1e-15
    )


def test_a_chosen_column_stands_in_for_one_that_has_the_name_already() -> None:
    data = b"label,reference,score\n0,1,0.9\n1,0,0.1\n"
    called = {"reference": "label"}
    assert read_scores_csv("t.csv", data, called).evidence.labels.tolist() == [True, False]


def test_the_good_rows_are_used_if_asked_and_the_others_counted_with_their_reasons() -> None:
    lines = GERMAN.splitlines()
    for row, cell in ((5, "vielleicht"), (9, ""), (11, "2")):
        first, _, *rest = lines[row].split(";")
        lines[row] = ";".join([first, cell, *rest])
    for row, cell in ((11, "-3,5"), (20, "93 %")):
        parts = lines[row].split(";")
        lines[row] = ";".join([*parts[:2], cell, parts[3]])
    data = "\r\n".join(lines).encode()
    with pytest.raises(BadRowsError, match=r"t.csv: 4 of 120 rows cannot be used") as refused:
        read_scores_csv("t.csv", data)
    assert refused.value.good == 116
    for remark in ("3 for their label (line 6: 'vielleicht'; line 10: empty; line 12: '2')",):
        assert remark in str(refused.value)
    assert "2 for their score (line 12: '-3.5'; line 21: '93 %')" in str(refused.value)
    scores = read_scores_csv("t.csv", data, good_rows=True)
    kept = np.delete(np.arange(120), [4, 8, 10, 19])
    assert scores.evidence.scores.tolist() == SCORES[kept].tolist()
    assert scores.doubts[0].startswith("4 of 120 rows are left out. 3 for their label")
    assert scores.doubts[0] in scores.notes
    one = read_scores_csv(
        "t.csv", GERMAN.replace(";1;", ";vielleicht;", 1).encode(), good_rows=True
    )
    assert one.doubts[0].startswith("1 of 120 rows is left out. 1 for its label")


def test_rows_within_0_and_1_of_scores_on_another_scale_are_not_offered() -> None:
    per_cent = b"label,score\n" + b"".join(b"%d,%d\n" % (n % 2, n) for n in range(40))
    with pytest.raises(BadRowsError) as refused:
        read_scores_csv("t.csv", per_cent)
    assert refused.value.good == 0


def test_a_table_without_a_good_row_is_refused_however_it_is_asked_for() -> None:
    with pytest.raises(BadRowsError) as refused:
        read_scores_csv("t.csv", b"label,score\n7,0.1\n", good_rows=True)
    assert refused.value.good == 0


def test_rows_of_one_class_are_not_offered_for_the_whole_table() -> None:
    with pytest.raises(BadRowsError, match=r"2 of 3 rows .* Correct these rows\.$") as refused:
        read_scores_csv("t.csv", b"label,score\nTumor,0.9\nEi kasvainta,0.1\nEi kasvainta,0.2\n")
    assert refused.value.good == 0


def test_copies_are_counted_and_an_id_with_two_labels_is_refused() -> None:
    table = pd.DataFrame({"id": ["a", "b", "a", "a.tif", "c"], "label": [1, 0, 1, 1, 1]})
    table = table.assign(score=0.5)
    scores = read_scores_csv("t.csv", table.to_csv(index=False).encode())
    remark = "2 rows with an id that appeared before (a)."
    assert any(doubt.startswith(remark) for doubt in scores.doubts)
    assert len(scores.evidence) == 5
    table.loc[3, "label"] = 0
    with pytest.raises(SourceError, match=r"t\.csv gives 1 id more than one label \(a\)"):
        read_scores_csv("t.csv", table.to_csv(index=False).encode())
    table["path"] = ["1/a.tif", "b.tif", "1/a.tif", "0/a.tif", "c.tif"]
    assert len(read_scores_csv("t.csv", table.to_csv(index=False).encode()).evidence) == 5


def test_two_names_that_no_one_knows_are_asked_for() -> None:
    with pytest.raises(SourceError, match="has the columns id, befund, wert; expected label"):
        read_scores_csv("t.csv", b"id;befund;wert\na;1;0,5\n")
