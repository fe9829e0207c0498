"""Where a batch comes from: a folder, files, a ZIP, a place on the server, the drawn samples.

Which column of a table is which is chosen here too, where its names are not ours.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app import resources
from app.screens.shared import words
from app.screens.shared.parts import attempt, button, plain, show_problem
from app.state import address, identity, widgets
from core.errors import NodelensError, SourceError
from core.jobs import Job, JobFolder
from core.settings import SAMPLES_TABLE, Settings
from core.tables import SLIDE_COLUMNS, guessed_columns

_SCRIPT: Final = Path(__file__).with_name("folder.js")
_PACK: Final = ".folder"
_BROKEN: Final = "The folder was not uploaded completely. Choose it again, or put it into a ZIP."


@dataclass
class ChosenFile:
    """A file that was chosen in the browser: what of it was not read yet.

    Its name has its folders before it and is hostile text, from someone's disk.
    """

    name: str
    data: memoryview

    @property
    def size(self) -> int:
        """Bytes that were not read yet."""
        return len(self.data)

    def read(self, size: int = -1, /) -> bytes:
        """Return the next `size` bytes, or all that are left."""
        end = len(self.data) if size < 0 else size
        block, self.data = bytes(self.data[:end]), self.data[end:]
        return block


def chosen_files(uploaded: Iterable[UploadedFile]) -> list[ChosenFile]:
    """Return the files that were chosen, in their order, out of their packs.

    Raises:
        SourceError: A pack is not what its first line says.
    """
    files = []
    for file in uploaded:
        data = memoryview(file.getvalue())
        # Names of a folder's own files have the folder before them.
        is_pack = file.name.endswith(_PACK) and "/" not in file.name
        files += _members(file.readline(), data) if is_pack else [ChosenFile(file.name, data)]
    return files


def _members(head: bytes, data: memoryview) -> list[ChosenFile]:
    try:
        entries = [(str(name), int(size)) for name, size in json.loads(head)]
    except (ValueError, TypeError, RecursionError):
        raise SourceError(_BROKEN) from None
    if any(size < 0 for _, size in entries) or len(head) + sum(s for _, s in entries) != len(data):
        raise SourceError(_BROKEN)
    members, start = [], len(head)
    for name, size in entries:
        members.append(ChosenFile(name, data[start : start + size]))
        start += size
    return members


SAMPLES_NAME: Final = "Drawn samples (not tissue)"
_TOLD: Final = ("id", "label", "slide", "split")
TakeJob = Callable[[Job], None]
"""Takes a job that was just made of what someone brought."""


def look_at(job: Job) -> None:
    """Look at a batch."""
    address.job.look_at(job.id)


def try_samples(store: JobFolder, take: TakeJob = look_at) -> None:
    """Make a batch of the drawn samples and look at it."""
    take(store.add_server_path(identity.owner(), SAMPLES_NAME, SAMPLES_TABLE))


def samples_button(store: JobFolder, take: TakeJob = look_at, key: str = "try-samples") -> None:
    """Draw the button that opens the drawn samples."""
    blocked = not (SAMPLES_TABLE.is_file() and store.is_writable)
    button("Open the drawn samples", key, "draw", try_samples, store, take, disabled=blocked)


def new_batch(store: JobFolder, settings: Settings, take: TakeJob = look_at) -> None:
    """Draw the ways to bring patches; whichever is used makes a job, which is looked at as a batch.

    `take`, where it is given, takes the job instead.
    """
    on_server = ["On the server"] * bool(settings.server_roots)
    folder, files, *server, samples = st.tabs(
        ["Folder", "Files or ZIP", *on_server, "Drawn samples"]
    )
    if settings.keep_days is not None:
        st.caption(words.KEPT_DAYS.format(days=settings.keep_days))
    with folder:
        st.caption(words.FOLDER)
        # Has the browser send a folder as few packs: Streamlit takes long over many files.
        with st.container(key="nl-keep-packs"):
            script = f"<script>{_SCRIPT.read_text('utf-8')}</script>"
            st.html(script, unsafe_allow_javascript=True)
        _upload(store, settings, take, name="folder", label="Folder of patches")
    with files:
        mib = settings.max_upload_bytes // 2**20
        st.caption(words.FILES.format(files=settings.max_upload_files, mib=mib))
        _upload(store, settings, take, name="files", label="Images or ZIP")
    for place in server:
        with place:
            server_path(store, settings, take, words.SERVER, "Open this source")
    with samples:
        st.caption(words.SAMPLES)
        samples_button(store, take)


def _upload(store: JobFolder, settings: Settings, take: TakeJob, *, name: str, label: str) -> None:
    """Draw an uploader; what it brings becomes a job.

    Every type is taken: what cannot be scored is told with its reason, where Streamlit's own filter
    only says that it is not allowed.
    """
    uploaded: list[UploadedFile] = st.file_uploader(
        label,
        accept_multiple_files="directory" if name == "folder" else True,
        key=widgets.fresh_key(name),
        label_visibility="collapsed",
    )
    if not uploaded:
        return
    try:
        files = chosen_files(uploaded)
        sizes = [file.size for file in files]
        settings.check_upload(sizes)
        store.require_room(identity.owner(), sum(sizes), quota=settings.quota_bytes)
        with st.spinner(f"Storing {len(files):,} files …"):
            job = store.add_upload(identity.owner(), _upload_name(files), files)
    except NodelensError as error:
        show_problem(error)
        return
    finally:
        widgets.release(uploaded)
    widgets.renew(name)
    take(job)
    st.rerun()


def _upload_name(files: Sequence[ChosenFile]) -> str:
    """Return what to call an upload: its folder, its only file, or its first file and how many."""
    paths = [PurePosixPath(file.name.replace("\\", "/")) for file in files]
    folders = {path.parts[0] for path in paths if len(path.parts) > 1}
    if len(folders) == 1:
        return folders.pop()
    if len(files) == 1:
        return paths[0].name
    return f"{paths[0].name} and {len(files) - 1:,} more"


def take_new(add: Callable[[], Job], take: TakeJob) -> None:
    """Take a job that is made of what someone brought, or say why none can be."""
    job = attempt(add)
    if job is not None:
        take(job)
        st.rerun()


def server_path(
    jobs: JobFolder,
    settings: Settings,
    take: TakeJob,
    caption: str,
    action: str,
    *,
    no_folder: str = "",
) -> None:
    """Draw the field for a path on the server; what is there becomes a job.

    `no_folder` says why it has to be one file, where it has.
    """
    st.caption(caption.format(roots=", ".join(f"`{root}`" for root in settings.server_roots)))
    with st.form("server-path", border=False):
        text = st.text_input("Path", placeholder=f"{settings.server_roots[0]}/…").strip()
        pressed = st.form_submit_button(action, icon=":material/folder_open:")

    def add() -> Job:
        path = settings.server_source(text)
        if no_folder and not path.is_file():
            raise SourceError(no_folder)
        return jobs.add_server_path(identity.owner(), path.name, path)

    if pressed and text:
        take_new(add, take)


_AS_THEY_ARE: Final = frozenset({"prob_tumour", *SLIDE_COLUMNS})
"""Names besides our own that a table is read with."""
Called = dict[str, str]
"""Columns of a table by their names there, and what they are to be called here."""


def chosen_columns(
    key: str,
    there: Mapping[str, str],
    roles: Sequence[str],
    needed: Sequence[Sequence[str]],
    about: str = "",
) -> tuple[Called | None, bool]:
    """Draw the choice of columns where a table has other names; say whether it was drawn.

    What is called otherwise comes first, None while the choice cannot be used. `there` has the
    spelling in the file, the roles are names in `core.tables.COLUMNS`, one of each group in
    `needed` is needed, and `about` is said above the choice.
    """
    chosen: dict[str, str | None] = guessed_columns(list(there), roles)
    usual = {role for role, name in chosen.items() if name in {role, *_AS_THEY_ARE}}
    odd = any(chosen[role] for role in chosen.keys() - usual)
    if drawn := odd or not _met(chosen, needed):
        if about:
            st.caption(about)
        must = {group[0] for group in needed}
        with st.container(horizontal=True):
            for role in roles:
                options = [None, *there]
                chosen[role] = st.selectbox(
                    words.COLUMNS[role] + ("" if role in must else words.OPTIONAL),
                    options,
                    index=options.index(chosen[role]),
                    format_func=lambda name: there.get(name, words.NO_COLUMN),
                    key=f"{key}-{role} in {list(there)}",  # another table is guessed anew
                    width=190,
                )
    named = {name: role for role, name in chosen.items() if name}
    if len(named) < sum(map(bool, chosen.values())):
        st.warning(words.COLUMN_TWICE, icon=":material/view_column:")
        return None, drawn
    if not _met(chosen, needed):
        return None, drawn
    return {n: role for n, role in named.items() if n not in {role, *_AS_THEY_ARE}}, drawn


def _met(chosen: Mapping[str, str | None], needed: Sequence[Sequence[str]]) -> bool:
    return all(any(chosen[role] for role in group) for group in needed)


def labels_field(
    name: str,
    keep: Callable[[str, bytes, Called], None],
    about_patches: Sequence[str] = ("label",),
) -> None:
    """Draw the field for a CSV of labels; kept at once, or when its columns have been chosen.

    `keep` takes the file's name, its bytes and what its columns are to be called; of the columns
    about patches, one is needed.
    """
    file = st.file_uploader(words.ADD_LABELS, key=widgets.fresh_key(name))
    if file is None:
        return
    data, needed = file.getvalue(), (("id",), about_patches)
    problem = st.container()  # above the columns: below them nobody would see it
    try:
        there = resources.csv_columns(file.name, data)
        called, drawn = chosen_columns(name, there, _TOLD, needed, words.LABEL_COLUMNS)
        if drawn:
            pressed = button(words.USE_COLUMNS, f"{name}-columns", disabled=called is None)
        if called is None or (drawn and not pressed):
            return
        keep(file.name, data, called)
    except NodelensError as error:
        with problem:
            show_problem(error)
        return
    widgets.renew(name)
    st.rerun()


def said_of_tables(notes: Sequence[str]) -> bool:
    """Show what was said of tables, such as why one is not used; return whether anything was."""
    for note in notes:
        st.warning(plain(note), icon=":material/label_off:")
    return bool(notes)


def add_labels(store: JobFolder, job: Job) -> None:
    """Draw the field for a CSV of labels; what it brings stays with the batch."""
    labels_field(f"labels-{job.id}", partial(store.add_labels, job))
