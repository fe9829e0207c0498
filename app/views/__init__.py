"""One thin page each; run by `st.navigation` in Home.py."""
