"""What a visit loads: PyTorch only where a page looks into the network."""

import subprocess
import sys

import pytest

from core.settings import PROJECT

VISIT = """
import importlib, sys
from app.screens.shared import model, shell
importlib.import_module("app.screens." + sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module("app.screens." + sys.argv[1] + "." + name)
from app import resources
if sys.argv[1] == "overview":
    resources.shipped_classifier(resources.settings())
print("loaded:", *(name for name in ("torch", "timm", "sklearn") if name in sys.modules))
"""


@pytest.mark.parametrize(
    ("page", "modules"),
    [("overview", ("overview",)), ("batch", ("run", "results", "browser")), ("threshold", ())],
)
def test_a_page_without_maps_loads_no_pytorch(page: str, modules: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", VISIT, page, *modules],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stdout.splitlines()[-1] == "loaded:"
