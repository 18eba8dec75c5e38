# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""~/imagine: actions in, the frames they lead to out, while the node goes on."""

from pathlib import Path
from typing import Any

import pytest

from hma_ros.core.embodiment import load_embodiment
from hma_ros.msg import PredictedRollout
from hma_ros.srv import Imagine

pytestmark = pytest.mark.ros
UR5E = load_embodiment('sim_ur5e')
SERVICE = 'world_model/imagine'


def test_a_question_is_answered_from_the_newest_step_and_a_bad_one_refused(
    system: Any, tiny_bundle: Path
) -> None:
    system.watch(PredictedRollout, '/world_model/prediction')
    system.spawn('sim_robot', embodiment='sim_ur5e', real_time_factor=0.1)
    common = {'embodiment': 'sim_ur5e', 'use_sim_time': True}
    system.spawn(
        'world_model',
        bundle=str(tiny_bundle),
        threads=1,
        horizon=2,
        camera_timeout_s=300.0,
        **common,
    )
    assert system.transition('world_model', 'configure')
    names, stride = list(UR5E.action.names), UR5E.rates.stride
    actions = [0.001 * index for index in range(2 * stride * len(names))]
    request = Imagine.Request(
        conditioning=Imagine.Request.GIVEN,
        horizon=2,
        action_names=names,
        stride=stride,
        actions=actions,
    )
    answer = system.call(Imagine, SERVICE, request)
    assert not answer.success
    assert 'got an inactive one' in answer.message
    assert system.transition('world_model', 'activate')
    system.until(lambda: '/world_model/prediction' in system.last, 'a first rollout')
    answer = system.call(Imagine, SERVICE, request)
    assert (answer.success, answer.message) == (True, '')
    assert list(answer.rollout.actions) == pytest.approx(actions)
    assert len(answer.rollout.frames) == 2
    assert system.call(Imagine, SERVICE, Imagine.Request(conditioning=2, horizon=1)).success
    request.action_names = names[::-1]
    answer = system.call(Imagine, SERVICE, request)
    assert not answer.success
    assert '~/imagine: action_names: got' in answer.message
    seen = system.counts['/world_model/prediction']
    system.until(lambda: system.counts['/world_model/prediction'] > seen, 'the next rollout')
    assert 'Traceback' not in system.log('world_model')
