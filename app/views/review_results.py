"""Review results: what the verdicts amount to, how far readers agree, the record and its files."""

from app import components

components.page_title("Review results", "What the verdicts amount to.")
