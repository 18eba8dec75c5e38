# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""One recording through the importer, and through the callbacks of the running node."""

import sys
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from rclpy.serialization import deserialize_message, serialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState

import hma_ros.nodes.world_model_node as module
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.data.bag_import import bag_topics
from hma_ros.data.bag_messages import BagMessages
from hma_ros.data.bag_steps import BagSteps
from hma_ros.data.steps import Step
from hma_ros.msg import ActionChunk
from hma_ros.ros.bag_file import BagFile
from hma_ros.ros.chunk_msg import from_actions
from hma_ros.ros.qos import REPORT
from hma_ros.ros.stamps import to_stamp

sys.path.insert(0, str(Path(__file__).parents[1] / 'data'))
import bag_of_steps as made

pytestmark = pytest.mark.ros
SPEC = load_embodiment('sim_planar')
MS = made.MS
NAMES = {
    '/clock': Clock,
    '/camera/color/image_raw': Image,
    '/joint_states': JointState,
    '/action_executor/executed': ActionChunk,
}


class Seen:
    """A model that keeps what it is given, in place of the one that it stands for."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.taken: list[tuple[Any, Any, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def observe(self, frame: Any, executed: Any, joints: Any = None) -> None:
        self.taken.append((frame, executed, joints))
        self._model.observe(frame, executed, joints)


class Worker:
    """Does at once what a WorkThread does soon."""

    def __init__(self, work: Any, period_s: float) -> None:
        self._work, self.failure = work, None

    def wake(self) -> None:
        self._work()

    def close(self, timeout_s: float) -> bool:
        return True


@pytest.fixture
def node(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield the active node of the world model, and what it gives to the model."""
    opened = module.WorldModel
    monkeypatch.setattr(module, 'WorldModel', lambda *given: Seen(opened(*given)))
    monkeypatch.setattr(module, 'WorkThread', Worker)
    parameters = {'embodiment': 'sim_planar', 'bundle': str(tiny_bundle), 'horizon': 0}
    arguments = ['--ros-args', '-p', 'use_sim_time:=true']
    for name, value in parameters.items():
        arguments += ['-p', f'{name}:={value}']
    rclpy.init(args=arguments)
    node = module.WorldModelNode()
    node.trigger_configure()
    node.trigger_activate()
    node._model.taken.clear()
    yield node
    node.trigger_shutdown()
    node.destroy_node()
    rclpy.try_shutdown()


def recording(reports: bool) -> list[tuple[str, int, Any]]:
    """Return topic, receipt and message in the order of receipt, a clock among them."""
    found = []
    for topic, receipt_ns, message in made.messages(3.0):
        kind = NAMES[topic]
        data = bytes(made.TYPES.serialize_cdr(message, message.__msgtype__))
        live = deserialize_message(data, kind)
        if kind is Image:
            # Each image is another one: it says which step it belongs to.
            pixels = np.frombuffer(live.data, np.uint8).copy()
            pixels[: 3 * 256 * 8] = len(found) % 251
            live.data = array('B', pixels.tobytes())
        found.append((topic, receipt_ns, live))
        if kind is Image and reports:
            stamp = stamp_ns(live.header.stamp)
            told = np.full((1, 2), 0.01 * (len(found) % 20))
            chunk = from_actions(SPEC, stamp, told)
            found.append(('/action_executor/executed', receipt_ns + 90 * MS, chunk))
    first, last = found[0][1], found[-1][1]
    for time_ns in range(first - 10 * MS, last + 200 * MS, 5 * MS):
        found.append(('/clock', time_ns, Clock(clock=to_stamp(time_ns))))
    return sorted(found, key=lambda item: item[1])


def steps_of(folder: Path, messages: list[tuple[str, int, Any]]) -> list[Step]:
    """Write a bag as the recorder does, and return the steps of the importer."""
    bag, connections = BagFile(folder), {}
    for topic, time_ns, message in messages:
        if topic not in connections:
            kind = NAMES[topic]
            name = f'{kind.__module__.split(".")[0]}/msg/{kind.__name__}'
            connections[topic] = bag.add(topic, name, REPORT)
        bag.write(connections[topic], time_ns, serialize_message(message))
    bag.close()
    with BagMessages(folder) as source:
        names, _ = bag_topics(SPEC, source.topics, '', 'bag')
        reader = BagSteps(SPEC, names, 'bag')
        found = [
            item
            for recorded in source.messages(list(names.values()))
            for item in reader.feed(recorded)
        ]
        return [item for item in (*found, *reader.close()) if isinstance(item, Step)]


def replay(node: Any, messages: list[tuple[str, int, Any]]) -> None:
    """Call the node's subscriptions as an executor would."""
    heard = {item.topic_name: item for item in node.subscriptions}
    for topic, _, message in messages:
        callback = heard[topic].callback
        if heard[topic].raw:
            callback(serialize_message(message), {'publisher_gid': None})
            node._read_states()
        elif topic.endswith(SPEC.camera.topic):
            callback(message, {'publisher_gid': None})
        else:
            callback(message)


@pytest.mark.parametrize('reports', [False, True], ids=['measured', 'reported'])
def test_the_importer_makes_the_steps_of_the_node(
    node: Any, tmp_path: Path, reports: bool
) -> None:
    messages = recording(reports)
    steps = steps_of(tmp_path / 'bag', messages)
    replay(node, messages)
    taken = node._model.taken
    places = {item[0].tobytes(): index for index, item in enumerate(taken)}
    assert len(places) == len(taken)
    assert {step.origin for step in steps} == {'reported' if reports else 'measured'}
    assert len(steps) >= 27
    compared = 0
    for before, step in zip([None, *steps], steps, strict=False):
        frame, executed, joints = taken[places[step.frame.tobytes()]]
        np.testing.assert_array_equal(frame, step.frame, strict=True)
        np.testing.assert_array_equal(np.float32(joints), step.joints, strict=True)
        if before is not None and not step.restarts:
            # The node learns with a frame what was executed before it.
            np.testing.assert_array_equal(np.float32(executed), before.actions, strict=True)
            compared += 1
    assert compared >= 26


def test_states_that_wait_are_read_before_a_step_can_be_complete(
    node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(node._state, 'take', lambda: calls.append('take'))
    for name in ('offer', 'executed', 'poll'):
        monkeypatch.setattr(node._steps, name, lambda *_, name=name: calls.append(name))
    image = Image(height=1, width=1)
    for call, settles in (
        (lambda: node._on_image(image, 0), 'offer'),
        (lambda: node._on_executed(from_actions(SPEC, 0, np.zeros((1, 2)))), 'executed'),
        (node._read_states, 'poll'),
        (node._work, 'poll'),
    ):
        calls.clear()
        call()
        assert calls.index('take') < calls.index(settles)
