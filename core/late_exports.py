"""Exports of a package that are imported when somebody first asks for them."""

from collections.abc import Callable, Collection, Mapping
from importlib import import_module


def late_exports(package: str, modules: Mapping[str, Collection[str]]) -> Callable[[str], object]:
    """Return a package's `__getattr__` for names from modules that load PyTorch.

    So that whoever reads a model card or writes a table does not wait for PyTorch. For type
    checkers the package imports the same names under `TYPE_CHECKING`.

    Args:
        package: Its `__name__`.
        modules: Names that are exported, by the module below the package that has them.
    """
    place = {name: module for module, names in modules.items() for name in names}

    def __getattr__(name: str) -> object:  # noqa: N807 - becomes the package's own
        if name not in place:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{place[name]}"), name)

    return __getattr__
