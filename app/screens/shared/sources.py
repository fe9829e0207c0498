"""Where a batch comes from: a folder, files, a ZIP, a place on the server, the drawn samples."""

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Final

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app.screens.shared.parts import show_problem
from app.state import address, identity, widgets
from core.errors import NodelensError
from core.jobs import Job, JobStore
from core.patches import PATCH_SUFFIXES
from core.settings import SAMPLES_TABLE, Settings

SAMPLES_NAME: Final = "Drawn samples (not tissue)"
Brought = Callable[[Job], None]
"""Takes a job that was just made of what somebody brought."""


def look_at(job: Job) -> None:
    """Look at a batch."""
    address.look_at_job(job.id)


def try_samples(store: JobStore, brought: Brought = look_at) -> None:
    """Make a batch of the drawn samples and look at it."""
    brought(store.add_server_path(identity.owner(), SAMPLES_NAME, SAMPLES_TABLE))


def new_batch(
    store: JobStore, settings: Settings, brought: Brought = look_at, *, tables: bool = False
) -> None:
    """Draw the ways to bring patches; whichever is used makes a job.

    Args:
        store: Takes the job.
        settings: Limits of uploads, and the folders on the server.
        brought: Takes the job; looks at it as a batch unless told otherwise.
        tables: Whether CSVs with labels may be among single files.
    """
    folder, files, server, samples = st.tabs(
        ["Folder", "Files or ZIP", "On the server", "Drawn samples"]
    )
    with folder:
        st.caption(
            "For up to about a thousand patches. Subfolders are included; "
            "every file gets a row, also those that turn out not to be patches."
        )
        key = widgets.uploader_key("folder")
        chosen = st.file_uploader(
            "Folder of patches",
            accept_multiple_files="directory",
            key=key,
            label_visibility="collapsed",
        )
        _keep_upload(store, settings, "folder", chosen, brought)
    with files:
        st.caption(
            "Single images (.tif, .png, .jpg, .bmp, .webp), or one ZIP for thousands of patches. "
            f"At most {settings.max_upload_files:,} files and "
            f"{settings.max_upload_bytes // 2**20:,} MiB at once."
        )
        key = widgets.uploader_key("files")
        chosen = st.file_uploader(
            "Images or ZIP",
            type=["zip", *["csv"] * tables, *sorted(suffix[1:] for suffix in PATCH_SUFFIXES)],
            accept_multiple_files=True,
            key=key,
            label_visibility="collapsed",
        )
        _keep_upload(store, settings, "files", chosen, brought)
    with server:
        _server_path(store, settings, brought)
    with samples:
        st.caption(
            "24 patches drawn by a computer program. They imitate H&E-stained lymph node so that "
            "every page can be tried at once. They show no tissue, come from no patient, and no "
            "score on them says anything about real patches."
        )
        st.button(
            "Open the drawn samples",
            icon=":material/draw:",
            on_click=try_samples,
            args=(store, brought),
            disabled=not SAMPLES_TABLE.is_file(),
            key="try-samples",
        )


def _keep_upload(
    store: JobStore,
    settings: Settings,
    uploader: str,
    files: Sequence[UploadedFile],
    brought: Brought,
) -> None:
    if not files:
        return
    try:
        settings.check_upload([file.size for file in files])
        with st.spinner(f"Keeping {len(files):,} files …"):
            job = store.add_upload(identity.owner(), _upload_name(files), files)
    except NodelensError as error:
        show_problem(error)
        return
    widgets.clear_uploader(uploader)
    brought(job)
    st.rerun()


def _upload_name(files: Sequence[UploadedFile]) -> str:
    """Return what to call an upload: its folder, its only file, or its first file and how many."""
    paths = [PurePosixPath(file.name.replace("\\", "/")) for file in files]
    folders = {path.parts[0] for path in paths if len(path.parts) > 1}
    if len(folders) == 1:
        return folders.pop()
    if len(files) == 1:
        return paths[0].name
    return f"{paths[0].name} and {len(files) - 1:,} more"


def _server_path(store: JobStore, settings: Settings, brought: Brought) -> None:
    if not settings.server_roots:
        st.caption(
            "Switched off. The operator can allow folders on the server with "
            "NODELENS_SERVER_ROOTS; whole data sets and HDF5 files are then read in place."
        )
        return
    st.caption(
        "A folder, ZIP, PCam .h5 file or CSV of paths, read where it lies. Allowed below: "
        + ", ".join(f"`{root}`" for root in settings.server_roots)
    )
    with st.form("server-path", border=False):
        text = st.text_input("Path", placeholder=f"{settings.server_roots[0]}/…")
        wanted = st.form_submit_button("Look at this source", icon=":material/folder_open:")
    if not wanted:
        return
    try:
        path = settings.server_source(text)
    except NodelensError as error:
        show_problem(error)
        return
    brought(store.add_server_path(identity.owner(), path.name, path))
    st.rerun()
