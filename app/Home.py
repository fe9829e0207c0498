"""The router: `streamlit run app/Home.py`."""

import os
from pathlib import Path

import streamlit as st

# Before PyTorch loads: threads that wait must not spin against other programs on the machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Before timm loads: no model hub is ever asked.
os.environ["HF_HUB_OFFLINE"] = "1"

HERE = Path(__file__).parent
ABOUT = (
    "**NodeLens** scores 96 × 96 px H&E patches of lymph nodes for tumour in the centre 32 × 32. "
    "Research software, not a medical device: nothing it shows is a diagnosis."
)

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
            HERE / "views" / "overview.py", title="Overview", icon=":material/home:", default=True
        ),
        st.Page(HERE / "views" / "audit.py", title="Data set", icon=":material/dataset:"),
        st.Page(HERE / "views" / "batch.py", title="Batch scoring", icon=":material/grid_view:"),
        st.Page(HERE / "views" / "review.py", title="Review", icon=":material/rate_review:"),
        st.Page(
            HERE / "views" / "review_results.py",
            title="Review results",
            icon=":material/fact_check:",
        ),
        st.Page(HERE / "views" / "explanation.py", title="Explanation", icon=":material/layers:"),
        st.Page(HERE / "views" / "threshold.py", title="Threshold", icon=":material/tune:"),
    ],
    position="top",
)
shell.shell()
address.arrive(page.url_path)
page.run()
