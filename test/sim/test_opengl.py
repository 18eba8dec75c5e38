# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Variables that keep MuJoCo from rendering are named in a sentence, wherever it renders."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.faults.processes import DEADLINE_S
from hma_ros.core.errors import ConfigError
from hma_ros.sim.opengl import BACKENDS, cannot_render, check_variables


@pytest.mark.parametrize(
    ('variables', 'text'),
    [
        ({'MUJOCO_GL': 'bogus'}, "MUJOCO_GL: got 'bogus', expected 'egl' or unset; unset it"),
        ({'MUJOCO_GL': 'disabled'}, "MUJOCO_GL: got 'disabled', expected 'egl' or unset"),
        ({'MUJOCO_GL': 'glfw'}, "MUJOCO_GL: got 'glfw', expected 'egl' or unset .no display here"),
        ({'PYOPENGL_PLATFORM': 'glx'}, "PYOPENGL_PLATFORM: got 'glx', expected 'egl' or unset"),
        ({'MUJOCO_EGL_DEVICE_ID': 'gpu0'}, "MUJOCO_EGL_DEVICE_ID: got 'gpu0', expected an int"),
        ({'MUJOCO_EGL_DEVICE_ID': '-1'}, "MUJOCO_EGL_DEVICE_ID: got '-1'"),
        ({'__EGL_VENDOR_LIBRARY_FILENAMES': '/nowhere'}, '__EGL_VENDOR_LIBRARY_FILENAMES: got'),
    ],
)
def test_a_bad_variable_is_named(variables: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError, match=f'^{text}'):
        check_variables(variables)


@pytest.mark.parametrize(
    'variables',
    [
        {},
        {'MUJOCO_GL': ''},
        {'MUJOCO_GL': ' EGL '},
        {'PYOPENGL_PLATFORM': ''},
        {'MUJOCO_EGL_DEVICE_ID': '0'},
        {'MUJOCO_GL': 'glfw', 'DISPLAY': ':0', 'PYOPENGL_PLATFORM': 'glx'},
    ],
)
def test_usable_variables_pass(variables: dict[str, str]) -> None:
    check_variables(variables)


@given(st.text().filter(lambda value: value.strip().lower() not in (*BACKENDS, '')))
def test_any_other_value_is_quoted(value: str) -> None:
    with pytest.raises(ConfigError) as raised:
        check_variables({'MUJOCO_GL': value, 'DISPLAY': ':0'})
    assert str(raised.value).startswith(f'MUJOCO_GL: got {value!r}, expected')


def test_a_device_that_there_is_not_is_named() -> None:
    error = cannot_render(
        RuntimeError('The MUJOCO_EGL_DEVICE_ID environment variable must be an integer'),
        {'MUJOCO_EGL_DEVICE_ID': '7'},
    )
    assert str(error).startswith("MUJOCO_EGL_DEVICE_ID: got '7', expected")


@pytest.mark.parametrize(
    ('variables', 'command'),
    [
        ({'MUJOCO_GL': 'bogus'}, 'generate sim_planar --out {out} --expert 1 --workers 1'),
        ({'MUJOCO_EGL_DEVICE_ID': '99'}, 'generate sim_planar --out {out} --expert 1 --workers 1'),
        ({'MUJOCO_GL': 'glfw'}, 'run demo --robot planar'),
        ({'PYOPENGL_PLATFORM': 'glx'}, 'evaluate closed-loop --through-ros --robot sim_planar'),
    ],
)
def test_a_command_says_it_in_one_line(
    variables: dict[str, str], command: str, tmp_path: Path
) -> None:
    program = 'import sys; from hma_ros.cli.main import main; sys.exit(main(sys.argv[1:]))'
    order = command.format(out=tmp_path).split()
    environment = {**os.environ, **variables}
    environment.pop('DISPLAY', None)
    ended = subprocess.run(
        [sys.executable, '-c', program, *order], env=environment, capture_output=True, text=True
    )
    name, value = next(iter(variables.items()))
    last = ended.stderr.splitlines()[-1]
    assert ended.returncode == 2
    assert last.startswith(f'hma: error: {name}: got {value!r}, expected')
    assert 'Traceback' not in ended.stderr


def test_the_simulated_robot_says_it_in_one_line() -> None:
    program = 'from hma_ros.nodes.sim_robot_node import main; raise SystemExit(main())'
    environment = {**os.environ, 'MUJOCO_GL': 'bogus'}
    arguments = ['--ros-args', '-p', 'embodiment:=sim_planar']
    ended = subprocess.run(
        [sys.executable, '-c', program, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert ended.returncode == 1
    assert "MUJOCO_GL: got 'bogus', expected 'egl' or unset; unset it" in ended.stderr
    assert 'Traceback' not in ended.stderr
