# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A node that leaves while questions wait answers them, and ends well."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.faults.processes import DEADLINE_S
from hma_ros.core.embodiment import load_embodiment

pytestmark = pytest.mark.ros

# A process of its own: signals end it.
NODE = """
import os, signal, sys
from dataclasses import dataclass
from types import SimpleNamespace
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from hma_ros.core.embodiment import load_embodiment
from hma_ros.ros.imagine_service import ImagineService
from hma_ros.ros.lifecycle import HmaNode, run
from hma_ros.ros.parameters import parameter
from hma_ros.srv import Imagine

@dataclass(frozen=True)
class Parameters:
    autostart: bool = parameter(True, 'start at once')

class Node(HmaNode):
    def __init__(self):
        super().__init__('node', Parameters)
        self.replies, self.answers = [], []
        self.change = self.create_client(ChangeState, '~/change_state')
        self.imagine = self.create_client(Imagine, '~/imagine')
        self.timer = self.create_timer(0.01, self.begin)

    def set_up(self):
        ImagineService(self, load_embodiment('sim_planar'), self.ask)

    def begin(self):
        if not (self.change.service_is_ready() and self.imagine.service_is_ready()):
            return
        self.timer.cancel()
        for _ in range(2):
            request = Imagine.Request(conditioning=Imagine.Request.POLICY, horizon=1)
            self.imagine.call_async(request).add_done_callback(self.on_answer)

    def ask(self, conditioning, chunks, horizon, reply):
        self.replies.append(reply)
        if len(self.replies) == 2:
            leave = Transition(id=Transition.TRANSITION_ACTIVE_SHUTDOWN)
            self.change.call_async(ChangeState.Request(transition=leave))

    def stop(self):
        for reply in self.replies:
            reply(SimpleNamespace(step=None, rollout=None, message='inactive'))

    def on_answer(self, future):
        self.answers.append(future.result().message)
        print(self.answers[-1], self.is_finalized, flush=True)
        if len(self.answers) == 2:
            self.watch = self.create_timer(0.01, self.end)

    def end(self):
        if not any(item.srv_name.endswith('/imagine') for item in self.services):
            print('destroyed', flush=True)
            os.kill(os.getpid(), signal.SIGTERM)

sys.exit(run(Node))
"""


def test_a_shutdown_answers_the_questions_that_wait_and_ends_well() -> None:
    ended = subprocess.run(
        [sys.executable, '-c', NODE], capture_output=True, text=True, timeout=DEADLINE_S
    )
    assert (ended.returncode, ended.stdout.split('\n')) == (
        0,
        ['inactive True', 'inactive True', 'destroyed', ''],
    ), ended.stderr
    assert 'Traceback' not in ended.stderr


def test_an_answer_that_cannot_be_sent_leaves_no_service_behind() -> None:
    from hma_ros.ros.imagine_service import ImagineService
    from hma_ros.srv import Imagine

    destroyed, replies, owned = list[object](), list[Any](), list[Any]()
    node = SimpleNamespace(
        create_service=lambda *_, **__: 'service',
        destroy_service=destroyed.append,
        own=lambda entity, destroy: owned.append(destroy) or entity,
        executor=None,
    )
    spec = load_embodiment('sim_planar')
    service: Any = ImagineService(node, spec, lambda *given: replies.append(given[-1]))
    request = Imagine.Request(conditioning=Imagine.Request.POLICY, horizon=1)
    answered = service._on_request(request, Imagine.Response())
    answered.send(None)
    owned[0]('service')
    assert destroyed == []
    replies[0](SimpleNamespace(step=None, rollout='no frames', message=''))
    with pytest.raises(AttributeError):
        answered.send(None)
    assert destroyed == ['service']


def test_actions_beyond_the_bounds_of_the_embodiment_are_named() -> None:
    from hma_ros.ros.imagine_service import beyond_bounds

    spec = load_embodiment('sim_planar')
    chunks = np.full((3, spec.rates.stride, len(spec.action.names)), spec.action.upper, np.float32)
    assert beyond_bounds(chunks, spec) == ''
    chunks[2, 0, 1] *= 3
    text = beyond_bounds(chunks, spec)
    assert text.startswith('~/imagine: actions: got 1 numbers beyond action.lower or action.upper')
    assert f'{spec.action.names[1]} {chunks[2, 0, 1]:g} of action 2' in text


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize(
    ('value', 'expected'),
    [
        (1e300, 'got 1e+300, expected a finite number of at most 3.4e+38'),
        (np.inf, 'got inf, expected a finite number'),
    ],
)
def test_an_action_that_no_float32_holds_is_refused_with_the_limit(
    value: float, expected: str
) -> None:
    from hma_ros.core.errors import MessageError
    from hma_ros.ros.imagine_service import to_chunks
    from hma_ros.srv import Imagine

    spec = load_embodiment('sim_planar')
    names, stride = spec.action.names, spec.rates.stride
    request = Imagine.Request(
        conditioning=Imagine.Request.GIVEN,
        horizon=1,
        stride=stride,
        action_names=list(names),
        actions=[value] + [0.0] * (stride * len(names) - 1),
    )
    with pytest.raises(MessageError) as refused:
        to_chunks(request, spec)
    assert str(refused.value) == f'~/imagine: {names[0]} of action 0: {expected}'


def test_an_answer_may_come_while_the_executor_goes_away() -> None:
    """It comes from the model's thread, which an exception would end."""
    from hma_ros.ros.imagine_service import ImagineService
    from hma_ros.srv import Imagine

    woken: list[bool] = []
    left = [SimpleNamespace(wake=lambda: woken.append(True))]

    class Node:
        """A node whose executor is None from the second access on."""

        @property
        def executor(self) -> Any:
            return left.pop() if left else None

        def create_service(self, *_: Any, **__: Any) -> None: ...

        def own(self, *_: Any) -> None: ...

    def ask(*question: Any) -> None:
        question[-1](SimpleNamespace(step=None, rollout=None, message='refused'))

    service: Any = ImagineService(Node(), load_embodiment('sim_planar'), ask)
    request = Imagine.Request(conditioning=Imagine.Request.NONE, horizon=1)
    with pytest.raises(StopIteration) as ended:
        service._on_request(request, Imagine.Response()).send(None)
    assert ended.value.value.message == 'refused'
    assert woken == [True]
