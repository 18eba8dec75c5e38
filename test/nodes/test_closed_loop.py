# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""All nodes together: camera to motor and back, through death and resurrection of the model."""

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.msg import ActionChunk, PredictedRollout
from hma_ros.ros.qos import SENSOR_IN

pytestmark = pytest.mark.ros
UR5E = load_embodiment('sim_ur5e')
# Simulated seconds per real one: the loop must not depend on a fast machine.
FACTOR = 0.2
NS = 1_000_000_000


def start(system: Any, robot: str, bundle: Path, factor: float = FACTOR) -> None:
    system.spawn('sim_robot', embodiment=robot, real_time_factor=factor)
    common = {'embodiment': robot, 'use_sim_time': True, 'autostart': True}
    system.spawn('action_executor', mode='execute', **common)
    system.spawn('rollout_viewer', lead=1, **common)
    start_model(system, robot, bundle)


def start_model(system: Any, robot: str, bundle: Path) -> Any:
    return system.spawn(
        'world_model',
        embodiment=robot,
        bundle=str(bundle),
        mode='execute',
        horizon=2,
        threads=1,
        use_sim_time=True,
        autostart=True,
        camera_timeout_s=300.0,
    )


def now_ns(system: Any) -> int:
    return stamp_ns(system.last['/clock'].clock) if '/clock' in system.last else 0


def wait_steps(system: Any, steps: float) -> None:
    """Wait until simulated time has passed."""
    end_ns = now_ns(system) + round(steps * UR5E.rates.frame_dt_s * NS)
    system.until(lambda: now_ns(system) >= end_ns, f'{steps} steps')


def test_robot_moves_holds_when_the_model_dies_and_moves_again(
    system: Any, tiny_bundle: Path
) -> None:
    for kind, topic in (
        (Clock, '/clock'),
        (JointState, '/joint_states'),
        (CameraInfo, f'/{UR5E.camera.info_topic}'),
    ):
        system.watch(kind, topic, SENSOR_IN)
    for kind, topic in (
        (ActionChunk, '/action_executor/executed'),
        (ActionChunk, '/world_model/action_chunk'),
        (PredictedRollout, '/world_model/prediction'),
        (Image, '/world_model/prediction/image'),
        (Image, '/rollout_viewer/image'),
        (DiagnosticArray, '/diagnostics'),
    ):
        system.watch(kind, topic)
    start(system, 'sim_ur5e', tiny_bundle)

    def joints() -> np.ndarray:
        return np.array(system.last['/joint_states'].position)

    def is_reported() -> bool:
        report = system.last.get('/action_executor/executed')
        return bool(report and report.horizon) and system.counts['/action_executor/executed'] >= 4

    system.until(is_reported, 'executed steps')
    # The tiny policy moves each joint by 0.0075 rad per step; a late chunk shifts some of it to
    # the next step.
    executed = np.array(system.last['/action_executor/executed'].actions).reshape(2, 6)
    np.testing.assert_allclose(executed.sum(axis=0), np.full(6, 0.015), atol=0.006)
    # Two chunks in one: the second was decided in the imagined frame.
    system.until(
        lambda: system.last['/world_model/action_chunk'].horizon == 4, 'a chunk that is continued'
    )
    system.until(lambda: '/rollout_viewer/image' in system.last, 'observed and imagined frames')
    assert system.last['/rollout_viewer/image'].width == 3 * 128 + 2 * 2
    rollout = system.last['/world_model/prediction']
    assert len(rollout.frames) == rollout.horizon
    assert len(rollout.actions) == rollout.horizon * 2 * 6
    info = system.last[f'/{UR5E.camera.info_topic}']
    assert (info.width, info.height) == (256, 256)

    model = system.spawned('world_model')
    model.send_signal(signal.SIGKILL)
    model.wait()
    # Two steps of the model, and the lag of the arm itself.
    wait_steps(system, 2.0 + 1.0)
    held = joints()
    wait_steps(system, 4.0)
    np.testing.assert_allclose(joints(), held, atol=1e-3)

    before = joints()
    start_model(system, 'sim_ur5e', tiny_bundle)
    system.until(lambda: (joints() > before + 0.02).all(), 'motion after the restart')
    assert 'Traceback' not in system.log('world_model')


def latencies(system: Any) -> dict[str, str]:
    """Return the newest diagnostics of the world model."""
    found: dict[str, str] = {}

    def look() -> bool:
        for status in system.last['/diagnostics'].status if '/diagnostics' in system.last else ():
            if status.name.startswith('world_model'):
                found.update({item.key: item.value for item in status.values})
        return 'receipt to action p99 ms' in found

    system.until(look, 'latencies in the diagnostics')
    return found


def test_franka_moves_along_its_poses_and_tells_its_latencies(
    system: Any, tiny_bundle: Path
) -> None:
    franka = load_embodiment('sim_franka')
    assert franka.state.pose is not None
    pose_topic = f'/{franka.state.pose.topic}'
    system.watch(Clock, '/clock', SENSOR_IN)
    system.watch(PoseStamped, pose_topic, SENSOR_IN)
    system.watch(DiagnosticArray, '/diagnostics')
    start(system, 'sim_franka', tiny_bundle, factor=0.1)
    system.until(lambda: pose_topic in system.last, 'tool pose')
    begin = system.last[pose_topic].pose.position.x
    system.until(lambda: system.last[pose_topic].pose.position.x > begin + 0.01, 'motion')
    values = latencies(system)
    for name in ('conversion', 'inference', 'publishing', 'image stamp to action'):
        for percent in (50, 95, 99):
            assert np.isfinite(float(values[f'{name} p{percent} ms']))
    assert 0.0 <= float(values['share of transport and conversion']) <= 1.0
    assert float(values['memory MB']) < 1000.0
