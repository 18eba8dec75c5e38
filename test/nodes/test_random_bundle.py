# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A bundle of random weights through the nodes: with a policy, and as a mere predictor."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensor_msgs.msg import Image

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.msg import ActionChunk, PredictedRollout
from hma_ros.network.config import Compat, TimePositions
from hma_ros.ros.chunk_msg import from_actions
from hma_ros.ros.qos import REPORT, SENSOR_IN

pytestmark = pytest.mark.ros
PLANAR = load_embodiment('sim_planar')
CAMERA = f'/{PLANAR.camera.topic}'
FACTOR = 0.1
COMMON = {'embodiment': 'sim_planar', 'use_sim_time': True, 'autostart': True}


def start_model(system: Any, bundle: Path, **parameters: object) -> None:
    system.spawn(
        'world_model',
        bundle=str(bundle),
        horizon=2,
        threads=1,
        camera_timeout_s=300.0,
        **COMMON,
        **parameters,
    )


@pytest.mark.parametrize('kind', ['discrete', 'continuous'])
def test_its_policy_moves_the_robot(
    system: Any, make_random_bundle: Callable[..., Path], kind: str
) -> None:
    system.watch(ActionChunk, '/action_executor/executed')
    system.watch(PredictedRollout, '/world_model/prediction')
    system.spawn('sim_robot', embodiment='sim_planar', real_time_factor=FACTOR)
    system.spawn('action_executor', mode='execute', **COMMON)
    start_model(system, make_random_bundle(kind), mode='execute')

    def was_commanded() -> bool:
        report = system.last.get('/action_executor/executed')
        return report is not None and any(report.actions)

    system.until(was_commanded, 'commands')
    system.until(lambda: '/world_model/prediction' in system.last, 'imagined frames')
    rollout = system.last['/world_model/prediction']
    assert len(rollout.actions) == rollout.horizon * PLANAR.rates.stride * 2
    assert 'Traceback' not in system.log('world_model')


@pytest.fixture
def predictor(make_random_bundle: Callable[..., Path]) -> Path:
    """Return a bundle as of the authors' models of video alone."""
    return make_random_bundle(
        compat=Compat.UPSTREAM, time=TimePositions.LEARNED, predict_actions=False
    )


def test_without_a_policy_it_refuses_to_execute(system: Any, predictor: Path) -> None:
    start_model(system, predictor, mode='execute')
    reason = 'expected a bundle with a policy for mode:=execute, but its action heads were never'
    system.until(lambda: reason in system.log('world_model'), 'the refusal')


def test_without_a_policy_it_predicts(system: Any, predictor: Path) -> None:
    system.watch(ActionChunk, '/world_model/action_chunk')
    system.watch(PredictedRollout, '/world_model/prediction')
    system.watch(Image, CAMERA, SENSOR_IN)
    reports = system.node.create_publisher(ActionChunk, '/driven', REPORT)
    system.spawn('sim_robot', embodiment='sim_planar', real_time_factor=FACTOR)
    start_model(system, predictor, executed_topic='/driven', executed_timeout_s=1.0)
    told: set[int] = set()

    def is_predicted() -> bool:
        # Somebody else drives the robot, and says so.
        if CAMERA in system.last:
            stamp = stamp_ns(system.last[CAMERA].header.stamp)
            if stamp not in told:
                told.add(stamp)
                reports.publish(from_actions(PLANAR, stamp, [[0.0, 0.1]]))
        return '/world_model/prediction' in system.last

    system.until(is_predicted, 'imagined frames')
    rollout = system.last['/world_model/prediction']
    assert list(rollout.actions) == pytest.approx([0.0, 0.1] * rollout.horizon)
    assert '/world_model/action_chunk' not in system.last
    assert 'predicts alone and proposes no actions' in system.log('world_model')
    assert 'Traceback' not in system.log('world_model')


def test_without_a_policy_the_executor_plans_nothing_and_says_so_once(
    system: Any, predictor: Path
) -> None:
    system.watch(DiagnosticArray, '/diagnostics')
    system.spawn('action_executor', bundle=str(predictor), **COMMON)

    def facts() -> dict[str, str]:
        message = system.last.get('/diagnostics')
        return {item.key: item.value for item in message.status[0].values} if message else {}

    text = 'the model has no policy: no actions will come'
    system.until(lambda: facts().get('reasons', '').startswith(text), 'the reason')
    assert facts()['active'] == 'True'
    # Neither /clock nor states are missed, as nothing would be made of them.
    assert system.last['/diagnostics'].status[0].level == DiagnosticStatus.OK
    assert 'tracking' not in facts()
    assert system.log('action_executor').count(text) == 1


def test_on_a_slower_clock_it_predicts_longer_steps_and_says_what_that_means(
    system: Any, predictor: Path
) -> None:
    system.watch(PredictedRollout, '/world_model/prediction')
    system.spawn('sim_robot', embodiment='sim_planar', real_time_factor=FACTOR)
    start_model(system, predictor, clock_divisor=2, executed_timeout_s=1.0)
    system.until(lambda: '/world_model/prediction' in system.last, 'imagined frames')
    dt = system.last['/world_model/prediction'].frame_dt
    assert dt.sec + dt.nanosec * 1e-9 == pytest.approx(2.0 * PLANAR.rates.frame_dt_s)
    assert 'clock_divisor: one step in 2:' in system.log('world_model')
    assert 'Traceback' not in system.log('world_model')
