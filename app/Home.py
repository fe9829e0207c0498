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
PAGES = (
    ("overview", "Overview", "home"),
    ("batch", "Batch scoring", "grid_view"),
    ("slides", "Slides", "biotech"),
    ("explanation", "Explanation", "layers"),
    ("threshold", "Threshold", "tune"),
    ("review", "Review", "rate_review"),
    ("review_results", "Review results", "fact_check"),
    ("here", "Does it work here?", "science"),
    ("audit", "Data set", "dataset"),
)
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
                VIEWS / f"{name}.py",
                title=title,
                icon=f":material/{icon}:",
                default=name == "overview",
            )
            for name, title, icon in PAGES
        ],
        position="top",
    )
    shell.shell()
    address.arrive(page.url_path)
    shell.sign_in_or_stop()
    shell.tell_installation()
    page.run()
else:
    from app.starting import parts

    serving = st.App(Path(__file__), **parts())
