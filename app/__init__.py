"""The Streamlit app: reads from and writes to `core`."""
