"""Cards of schema version 1, which told two facts in sentences: read here and nowhere else."""

import re
from typing import Any, Final

_HALVED: Final = re.compile(
    r"^Validation slides were halved by core\.statistics\.split_slides with seed (\d+)\.$"
)


def upgraded(content: dict[str, Any]) -> dict[str, Any]:
    """Return what a card of version 1 says as a card of version 2.

    The sentence among its notes that gave the seed of the halves becomes `split_seed`; where its
    weights started stays the one sentence that it was.

    Raises:
        KeyError: It has no validation, or its parts are not where version 1 has them.
        TypeError: Likewise.
    """
    validation = dict(content["validation"])
    notes = list(validation.get("notes", ()))
    seeds = [hit for note in notes if (hit := _HALVED.match(note))]
    return {
        **content,
        "schema_version": 2,
        "initial_weights": {"description": content["initial_weights"]},
        "validation": {
            **validation,
            "notes": [note for note in notes if not _HALVED.match(note)],
            "split_seed": int(seeds[0][1]) if seeds else None,
        },
    }
