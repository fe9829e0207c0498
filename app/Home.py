"""The router: `streamlit run app/Home.py`.

Streamlit reads this file twice: once as a module, for the server that it describes, and at every
visit as the script that draws the page.
"""

import os
from pathlib import Path

import streamlit as st

# Before PyTorch loads: threads that wait must not spin against other programs on the machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Before timm loads: no model hub is ever asked.
os.environ["HF_HUB_OFFLINE"] = "1"

HERE = Path(__file__).parent
VIEWS = HERE / "views"
ABOUT = (
    "**NodeLens** scores 96 × 96 px H&E patches of lymph nodes for tumour in the centre 32 × 32. "
    "Research software, not a medical device: nothing it shows is a diagnosis."
)

if __name__ == "__main__":
    st.set_page_config(
        page_title="NodeLens",
        page_icon=str(HERE / "screens" / "shared" / "icon.svg"),
        layout="wide",
        menu_items={"About": ABOUT},
    )
    # The first visit after a start waits for the libraries; say so while they load.
    with st.spinner("Starting up. This happens once after each restart.", show_time=True):
        from app.screens.shared import model, shell  # noqa: F401 - the model brings the libraries
        from app.state import address

    page = st.navigation(
        [
            st.Page(
                VIEWS / "overview.py",
                title="Overview",
                icon=":material/home:",
                default=True,
            ),
            st.Page(VIEWS / "batch.py", title="Batch scoring", icon=":material/grid_view:"),
            st.Page(VIEWS / "slides.py", title="Slides", icon=":material/biotech:"),
            st.Page(VIEWS / "explanation.py", title="Explanation", icon=":material/layers:"),
            st.Page(VIEWS / "threshold.py", title="Threshold", icon=":material/tune:"),
            st.Page(VIEWS / "review.py", title="Review", icon=":material/rate_review:"),
            st.Page(
                VIEWS / "review_results.py",
                title="Review results",
                icon=":material/fact_check:",
            ),
            st.Page(VIEWS / "here.py", title="Does it work here?", icon=":material/science:"),
            st.Page(VIEWS / "audit.py", title="Data set", icon=":material/dataset:"),
        ],
        position="top",
    )
    shell.shell()
    address.arrive(page.url_path)
    page.run()
else:
    from app.starting import parts

    serving = st.App(Path(__file__), **parts())
