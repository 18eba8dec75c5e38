# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Fixtures of the command-line tests: real, tiny processes in a prefix of their own."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MakeExecutable = Callable[[str, str], None]


@pytest.fixture
def make_executable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeExecutable:
    """Return a function that installs a Python script as an executable of package ``tiny``."""
    folder = tmp_path / 'lib' / 'tiny'
    folder.mkdir(parents=True)
    present = os.environ.get('AMENT_PREFIX_PATH', '')
    monkeypatch.setenv('AMENT_PREFIX_PATH', os.pathsep.join([str(tmp_path), present]))

    def make(name: str, script: str) -> None:
        path = folder / name
        path.write_text(f'#!{sys.executable} -S\n{script}')
        path.chmod(0o755)

    return make
