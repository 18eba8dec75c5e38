# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the environment says about OpenGL, judged before MuJoCo reads it."""

import importlib
import os
from collections.abc import Mapping
from ctypes.util import find_library
from pathlib import Path

from hma_ros.core.errors import ConfigError

BACKENDS = ('egl', 'osmesa', 'glfw', 'glx', 'enable', 'enabled', 'on', 'true', '1')
_WITHOUT_DISPLAY = ('egl', 'osmesa')
_LIBRARIES = 'apt-get install libegl1 libgl1'


def load_mujoco() -> None:
    """
    Import MuJoCo with EGL, unless the environment names another backend.

    MuJoCo reads MUJOCO_GL when it is imported, and that import fails for values it cannot use.
    It is then imported without rendering, and :func:`check_variables` says what is wrong.
    """
    if not os.environ.get('MUJOCO_GL', '').strip():
        os.environ['MUJOCO_GL'] = 'egl'
    given = os.environ['MUJOCO_GL']
    try:
        check_variables(os.environ)
    except ConfigError:
        os.environ['MUJOCO_GL'] = 'disabled'
    importlib.import_module('mujoco')
    os.environ['MUJOCO_GL'] = given


def check_variables(present: Mapping[str, str]) -> None:
    """
    Refuse variables that keep MuJoCo from rendering.

    :param present: the environment.
    :raises ConfigError: the text names the variable, its value, and what to do.
    """
    backend = _backend(present)
    has_display = bool(present.get('DISPLAY') or present.get('WAYLAND_DISPLAY'))
    if backend not in BACKENDS:
        _refuse(present, 'MUJOCO_GL', "'egl' or unset", 'unset it')
    if backend not in _WITHOUT_DISPLAY and not has_display:
        _refuse(present, 'MUJOCO_GL', "'egl' or unset (no display here)", 'unset it')
    if backend == 'osmesa' and find_library('OSMesa') is None:
        _refuse(
            present,
            'MUJOCO_GL',
            "'egl' or unset (libOSMesa is not installed)",
            'unset it, or apt-get install libosmesa6',
        )
    if backend in _WITHOUT_DISPLAY:
        _check_platform(present, backend)
    if backend == 'egl':
        _check_egl(present)


def cannot_render(error: Exception, present: Mapping[str, str]) -> ConfigError:
    """Return the error of an OpenGL context that does not open, naming what the user set."""
    backend, reason = _backend(present), f'{type(error).__name__}: {error}'
    if 'MUJOCO_EGL_DEVICE_ID' in str(error):
        got = present.get('MUJOCO_EGL_DEVICE_ID', '')
        return ConfigError(
            f'MUJOCO_EGL_DEVICE_ID: got {got!r}, expected the number of an EGL device ({error}); '
            'unset it'
        )
    if backend != 'egl':
        return ConfigError(
            f"MUJOCO_GL: got {backend!r}, expected 'egl' or unset ({reason}); unset it, or "
            f'install the libraries of {backend}'
        )
    return ConfigError(
        f'rendering: got {reason}, expected an OpenGL context through EGL; {_LIBRARIES}'
    )


def _backend(present: Mapping[str, str]) -> str:
    return present.get('MUJOCO_GL', '').strip().lower() or 'egl'


def _check_platform(present: Mapping[str, str], backend: str) -> None:
    if present.get('PYOPENGL_PLATFORM', '').lower() not in ('', backend):
        expected = f'{backend!r} or unset (MUJOCO_GL is {backend!r})'
        _refuse(present, 'PYOPENGL_PLATFORM', expected, 'unset it')


def _check_egl(present: Mapping[str, str]) -> None:
    if not present.get('MUJOCO_EGL_DEVICE_ID', '0').strip().isdecimal():
        _refuse(present, 'MUJOCO_EGL_DEVICE_ID', 'an integer >= 0', 'unset it')
    vendors = present.get('__EGL_VENDOR_LIBRARY_FILENAMES', '')
    if vendors and not any(Path(name).is_file() for name in vendors.split(':')):
        _refuse(present, '__EGL_VENDOR_LIBRARY_FILENAMES', 'files that exist', 'unset it')


def _refuse(present: Mapping[str, str], name: str, expected: str, remedy: str) -> None:
    raise ConfigError(f'{name}: got {present.get(name, "")!r}, expected {expected}; {remedy}')
