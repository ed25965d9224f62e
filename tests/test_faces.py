"""The public names of the packages: each is there, and no room of the same name takes its place."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest


@pytest.mark.parametrize("package", ["characterize", "compress", "hwsim"])
def test_public_names_survive_the_import_of_every_room(package: str) -> None:
    program = (
        f"import importlib, pkgutil, types, {package} as face\n"
        f"for found in pkgutil.walk_packages(face.__path__, '{package}.'):\n"
        "    if not found.name.endswith('__main__'): importlib.import_module(found.name)\n"
        "print([name for name in face.__all__ if isinstance(getattr(face, name), types.ModuleType)])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("package", ["characterize", "compress", "hwsim"])
def test_the_root_of_a_package_holds_few_files(package: str) -> None:
    module = __import__(package)
    files = [found.name for found in pkgutil.iter_modules(module.__path__) if not found.ispkg]
    assert len(files) <= 5, files  # and __init__
