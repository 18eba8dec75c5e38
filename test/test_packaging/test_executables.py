# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""setup.py, CMake, the installed scripts and the bringup name the same executables."""

import ast
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hma_ros.bringup import describe, parse_request

ROOT = Path(__file__).parents[2]


def _entry_points() -> dict[str, str]:
    """Return ``{executable: module}`` as setup.py says it, without running setup.py."""
    for node in ast.parse((ROOT / 'setup.py').read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == 'EXECUTABLES':
            pairs = [text.split(' = ') for text in ast.literal_eval(node.value)]
            return {name: target.removesuffix(':main') for name, target in pairs}
    raise AssertionError('setup.py has no EXECUTABLES')


def _cmake_entry_points() -> dict[str, str]:
    """Read setup.py with the pattern of CMakeLists.txt."""
    cmake = (ROOT / 'CMakeLists.txt').read_text()
    pattern = re.search(r'REGEX REPLACE "([^"]+)"', cmake)
    assert pattern
    lines = (ROOT / 'setup.py').read_text().splitlines()
    expression = re.compile(pattern[1].replace('\\\\', '\\'))
    return dict(match.groups() for line in lines if (match := expression.match(line)))


def _library_folder() -> Path:
    prefixes = [*os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep), sys.prefix]
    folders = [Path(prefix) / 'lib' / 'hma_ros' for prefix in prefixes if prefix]
    return next(folder for folder in folders if folder.is_dir())


def test_cmake_reads_every_entry_point_of_setup_py() -> None:
    assert _cmake_entry_points() == _entry_points()


def test_every_entry_point_is_installed_and_executable() -> None:
    installed = {path.name for path in _library_folder().iterdir() if os.access(path, os.X_OK)}
    assert installed == set(_entry_points())


@pytest.mark.parametrize(('name', 'module'), sorted(_entry_points().items()))
def test_every_entry_point_has_a_main(name: str, module: str) -> None:
    path = ROOT / (module.replace('.', '/') + '.py')
    functions = [
        node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)
    ]
    assert 'main' in [function.name for function in functions]
    assert f'from {module} import main' in (_library_folder() / name).read_text()


def test_ctrl_c_while_an_executable_loads_gives_no_traceback(tmp_path: Path) -> None:
    template = (ROOT / 'scripts' / 'executable.py.in').read_text()
    (tmp_path / 'slow.py').write_text("print('loading', flush=True)\nimport time; time.sleep(600)")
    program = tmp_path / 'program'
    program.write_text(
        template.replace('@Python3_EXECUTABLE@', sys.executable).replace('@module@', 'slow')
    )
    with subprocess.Popen(
        [sys.executable, program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Also where the tests themselves ignore it, as in the background of a shell.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b'loading\n'
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate()
    # A shell says 130.
    assert (running.returncode, errors) == (-signal.SIGINT, b'')


def test_bringup_starts_installed_executables_only(bundle: Path) -> None:
    values = {'robot': 'franka', 'sim': 'true', 'record': 'true', 'bundle': str(bundle)}
    request = parse_request(values)
    ours = {item.executable for item in describe(request).processes if item.package == 'hma_ros'}
    assert ours == set(_entry_points()) - {'hma'}


def test_installed_folders_exist() -> None:
    cmake = (ROOT / 'CMakeLists.txt').read_text()
    line = re.search(r'foreach\(folder IN ITEMS ([a-z ]+)\)', cmake)
    assert line
    folders = ast.parse((ROOT / 'setup.py').read_text()).body
    data = next(
        ast.literal_eval(node.value)
        for node in folders
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == 'DATA_FOLDERS'
    )
    assert tuple(line[1].split()) == data
    assert [name for name in data if not (ROOT / name).is_dir()] == []
