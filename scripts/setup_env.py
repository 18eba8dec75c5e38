# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Make .venv: ROS 2 from wheels, the requirements, and this package built and installed into it.

Each step leaves the hash of its inputs in .venv/setup.json and is left out while they stay equal.
Machines with a ROS installation do not need this: rosdep and colcon do it there.
"""

import argparse
import ctypes.util
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterable
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / '.venv'
PYTHON = VENV / 'bin' / 'python'
STAMPS = VENV / 'setup.json'
REQUIREMENTS = ROOT / 'requirements'
# Files installed by one pip call; torch has its own, so that a CPU wheel at hand is taken.
PIP_STEPS = {
    'runtime': ('ros', 'runtime'),
    'torch': ('torch',),
    'train': ('train', 'svd'),
    'dev': ('data', 'ray', 'dev'),
}
PROFILES = {'runtime': ('runtime',), 'dev': ('runtime', 'torch', 'train', 'dev')}
BUILD_INPUTS = ('CMakeLists.txt', 'package.xml', 'setup.py', 'hma_ros/__init__.py')
BUILD_FOLDERS = ('launch', 'msg', 'native', 'srv')
# No wheel holds them; a real robot has the real package.
TEST_INTERFACES = ROOT / 'test' / 'interfaces' / 'control_msgs'
SUPPORTED_PYTHONS = ((3, 11), (3, 12), (3, 13))


def main() -> int:
    """Bring .venv up to date with the wanted profile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('profile', choices=sorted(PROFILES), help='runtime: what a robot needs')
    profile = parser.parse_args().profile
    _check_python()
    _install_system_packages()
    if not PYTHON.exists():
        venv.EnvBuilder(with_pip=True, symlinks=True).create(VENV)
    stamps = json.loads(STAMPS.read_text()) if STAMPS.exists() else {}
    for step in PROFILES[profile]:
        digest = _digest(REQUIREMENTS / f'{name}.txt' for name in PIP_STEPS[step])
        if stamps.get(step) != digest:
            _pip_install(PIP_STEPS[step])
            _record(stamps, step, digest)
    # A developer's machine keeps the tests of the compiled layers, also after `make setup`.
    has_tests = 'dev' in stamps
    digest = _digest(_build_inputs()) + '-with-tests' * has_tests
    if stamps.get('build') != digest:
        _build(has_tests)
        _record(stamps, 'build', digest)
    if has_tests:
        _provide_test_interfaces(stamps)
    return 0


def _check_python() -> None:
    if sys.version_info[:2] not in SUPPORTED_PYTHONS:
        wanted = ', '.join(f'{major}.{minor}' for major, minor in SUPPORTED_PYTHONS)
        raise SystemExit(
            f'Python {sys.version.split()[0]} has no ROS wheels; use one of {wanted}: '
            'make setup PYTHON=python3.11'
        )


def _missing_system_packages() -> list[str]:
    tools = {'cmake': 'cmake', 'g++': 'g++', 'ninja': 'ninja-build'}
    libraries = {'EGL': 'libegl1', 'GL': 'libgl1'}
    missing = [package for tool, package in tools.items() if shutil.which(tool) is None]
    missing += [name for key, name in libraries.items() if not ctypes.util.find_library(key)]
    if not Path(sysconfig.get_path('include'), 'Python.h').exists():
        missing.append(f'python3.{sys.version_info.minor}-dev')
    return missing


def _install_system_packages() -> None:
    missing = _missing_system_packages()
    if not missing:
        return
    apt = ['apt-get'] if os.geteuid() == 0 else ['sudo', '-n', 'apt-get']
    print(f'setup: installing {" ".join(missing)}', flush=True)
    try:
        subprocess.run([*apt, 'update', '-qq'], check=False)
        install = [*apt, 'install', '-y', '-qq', '--no-install-recommends', *missing]
        subprocess.run(install, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(
            f'setup: missing system packages and could not install them ({error}). '
            f'Run: sudo apt-get install {" ".join(missing)}'
        ) from error


def _pip_install(files: tuple[str, ...]) -> None:
    print(f'setup: pip install {" ".join(files)}', flush=True)
    command = [str(PYTHON), '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
    # Later steps must not move what earlier ones pinned.
    for name in ('ros', 'runtime'):
        command += ['--constraint', str(REQUIREMENTS / f'{name}.txt')]
    for name in files:
        command += ['--requirement', str(REQUIREMENTS / f'{name}.txt')]
    _run(command)
    if 'ros' in files:
        _patch_cmake_exports()


def _patch_cmake_exports() -> None:
    """Replace the build machine's include folders that the message wheels carry."""
    numpy_include = _ask_python('import numpy; print(numpy.get_include())')
    python_include = _ask_python('import sysconfig; print(sysconfig.get_path("include"))')
    prefix = r'/opt/python/cp3\d+-cp3\d+'
    numpy_folder = r'/lib/python3\.\d+/site-packages/numpy/(?:_core|core)/include'
    numpy_pattern = re.compile(prefix + numpy_folder)
    python_pattern = re.compile(prefix + r'/include/python3\.\d+')
    for path in (VENV / 'share').rglob('*Export.cmake'):
        text = path.read_text()
        if '/opt/python/' in text:
            text = numpy_pattern.sub(lambda _: numpy_include, text)
            path.write_text(python_pattern.sub(lambda _: python_include, text))


def _ask_python(script: str) -> str:
    command = [str(PYTHON), '-c', script]
    return subprocess.check_output(command, text=True, env=_clean_environment()).strip()


def _build_inputs() -> list[Path]:
    paths = [ROOT / name for name in BUILD_INPUTS]
    for folder in BUILD_FOLDERS:
        paths += [path for path in (ROOT / folder).rglob('*') if path.is_file()]
    return [*paths, REQUIREMENTS / 'ros.txt', Path(__file__), ROOT / 'scripts/executable.py.in']


def _build(has_tests: bool) -> None:
    print(
        'setup: building the messages and the compiled layers, and installing hma_ros', flush=True
    )
    definitions = {
        'HMA_ROS_NATIVE_TESTS': 'ON' if has_tests else 'OFF',
        'HMA_ROS_EDITABLE': 'ON',
    }
    # What an earlier version installed and this one does not.
    outdated = [VENV / folder / 'hma_ros' for folder in ('lib', 'share')]
    _install_package(ROOT, VENV / 'build', definitions, outdated)
    _link_command()


def _provide_test_interfaces(stamps: dict[str, str]) -> None:
    """Build the actions of grippers for the tests, where their package is not installed."""
    step, name = 'interfaces', TEST_INTERFACES.name
    files = [path for path in TEST_INTERFACES.rglob('*') if path.is_file()]
    digest = _digest([*files, REQUIREMENTS / 'ros.txt', Path(__file__)])
    is_there = _ask_python(f'import importlib.util; print(importlib.util.find_spec({name!r}))')
    if stamps.get(step) == digest or (step not in stamps and is_there != 'None'):
        return
    print(f'setup: building the actions of {name} for the tests', flush=True)
    _install_package(TEST_INTERFACES, VENV / f'build_{name}', {}, [])
    _record(stamps, step, digest)


def _install_package(
    source: Path, build: Path, definitions: dict[str, str], outdated: list[Path]
) -> None:
    """Build a package and install it into .venv, in place of what is outdated there."""
    shutil.rmtree(build, ignore_errors=True)
    definitions = {
        'BUILD_TESTING': 'OFF',
        'CMAKE_BUILD_TYPE': 'Release',
        'CMAKE_INSTALL_PREFIX': str(VENV),
        'CMAKE_PREFIX_PATH': str(VENV),
        'Python3_EXECUTABLE': str(PYTHON),
        'PYTHON_INSTALL_DIR': str(Path(_purelib()).relative_to(VENV)),
        **definitions,
    }
    arguments = [f'-D{key}={value}' for key, value in definitions.items()]
    log = build.with_suffix('.log')
    with log.open('w') as stream:
        try:
            _run(['cmake', '-G', 'Ninja', '-S', str(source), '-B', str(build), *arguments], stream)
            _run(['cmake', '--build', str(build)], stream)
            for folder in outdated:
                shutil.rmtree(folder, ignore_errors=True)
            _run(['cmake', '--install', str(build)], stream)
        except subprocess.CalledProcessError as error:
            tail = '\n'.join(log.read_text().splitlines()[-30:])
            raise SystemExit(f'{tail}\nsetup: the build failed, the whole log is {log}') from error


def _link_command() -> None:
    link = VENV / 'bin' / 'hma'
    link.unlink(missing_ok=True)
    link.symlink_to(VENV / 'lib' / 'hma_ros' / 'hma')


def _purelib() -> str:
    return sysconfig.get_path('purelib', vars={'base': str(VENV), 'platbase': str(VENV)})


def _clean_environment() -> dict[str, str]:
    """Copy the environment without the traces of another environment's ROS wheels."""
    drop = {'LD_LIBRARY_PATH', '_ROS_WHEELS_BOOTSTRAP_COMPLETE', 'PYTHONPATH'}
    environment = {key: value for key, value in os.environ.items() if key not in drop}
    environment['AMENT_PREFIX_PATH'] = str(VENV)
    environment['PATH'] = f'{VENV / "bin"}{os.pathsep}{environment.get("PATH", "")}'
    environment['VIRTUAL_ENV'] = str(VENV)
    return environment


def _run(command: list[str], stream: IO[str] | None = None) -> None:
    subprocess.run(command, check=True, env=_clean_environment(), stdout=stream, stderr=stream)


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256(f'{sys.version_info[:2]} {ROOT}'.encode())
    for path in sorted(paths):
        digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()


def _record(stamps: dict[str, str], step: str, digest: str) -> None:
    stamps[step] = digest
    STAMPS.write_text(json.dumps(stamps, indent=2))


if __name__ == '__main__':
    sys.exit(main())
