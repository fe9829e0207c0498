import os
from pathlib import Path

import pytest

from core.errors import SettingsError, SourceError
from core.settings import SHIPPED_MODEL, Settings, default_data_dir


def settings(root: Path) -> Settings:
    return Settings.from_environment({"NODELENS_SERVER_ROOTS": str(root)})


def test_nothing_set_means_the_shipped_model_and_no_reading_on_the_server() -> None:
    settings = Settings.from_environment({})
    assert settings.model_dir == SHIPPED_MODEL
    assert settings.device == "auto"
    assert settings.server_roots == ()


def test_every_variable_is_read(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    settings = Settings.from_environment(
        {
            "NODELENS_DATA_DIR": str(tmp_path / "data"),
            "NODELENS_MODEL": str(tmp_path / "model"),
            "NODELENS_DEVICE": "cpu",
            "NODELENS_SERVER_ROOTS": os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")]),
            "NODELENS_MAX_UPLOAD_FILES": "7",
            "NODELENS_MAX_UPLOAD_MIB": "2",
        }
    )
    assert settings == Settings(
        data_dir=tmp_path / "data",
        model_dir=tmp_path / "model",
        device="cpu",
        server_roots=((tmp_path / "a").resolve(), (tmp_path / "b").resolve()),
        max_upload_files=7,
        max_upload_bytes=2 * 1024 * 1024,
    )
    assert settings.jobs_dir == tmp_path / "data" / "jobs"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NODELENS_DEVICE", "tpu"),
        ("NODELENS_MAX_UPLOAD_FILES", "0"),
        ("NODELENS_MAX_UPLOAD_FILES", "many"),
        ("NODELENS_MAX_UPLOAD_MIB", "²"),
        ("NODELENS_SERVER_ROOTS", "relative/folder"),
        ("NODELENS_SERVER_ROOTS", "/no/such/folder"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({name: value})


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", "XDG_DATA_HOME", "/x/nodelens"),
        ("win32", "LOCALAPPDATA", "/x/nodelens"),
    ],
)
def test_data_goes_where_the_platform_keeps_it(platform: str, variable: str, expected: str) -> None:
    assert default_data_dir({variable: "/x"}, platform) == Path(expected)
    assert default_data_dir({}, platform).is_relative_to(Path.home())


def test_a_source_below_a_root_is_found_with_its_links_followed(tmp_path: Path) -> None:
    inside = tmp_path / "root" / "case 1"
    inside.mkdir(parents=True)
    (tmp_path / "root" / "link").symlink_to(inside)
    allowed = settings(tmp_path / "root")
    assert allowed.server_source(f"  {inside} ") == inside.resolve()
    assert allowed.server_source(str(tmp_path / "root" / "link")) == inside.resolve()
    assert allowed.server_source(str(tmp_path / "root")) == (tmp_path / "root").resolve()


def test_ways_out_of_the_roots_are_refused_alike_whether_they_exist_or_not(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "root-2").mkdir()
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "loop").symlink_to(root / "loop")
    refusals = set()
    for attempt in (
        str(tmp_path / "secret"),
        str(tmp_path / "absent"),
        str(tmp_path / "root-2"),
        f"{root}/../secret",
        f"{root}/link",
        f"{root}/link/x",
        "root",
        "../secret",
        "",
        "~",
        f"{root}/a\0b",
        f"{root}/{'x' * 5000}/../../../secret",
    ):
        with pytest.raises(SourceError) as refusal:
            settings(root).server_source(attempt)
        refusals.add(str(refusal.value))
    assert len(refusals) == 1


def test_only_below_a_root_is_it_told_that_nothing_is_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        settings(tmp_path).server_source(str(tmp_path / "absent"))


def test_without_roots_every_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not below a folder"):
        Settings(data_dir=tmp_path).server_source(str(tmp_path))


def test_an_upload_beyond_the_limits_is_refused_with_what_to_do(tmp_path: Path) -> None:
    small = Settings(data_dir=tmp_path, max_upload_files=2, max_upload_bytes=100)
    small.check_upload([50, 50])
    with pytest.raises(SourceError, match="ZIP"):
        small.check_upload([1, 1, 1])
    with pytest.raises(SourceError, match="Split it"):
        small.check_upload([60, 60])
