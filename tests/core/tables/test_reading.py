"""One table, written in the ways that spreadsheets and scripts write it."""

import csv
import gzip
import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from core.errors import SourceError
from core.files import no_formula, unguarded
from core.tables import (
    KnownById,
    guessed_columns,
    id_key,
    known_by_id,
    parse_label,
    parse_table,
    read_table,
    split_name,
)

PLAIN = {"id": ["a1", "b2"], "label": ["0", "1"], "slide": ["s1", ""]}


def rows(data: bytes) -> dict[str, list[str]]:
    table = parse_table("t.csv", data).rows
    return {str(column): table[column].tolist() for column in table}


@pytest.mark.parametrize(
    "data",
    [
        b"id,label,slide\na1,0,s1\nb2,1,\n",
        b"\xef\xbb\xbfid,label,slide\r\na1,0,s1\r\nb2,1,\r\n",
        b"id;label;slide\na1;0;s1\nb2;1;\n",
        b"sep=;\nid;label;slide\na1;0;s1\nb2;1;\n",
        b"id\tlabel\tslide\na1\t0\ts1\nb2\t1\t\n",
        b"ID, Label ,SLIDE\n a1 ,0 ,s1\nb2,1,\n",
        b'"id","label","slide"\n"a1","0","s1"\n"b2","1",""\n',
        b"id,label,slide,\na1,0,s1,\nb2,1,,\n",
        b"id,label,slide\na1,0,s1,\nb2,1,,\n",
        b"id,label,slide\na1,0,s1\nb2,1\n",
        b"id,label,slide\na1,0,s1\nb2,1,nan\n",
        b"id,label,slide\na1,0,s1\nb2,1,N/A\n",
        b"id,label,slide\n\na1,0,s1\n,,\nb2,1,\n\n",
        "id,label,slide\na1,0,s1\nb2,1,\n".encode("utf-16"),
        b"id,label,slide\ra1,0,s1\rb2,1,\r",
        b"id,label,slide\r\na1,0,s1\r\nb2,1,\r\n\x1a",
        b",id,label,slide\n0,a1,0,s1\n1,b2,1,\n",
        gzip.compress(b"id,label,slide\n") + gzip.compress(b"a1,0,s1\nb2,1,\n"),
    ],
)
def test_the_same_table_is_read_however_it_is_written(data: bytes) -> None:
    assert rows(data) == PLAIN


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (b"id,label\na,1,\nb,0,\n", "2 rows ending in one separator too many"),
        (b"id,label\na,1\nb\n", "1 row with fewer cells"),
        (b"id,label\n a,1\nb,0 \n", "2 cells with spaces"),
        (b"id,slide\na,nan\nb,NA\n", "2 cells in 'slide' count as unknown"),
        (b"id;score\na;0,25\nb;0,5\n", "2 numbers in 'score' with a decimal comma"),
        (b"id,label\n,,\na,1\n", "1 row with no content, skipped"),
        (b"id,slide\na,M\xfcller\n", "not UTF-8"),
        (b",id\n0,a\n", "1 column without a name left out"),
        (b"id,slide\na,x\x1b[31m\n", "1 cell with characters that cannot be shown"),
        (b"id,label\na,1\nID,Label\nb,0\n", "1 row repeating the first line, skipped"),
        (b"id,slide\na,#REF!\nb,#N/A\n", "2 cells in 'slide' count as unknown"),
    ],
)
def test_what_is_mended_is_said_with_its_number(data: bytes, note: str) -> None:
    assert any(note in note_given for note_given in parse_table("t.csv", data).notes)


def test_unknown_cells_of_a_column_that_nobody_reads_are_not_worth_a_note() -> None:
    assert parse_table("t.csv", b"id,place\na,none\n").notes == ()


def test_a_plain_table_needs_no_word() -> None:
    assert parse_table("t.csv", b"id,label\na,1\nb,0\n").notes == ()


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"path\nA.tif,C.tif\n", "line 2: found 2 cells, expected 1"),
        (b"id,label\na,1\nb,0,x\n", "line 3: found 3 cells, expected 2"),
        (b"path,label,path\na,1,b\n", "1 column name more than once"),
        (b"id,label,label.1\na,1,0\n", "t.csv has 1 column name more than once"),
        (b"\x1f\x8b" + b"x" * 99, "is damaged"),
        (gzip.compress(b"id,label\na,1\n" * 99)[:40], "is damaged"),
        (b"PK\x03\x04" + b"x" * 99, "is an Excel file"),
        (b"\xd0\xcf\x11\xe0" + b"x" * 99, "is an Excel file"),
        (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "is a PDF, not a table"),
        (b"{\\rtf1\\ansi id;label\\par}", "RTF.*, not a table"),
        (b"PAR1" + b"x" * 99, "not a readable Parquet file"),
        (b"i\x01d,lab\x02el\na,1\n", "is not text"),
        (b"", "is empty"),
        (b"sep=;\n", "names no column"),
        (b",,\na,b,c\n", "names no column"),
        (b"\0" * 100, "is not text"),
        (b'id,label\n"a\n' + b"x" * 200_000, "not a readable CSV"),
        (b'id,split\na,train\n"b,train\nc,test\n', "not a readable CSV"),
        (b'id,split\n"a,train\nb,test\nc",train\n', "line 2: found a cell that does not end"),
    ],
)
def test_what_could_mean_two_things_is_refused(data: bytes, refusal: str) -> None:
    with pytest.raises(SourceError, match=refusal):
        parse_table("t.csv", data)


def test_decimal_commas_are_numbers_and_names_keep_theirs() -> None:
    cells = rows(b"id;score\n1,5;0,125\n")
    assert cells == {"id": ["1,5"], "score": ["0.125"]}


def test_a_patch_called_nan_keeps_its_name() -> None:
    assert rows(b"id,slide\nnan,nan\n") == {"id": ["nan"], "slide": [""]}


def test_lines_are_those_of_the_file() -> None:
    table = parse_table("t.csv", b'id,remark\n\na,1\nb,"0\n0"\nd,1\n')
    assert table.rows.index.tolist() == [3, 4, 6]


@pytest.mark.parametrize(
    "text", ["-x", "'-x", "''=1", "=1+1", "plain", "'quoted", "\t=", "\uff1d1"]
)
def test_a_guarded_name_comes_back_as_it_was(text: str) -> None:
    assert unguarded(no_formula(text)) == text


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", " =1", "\n=1", "\uff1d1", "'=1"])
def test_no_cell_starts_as_a_formula(text: str) -> None:
    assert no_formula(text).startswith("'")
    assert no_formula(text) != text


def test_a_guarded_id_is_read_as_the_file_name() -> None:
    out = io.StringIO()
    csv.writer(out).writerow(["id"])
    csv.writer(out).writerow([no_formula("-1a.x")])
    assert rows(out.getvalue().encode()) == {"id": ["-1a.x"]}


@pytest.mark.parametrize("form", ['="{}"', '"=""{}"""', "'{}"])
def test_a_number_that_was_kept_as_text_for_a_spreadsheet_is_that_text(form: str) -> None:
    table = parse_table("t.csv", f"id,label\n{form.format('00012')},1\n".encode())
    assert table.rows["id"].tolist() == ["00012"]
    assert table.notes == ("t.csv: 1 cell in 'id' marked as text for a spreadsheet.",)


def test_an_index_called_id_in_parquet_is_a_column(tmp_path: Path) -> None:
    frame = pd.DataFrame({"label": [1.0, 0.0], "score": [0.5, 0.125], "slide": ["s", None]})
    frame.set_axis(pd.Index(["a", "b"], name="id")).to_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet", required=["id"]).rows
    assert table["id"].tolist() == ["a", "b"]
    assert table["score"].tolist() == ["0.5", "0.125"]
    assert table["slide"].tolist() == ["s", ""]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Train", "train"),
        ("TRAINING", "train"),
        ("Val ", "val"),
        ("valid", "val"),
        ("Validation", "val"),
        ("dev", "val"),
        ("Test", "test"),
        ("hold-out", "hold-out"),
        ("fold 3", "fold 3"),
    ],
)
def test_parts_are_known_by_their_usual_names_only(text: str, part: str) -> None:
    assert split_name(text) == part


def test_ids_meet_files_whatever_their_spelling() -> None:
    composed, decomposed = "M\u00fcller", "Mu\u0308ller"
    assert id_key(decomposed + ".TIF") == id_key(composed)
    data = f"id,label\n{decomposed}.tif,1\nsub\\x.png,0\ny.v2,1\n".encode()
    known = known_by_id(parse_table("t.csv", data), ["label"])
    assert known.of(composed, f"train/{composed}.tif") == {"label": "1"}
    assert known.of("x", "set/sub/x.png") == {"label": "0"}
    assert known.of("x", "set/other/x.png") == {}
    assert known.of("y.v2", "y.v2.tif") == {"label": "1"}
    assert any("2 ids matched without the suffix" in note for note in known.notes)


def labels(*ids: str) -> KnownById:
    rows = "".join(f"{patch_id},{number % 2}\n" for number, patch_id in enumerate(ids))
    return known_by_id(parse_table("t.csv", f"id,label\n{rows}".encode()), ["label"])


@pytest.mark.parametrize(
    "paths",
    [
        ("train/x.tif", "train/y.tif", "z.tif"),
        ("mine/train/x.tif", "mine/train/y.tif"),
        ("x.tif", "y.tif"),
    ],
)
@pytest.mark.parametrize("root", ["/home/a/data/", "C:\\data\\", "data/"])
def test_ids_that_are_paths_of_another_machine_meet_files_by_their_ending(
    root: str, paths: Sequence[str]
) -> None:
    known = labels(f"{root}train/x.tif", f"{root}train/y.tif").placed(paths)
    assert [known.of(Path(path).stem, path).get("label") for path in paths[:2]] == ["0", "1"]
    assert any("2 paths in another folder matched by the ending" in one for one in known.notes)
    assert not known.contradictions


def test_of_paths_of_another_machine_the_longest_ending_counts_and_a_doubtful_one_is_refused() -> (
    None
):
    both = labels("/a/s1/x.tif", "/a/s2/x.tif")
    apart = both.placed(["s1/x.tif", "s2/x.tif"])
    assert [apart.of("x", f"s{n}/x.tif")["label"] for n in (1, 2)] == ["0", "1"]
    alone = both.placed(["x.tif"])
    assert not alone.of("x", "x.tif")
    assert "2 paths in another folder that may belong to one patch (/a/s1/x.tif)" in (
        " ".join(alone.contradictions)
    )
    elsewhere = labels("/a/s1/x.tif").placed(["s2/x.tif", "s3/y.tif"])
    assert not elsewhere.of("x", "s2/x.tif")


def test_a_path_says_more_than_a_name() -> None:
    known = labels("x", "b/x")
    assert [known.of("x", path)["label"] for path in ("x.tif", "b/x.tif")] == ["0", "1"]


def test_repeats_are_counted_and_contradictions_named() -> None:
    data = b"id,label,slide\na,1,s\na.tif,1,s\nb,0,s\nb,1,s\n,1,s\n"
    known = known_by_id(parse_table("t.csv", data), ["label", "slide"])
    assert known.contradictions == ("t.csv gives 1 id more than one label (b).",)
    assert any("2 ids more than once" in note for note in known.notes)
    assert any("1 row with no id" in note for note in known.notes)


@pytest.mark.parametrize(
    "cells", ["3|3.0|3", "b 1|b\u00a01|B  1", "b1.svs|b1|b1.tif", "\u00fc1|u\u03081|\u00dc1"]
)
def test_one_slide_is_one_slide_however_it_is_spelt(cells: str) -> None:
    text = "id,wsi\n" + "".join(f"{n},{cell}\n" for n, cell in enumerate(cells.split("|")))
    known = known_by_id(parse_table("t.csv", text.encode()), ["wsi"])
    assert len({row["wsi"] for row in known.rows.values()}) == 1
    assert "in 'wsi' respelt" in " ".join(known.notes)


@pytest.mark.parametrize("cells", ["b1|b10|b1.5", "3|30|3.5", "a.1|a.10|a.svs.1"])
def test_other_slides_stay_others(cells: str) -> None:
    text = "id,wsi\n" + "".join(f"{n},{cell}\n" for n, cell in enumerate(cells.split("|")))
    known = known_by_id(parse_table("t.csv", text.encode()), ["wsi"])
    assert len({row["wsi"] for row in known.rows.values()}) == 3


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ("b03|b3", True),
        ("b_3|b-03", True),
        ("b03.svs|/data/b03.svs", True),
        ("D:\\scans\\b3.svs|b03", True),
        ("case 1/slide|case 2/slide", False),
        ("b3|b30", False),
        ("b1-1|b11", False),
        ("b3|b3", False),
    ],
)
def test_slides_that_may_be_one_are_told_and_stay_two(cells: str, told: bool) -> None:
    text = "id,wsi\n" + "".join(f"{n},{cell}\n" for n, cell in enumerate(cells.split("|")))
    known = known_by_id(parse_table("t.csv", text.encode()), ["wsi"])
    assert [row["wsi"] for row in known.rows.values()] == cells.split("|")
    assert any("1 name in 'wsi' very similar to another" in note for note in known.notes) is told


@pytest.mark.parametrize("word", ["?", "-", "missing", "N.A."])
def test_a_word_for_unknown_is_no_slide_and_no_missing_id(word: str) -> None:
    cells = rows(f"id,slide,remark\n{word},{word},{word}\n".encode())
    assert cells == {"id": [word], "slide": [""], "remark": [word]}


def test_parquet_is_read_by_its_contents_with_text_in_bytes_and_whole_numbers_whole() -> None:
    out = io.BytesIO()
    pd.DataFrame({"id": [b"a1", b"b2"], "wsi": [3.0, None], "score": [0.25, 1.0]}).to_parquet(out)
    assert rows(out.getvalue()) == {"id": ["a1", "b2"], "wsi": ["3", ""], "score": ["0.25", "1"]}


def test_slides_that_differ_in_capitals_are_one() -> None:
    known = known_by_id(parse_table("t.csv", b"id,wsi\na,B03\nb,b03\nc,b04\n"), ["wsi"])
    assert [row["wsi"] for row in known.rows.values()] == ["B03", "B03", "b04"]
    assert any("1 cell in 'wsi' respelt" in note for note in known.notes)


@pytest.mark.parametrize(
    ("one", "none"),
    [
        *(("1", "0"), ("1.0", "0.0"), ("1.00", "0."), ("TRUE", "FALSE"), ("pos", "neg")),
        *(("Tumor", "Normal"), ("tumour", "non-tumour"), ("Positive", "NEGATIVE"), ("T", "F")),
        *(("tumor", "no_tumor"), (" yes ", "No"), ("WAHR", "FALSCH"), ("1e0", "0E+00")),
        ("1.000000000000000000e+00", "0.000000000000000000e+00"),
        *(("tumeur", "pas de tumeur"), ("Bösartig", "gutartig"), ("Tumor", "kein Tumor")),
    ],
)
def test_a_label_is_read_in_the_words_that_people_write(one: str, none: str) -> None:
    assert (parse_label(one, "t"), parse_label(none, "t"), parse_label("", "t")) == (1, 0, None)


@pytest.mark.parametrize("text", ["2", "-1", "+1", "0.5", "100%", "1,0", "10", "-", "+", "maybe"])
def test_a_label_that_may_mean_anything_is_refused(text: str) -> None:
    with pytest.raises(SourceError, match="has the label"):
        parse_label(text, "t")


def test_a_table_that_would_fill_the_memory_is_refused_however_well_it_is_packed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.tables.reading._MOST_CELLS", 60)
    out = io.BytesIO()
    pd.DataFrame({"id": ["a"] * 11, "label": 1, "score": 0.5}).to_parquet(out)
    for data in (b"id,label,score\n" + b"a,1,0.5\n" * 11, out.getvalue()):
        with pytest.raises(SourceError, match="more than 10 rows of 3 columns"):
            parse_table("t", data)
    assert len(rows(b"id,label,score\n" + b"a,1,0.5\n" * 10)["id"]) == 10
    with pytest.raises(SourceError, match="first line of 200,000 characters"):
        parse_table("t", b"a," * 100_000)


def test_the_names_that_scripts_use_are_guessed_and_others_are_not() -> None:
    names = ("label", "score", "id", "slide")
    assert guessed_columns(["file", "y", "prob", "wsi"], names) == {
        "label": "y",
        "score": "prob",
        "id": "file",
        "slide": "wsi",
    }
    assert guessed_columns(["svar", "wert"], names)["label"] is None
    assert guessed_columns(["dateiname", "befund", "schnitt"], ("id", "label", "slide")) == {
        "id": "dateiname",
        "label": "befund",
        "slide": "schnitt",
    }
    assert guessed_columns(["fichier", "étiquette", "lame"], ("id", "label")) == {
        "id": "fichier",
        "label": "étiquette",
    }
    assert guessed_columns(["y", "label"], names)["label"] == "label"


def test_columns_are_named_as_the_file_spells_them_and_read_in_any_capitals() -> None:
    table = parse_table("t.csv", b"Datei,Befund\na,1\n", called={"befund": "label"})
    assert table.spellings() == ["Datei", "Befund"]
    assert table.rows.to_dict("list") == {"datei": ["a"], "label": ["1"]}
    with pytest.raises(SourceError, match=r"the columns 'Datei', 'Befund'; expected also 'id'"):
        table.require("id")
    assert parse_table("t.csv", table.to_csv()).rows.to_dict("list") == table.rows.to_dict("list")
