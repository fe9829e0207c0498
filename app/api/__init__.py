"""Scores for other programs over HTTP, beside the app or alone.

Alone: `uvicorn --factory app.api:create_api --port 8600`.

NODELENS_API_TOKENS   file of bearer tokens, one a line; without it only this machine may ask
NODELENS_API_HOSTS    names under which requests may come, joined by ","; default: this machine's
"""

from app.api.service import create_api

__all__ = ["create_api"]
