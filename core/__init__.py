"""Inference, explanation, statistics and records for 96 x 96 lymph-node patches.

Imports neither the app, nor the training, nor Streamlit.
"""
