# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""One recording through the importer and through what the running nodes take messages with."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bag_of_steps as made
import numpy as np
import pytest
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image

from hma_ros.core.control.executed_actions import ExecutedActions
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.messages.image import to_rgb
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.core.vision.image import preprocess
from hma_ros.data.bag_import import bag_topics
from hma_ros.data.bag_messages import BagMessages
from hma_ros.data.bag_steps import BagSteps
from hma_ros.data.steps import Step
from hma_ros.ros.bounded import bounded
from hma_ros.ros.state_samples import StateSamples

pytestmark = pytest.mark.ros
SPEC = load_embodiment('sim_planar')


class Node:
    """Keeps the callbacks of the subscriptions."""

    def __init__(self) -> None:
        self.receive: Any = None
        self._parameter_overrides: dict[str, Any] = {}

    def resolve_topic_name(self, name: str) -> str:
        return name

    def subscribe_bounded(
        self, kind: Any, topic: str, callback: Any, qos: Any, on_fault: Any, *_: Any
    ) -> Any:
        self.receive = bounded(kind, topic, callback, on_fault)
        return SimpleNamespace()


def test_parity_with_the_nodes(tmp_path: Path) -> None:
    """What the importer stores is what the running node would have given to the model."""
    recording = list(made.messages(3.0))
    bag = made.write(tmp_path / 'bag', recording)
    with BagMessages(bag) as source:
        names, _ = bag_topics(SPEC, source.topics, '', 'bag')
        reader = BagSteps(SPEC, names, 'bag')
        steps = [
            item
            for recorded in source.messages(list(source.topics))
            for item in reader.feed(recorded)
            if isinstance(item, Step)
        ]

    node, faults = Node(), list[str]()
    samples = StateSamples(node, SPEC, faults.append, lambda: None)
    wanted = {step.stamp_ns: step for step in steps}
    images, compared = {}, 0
    executed = ExecutedActions(SPEC, samples.measured)
    for topic, _, message in recording:
        data = bytes(made.TYPES.serialize_cdr(message, message.__msgtype__))
        if topic == '/joint_states':
            node.receive(data, None)
        else:
            live = deserialize_message(data, Image)
            images[stamp_ns(live.header.stamp)] = live
        for stamp in list(images):
            actions, origin = executed.find(stamp)
            if stamp in wanted and actions is not None:
                step, live = wanted[stamp], images.pop(stamp)
                frame = preprocess(to_rgb(live, 'camera', SPEC.camera), SPEC.camera)
                np.testing.assert_array_equal(frame, step.frame)
                np.testing.assert_array_equal(actions.astype(np.float32), step.actions)
                joints = samples.measured.joints_at(stamp).astype(np.float32)
                np.testing.assert_array_equal(joints, step.joints)
                assert origin == step.origin
                compared += 1
    assert compared == len(steps) > 20
    assert faults == []
