# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Records the topics of a robot and ours to a rosbag2 bag, and marks episodes in it.

Where the command ``ros2 bag`` is installed, it records: it is faster. Elsewhere this node writes
the same format itself. Either way the bag holds the text of the embodiment file.
"""

import os
import signal
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rclpy.clock import Clock, ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment
from hma_ros.core.short_text import counted
from hma_ros.core.topics import (
    EMBODIMENT_KEY,
    EPISODE_TOPIC,
    NAMESPACE_KEY,
    needed_topics,
    recorded_topics,
)
from hma_ros.ros.bag_file import unused
from hma_ros.ros.content_watch import ContentWatch
from hma_ros.ros.episode_marks import EpisodeMarks
from hma_ros.ros.lifecycle import run
from hma_ros.ros.mcap_recording import McapRecording
from hma_ros.ros.parameters import declare, parameter, read
from hma_ros.ros.ros2_bag import Ros2Bag, has_ros2_bag
from hma_ros.ros.stamp_watch import StampWatch
from hma_ros.ros.terminal_keys import TerminalKeys

_KEYS = {'b': 'begin', 's': 'succeed', 'f': 'fail', 'd': 'discard'}
_KEYS_S = 0.05
_SILENCE_S = 5.0
# How long a mark at the very end may take to the bag.
_SETTLE_S = 2.0


@dataclass(frozen=True)
class BagRecorderParameters:
    """Parameters of the recorder."""

    embodiment: str = parameter('', 'embodiment file, or the name of a shipped one')
    folder: str = parameter(
        'bag', 'folder to write; where it exists, one with a number behind its name'
    )
    keys: bool = parameter(False, 'mark episodes with keys of the terminal')


class BagRecorderNode(Node):
    """Keeps a recording running, and publishes the marks of its episodes."""

    def __init__(self) -> None:
        super().__init__('bag_recorder')
        declare(self, BagRecorderParameters, read_only=True)
        given = read(self, BagRecorderParameters)
        spec = load_embodiment(given.embodiment)
        use_sim_time = self.get_parameter('use_sim_time').value
        topics = [topic.name for topic in recorded_topics(spec, use_sim_time)]
        names = [self.resolve_topic_name(topic) for topic in topics]
        folder = unused(Path(given.folder).absolute())
        record = Ros2Bag if has_ros2_bag() else McapRecording
        self._recording = record(self, names, folder, _custom_data(self, spec))
        self._episode = self.resolve_topic_name(EPISODE_TOPIC)
        self._marks = EpisodeMarks(self, partial(self._recording.records, self._episode))
        self._recording.look()
        self._keys = TerminalKeys() if given.keys else None
        self._watch(spec)
        self.get_logger().info(f'recording {counted(len(names), "topic")} to {folder}')
        if self._keys is not None and self._keys.is_open:
            told = ', '.join(f'{key} {text}' for key, text in _KEYS.items())
            self.get_logger().info(f'keys: {told}, q quit')

    @property
    def failure(self) -> str | None:
        """Why the process must end; None while it need not."""
        return self._recording.failure

    def close(self) -> None:
        """Finish the bag and say where it is."""
        if self._keys is not None:
            self._keys.close()
        if self._marks.is_on:
            self.get_logger().warning(
                f'episode {self._marks.count}: got the end of the recording, expected succeed, '
                'fail or discard; it is imported without a result'
            )
        self._settle()
        self._recording.close()

    def _settle(self) -> None:
        """Let the last mark reach the bag."""
        executor = SingleThreadedExecutor()
        executor.add_node(self)
        while (
            self.failure is None
            and self._marks.age_s < _SETTLE_S
            and not self._recording.holds(self._episode, self._marks.published)
        ):
            executor.spin_once(timeout_sec=_KEYS_S)
        executor.shutdown()

    def _watch(self, spec: EmbodimentSpec) -> None:
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        if self._keys is not None and self._keys.is_open:
            self.create_timer(_KEYS_S, self._on_keys, clock=steady)
        self._needed = [self.resolve_topic_name(topic) for topic in needed_topics(spec)]
        self._stamps, self._contents = StampWatch(self, spec), ContentWatch(self, spec)
        self._silence = self.create_timer(_SILENCE_S, self._on_silence, clock=steady)

    def _on_keys(self) -> None:
        if self._keys is None:
            return
        for key in self._keys.pressed():
            if key == 'q':
                os.kill(os.getpid(), signal.SIGINT)
            elif key in _KEYS:
                self._marks.mark(_KEYS[key])

    def _on_silence(self) -> None:
        """Say once what is needed and has no publisher."""
        self._silence.cancel()
        silent = [topic for topic in self._needed if not self.count_publishers(topic)]
        if silent:
            self.get_logger().warning(
                f'got no publisher of {", ".join(silent)} in {_SILENCE_S:g} s, expected one; '
                'without it nothing can be imported'
            )


def _custom_data(node: Node, spec: EmbodimentSpec) -> dict[str, str]:
    text = Path(spec.path).read_text(encoding='utf-8')
    return {EMBODIMENT_KEY: text, NAMESPACE_KEY: node.get_namespace().strip('/')}


def main() -> int:
    """Run the node."""
    return run(BagRecorderNode)
