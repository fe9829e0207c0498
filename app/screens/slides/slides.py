"""The slides of a workspace: ways to bring one, their list, the head line of one."""

from collections.abc import Callable
from functools import partial
from typing import Final

import streamlit as st
from markupsafe import Markup

from app import resources
from app.screens.shared.jobs import job_list, marks
from app.screens.shared.parts import badge, button, empty, head_line, way_back
from app.screens.shared.sources import server_path, take_new
from app.screens.slides import words
from app.screens.slides.before import again_button
from app.state import address, identity, widgets
from core.jobs import Job
from core.settings import Settings
from core.slides.store import SlideStore

_UPLOADER: Final = "slide-file"


def new_slide(store: SlideStore, settings: Settings) -> None:
    """Draw the ways to bring a slide; whichever is used opens it."""
    on_server = ["On the server"] * bool(settings.server_roots)
    upload, *server, drawn = st.tabs(["File", *on_server, "Drawn slide"])
    with upload:
        st.caption(words.UPLOAD.format(mib=settings.max_upload_bytes // 2**20))
        _upload(store, settings)
    for place in server:
        with place:
            take, no_folder = _look_at, "This is a folder; name the file of one slide in it."
            server_path(
                store.jobs, settings, take, words.SERVER, "Open this slide", no_folder=no_folder
            )
    with drawn:
        st.caption(words.DRAWN)
        _drawn_button(store, "try-slide")


def _drawn_button(store: SlideStore, key: str) -> None:
    if button("Open the drawn slide", key, "draw"):
        bar = st.empty()

        def show(share: float) -> None:
            bar.progress(share, text=words.DRAWING)

        take_new(partial(store.add_drawn, identity.owner(), words.DRAWN_NAME, show), _look_at)


def _upload(store: SlideStore, settings: Settings) -> None:
    file = st.file_uploader("Slide", key=widgets.fresh_key(_UPLOADER), label_visibility="collapsed")
    if file is None:
        return

    def keep() -> Job:
        settings.check_upload([file.size])
        store.jobs.require_room(identity.owner(), file.size, quota=settings.quota_bytes)
        return store.add_upload(identity.owner(), file)

    try:
        with st.spinner("Storing the slide …"):
            widgets.renew(_UPLOADER)
            take_new(keep, _look_at)
    finally:
        widgets.release([file])


def _look_at(job: Job) -> None:
    address.slide.look_at(job.id)


def slide_list(store: SlideStore) -> None:
    """Draw the workspace's slides, newest first."""
    jobs = store.jobs.jobs(identity.owner())
    if not jobs:
        empty(*words.NO_SLIDE)
        _drawn_button(store, "first-slide")
        return
    job_list(jobs, partial(_status, store), address.slide.look_at, "slide")


def _status(store: SlideStore, job: Job) -> tuple[str, str]:
    state = store.progress(job).state
    if state == "done":
        counts = resources.slide_summary(store, job)["cells"]
        return state, f"{counts['flagged']:,} of {counts['tissue']:,} cells flagged"
    return state, ""


def slide_head(store: SlideStore, job: Job, state: str, ways_on: Callable[[], None]) -> None:
    """Draw the name of the slide that is looked at, the way back, the ways on, the way out."""
    with st.container(horizontal=True, vertical_alignment="center", key="nl-slide-head"):
        way_back("All slides", "all", address.slide.look_at)
        drawn = badge("drawn, not tissue", "drawn") if store.is_drawn(job) else Markup("")
        head_line(job.name, drawn + marks(job, state))
        ways_on()
        with st.popover("", icon=":material/more_vert:", key="slide-more", help="More"):
            if state == "done":
                st.write(words.AGAIN_HELP)
                again_button(store, job)
            st.write(words.DELETE)
            blocked = not store.jobs.is_writable
            button("Delete this slide", "del", "delete", _delete, store, job, disabled=blocked)


def _delete(store: SlideStore, job: Job) -> None:
    address.slide.look_at(None)
    store.remove(job)
    resources.hide_slide(job.id)
    resources.forget_slides()
