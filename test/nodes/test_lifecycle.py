# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Every node walks its states, ends on a signal, and imports no more than it may."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hma_ros.core.parent_process import PARENT_VARIABLE

pytestmark = pytest.mark.ros


@pytest.mark.parametrize('name', ['action_executor', 'world_model', 'rollout_viewer'])
def test_walks_through_its_states_twice_and_ends_on_a_signal(
    system: Any, tiny_bundle: Path, name: str
) -> None:
    extra = {'bundle': str(tiny_bundle), 'threads': 1} if name == 'world_model' else {}
    child = system.spawn(name, embodiment='sim_ur5e', **extra)
    for _ in range(2):
        for transition, state in (
            ('configure', 'inactive'),
            ('activate', 'active'),
            ('deactivate', 'inactive'),
            ('activate', 'active'),
            ('deactivate', 'inactive'),
            ('cleanup', 'unconfigured'),
        ):
            assert system.transition(name, transition)
            assert system.state(name) == state
    assert system.transition(name, 'configure')
    assert system.transition(name, 'activate')
    child.send_signal(signal.SIGTERM)
    system.until(lambda: child.poll() is not None, 'end of the node')
    assert child.returncode == 0
    log = system.log(name)
    counts = {'configured': 3, 'activated': 5, 'deactivated': 4, 'cleaned up': 2, 'shut down': 1}
    for text, count in counts.items():
        assert log.count(f'[{name}]: {text}\n') == count
    assert not [word for word in ('Traceback', '[WARN]', '[ERROR]') if word in log]


def test_a_node_that_was_shut_down_ends_on_a_signal_without_a_traceback(system: Any) -> None:
    child = system.spawn('rollout_viewer', embodiment='sim_ur5e')
    assert system.transition('rollout_viewer', 'unconfigured_shutdown')
    assert system.state('rollout_viewer') == 'finalized'
    child.send_signal(signal.SIGTERM)
    system.until(lambda: child.poll() is not None, 'end of the node')
    assert child.returncode == 0
    assert 'Traceback' not in system.log('rollout_viewer')


def test_in_shadow_the_bundle_may_be_on_another_computer(system: Any) -> None:
    shadow = {'embodiment': 'sim_ur5e', 'mode': 'shadow', 'bundle': '/on/another/computer'}
    system.spawn('action_executor', autostart=True, **shadow)
    system.until_logged('action_executor', 'activated')
    system.until_logged('action_executor', 'unknown model: bundle ')


def test_a_node_whose_launch_has_ended_ends(system: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    launch = subprocess.Popen([sys.executable, '-c', ''])
    # Nobody asks for its exit code before the node looks.
    os.waitid(os.P_PID, launch.pid, os.WEXITED | os.WNOWAIT)
    monkeypatch.setenv(PARENT_VARIABLE, str(launch.pid))
    child = system.spawn('rollout_viewer', embodiment='sim_ur5e')
    system.until(lambda: child.poll() is not None, 'end of the node')
    assert child.returncode == 0
    launch.wait()


def test_ctrl_c_again_and_again_is_not_a_crash(system: Any) -> None:
    child = system.spawn('rollout_viewer', embodiment='sim_ur5e')
    assert system.state('rollout_viewer') == 'unconfigured'
    deadline = time.monotonic() + 30.0
    while child.poll() is None and time.monotonic() < deadline:
        child.send_signal(signal.SIGINT)
        time.sleep(0.01)
    assert child.returncode == 0
    assert 'Traceback' not in system.log('rollout_viewer')


@pytest.mark.parametrize(
    ('name', 'forbidden'),
    [
        ('action_executor', ('torch', 'onnxruntime', 'mujoco', 'PIL')),
        ('rollout_viewer', ('torch', 'onnxruntime', 'mujoco')),
        ('world_model', ('torch', 'mujoco', 'onnx')),
        ('sim_robot', ('torch', 'onnxruntime')),
        ('bag_recorder', ('torch', 'onnxruntime', 'mujoco')),
    ],
)
def test_imports_no_more_than_it_may(name: str, forbidden: tuple[str, ...]) -> None:
    script = (
        f'import sys, hma_ros.nodes.{name}_node; '
        f'print([name for name in {forbidden!r} if name in sys.modules])'
    )
    answer = subprocess.run(
        [sys.executable, '-c', script], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == '[]'
