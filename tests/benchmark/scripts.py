"""The scripts of `benchmarks/`, which are not in the package."""

import importlib.util
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def load_script(name):
    """A script as a module; without a checkout the test is skipped."""
    path = FOLDER / f"{name}.py"
    if not path.is_file():
        pytest.skip("needs a checkout")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
