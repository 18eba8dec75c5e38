# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where the robot was at any moment of the last seconds, by its topics."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any

from numpy.typing import ArrayLike

from hma_ros.core.control.state_history import StateHistory
from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.ros.state_topics import StateTopics

# At 1 kHz those of a fifth of a second: the model needs them all, and takes them every tenth.
_DEPTH = 200


class StateSamples:
    """
    Fills :attr:`measured` in :meth:`take`.

    :param node: an HmaNode.
    :param on_fault: called with the reason why a message cannot be used.
    :param on_good: called when all that a fault concerned was heard again.
    """

    def __init__(
        self,
        node: Any,
        spec: EmbodimentSpec,
        on_fault: Callable[[str], None],
        on_good: Callable[[], None],
    ) -> None:
        self.measured = StateHistory(spec, node.resolve_topic_name, spec.limits.continuous)
        topics = self._topics = StateTopics(node, _DEPTH, on_fault, on_good)
        for index, source in enumerate(spec.state.sources):
            add = partial(self.measured.add_joints, index)
            topics.joints(source.topic, len(source.joints), add)
        if spec.action.is_cartesian and spec.state.pose is not None:
            topics.pose(spec.state.pose, self.measured.add_tool)
        if spec.gripper is not None and spec.gripper.joint_topic is not None:
            topics.joints(spec.gripper.joint_topic, 1, self._add_gripper)

    def take(self) -> None:
        """Read what has arrived since the last call."""
        self._topics.take()

    def clear(self) -> None:
        """Forget everything, waiting messages included."""
        self._topics.discard()
        self.measured.clear()

    def _add_gripper(
        self, stamp: int, names: Sequence[str], positions: ArrayLike, _publisher: Hashable
    ) -> tuple[int, ...]:
        return (0,) if self.measured.add_gripper(stamp, names, positions) else ()
