# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Recordings end in bounded time, say what they lack, and follow the publishers."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rclpy.node import PublisherEventCallbacks
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool

from hma_ros.core.errors import ConfigError
from hma_ros.ros import ros2_bag
from hma_ros.ros.mcap_recording import McapRecording
from hma_ros.ros.ros2_bag import Ros2Bag

pytestmark = pytest.mark.ros
COMMAND = """\
#!/bin/sh
case "$*" in
  *--help*) echo --topics; exit ;;
esac
{trap}
mkdir -p {folder}
{metadata}
touch {folder}/ready
while :; do sleep 0.05; done
"""


class Log:
    """A node as far as a recording of the command needs it."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def get_logger(self) -> Any:
        return SimpleNamespace(info=self.lines.append, error=self.lines.append)

    def get_namespace(self) -> str:
        return '/'

    def get_name(self) -> str:
        return 'bag_recorder'


def install(monkeypatch: Any, folder: Path, text: str) -> None:
    """Put a command ``ros2`` before all others."""
    folder.mkdir()
    (folder / 'ros2').write_text(text)
    (folder / 'ros2').chmod(0o755)
    monkeypatch.setenv('PATH', f'{folder}:/usr/bin:/bin')


@pytest.mark.parametrize('trap', ["trap '' INT", "trap '' INT TERM"])
@pytest.mark.parametrize('metadata', [True, False])
def test_a_command_that_does_not_end_is_ended_and_said(
    tmp_path: Path, monkeypatch: Any, bench: Any, trap: str, metadata: bool
) -> None:
    folder, node = tmp_path / 'bag', Log()
    file = f"echo 'rosbag2_bagfile_information: {{}}' > {folder}/metadata.yaml"
    text = COMMAND.format(trap=trap, folder=folder, metadata=file if metadata else '')
    install(monkeypatch, tmp_path / 'bin', text)
    monkeypatch.setattr(ros2_bag, '_TELL_S', 0.1)
    recording = Ros2Bag(node, ['/stop'], folder, {'robot': 'arm'})  # type: ignore[arg-type]
    bench.until((folder / 'ready').exists, 'the command')
    recording.close()
    assert recording.failure is not None
    said = '\n'.join(node.lines)
    assert 'the bag is unfinished' in said
    assert 'recorded to' not in said
    assert ('metadata.yaml: got no file' in said) is not metadata
    if metadata:
        assert 'robot: arm' in (folder / 'metadata.yaml').read_text()


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('echo no module named rosbag2 >&2; exit 3', 'no module named rosbag2 with exit code 3'),
        ('true', 'got no output with exit code 0'),
    ],
)
def test_a_command_that_does_not_say_its_options_is_refused(
    tmp_path: Path, monkeypatch: Any, text: str, reason: str
) -> None:
    install(monkeypatch, tmp_path / 'bin', f'#!/bin/sh\n{text}\n')
    with pytest.raises(ConfigError, match=reason):
        Ros2Bag(Log(), ['/stop'], tmp_path / 'bag', {})  # type: ignore[arg-type]


QUIET = PublisherEventCallbacks(use_default_callbacks=False)
LATCHED = DurabilityPolicy.TRANSIENT_LOCAL


@pytest.mark.parametrize(
    'less',
    [{'reliability': ReliabilityPolicy.BEST_EFFORT}, {'durability': DurabilityPolicy.VOLATILE}],
)
def test_a_later_publisher_that_offers_less_is_recorded(
    tmp_path: Path, bench: Any, capfd: Any, less: dict[str, Any]
) -> None:
    first = bench.world.create_publisher(
        Bool, '/stop', QoSProfile(depth=9, durability=LATCHED), event_callbacks=QUIET
    )
    recording = McapRecording(bench.node, ['/stop'], tmp_path / 'bag', {})
    bench.until(lambda: recording.records('/stop'), 'the recorder')
    bench.until(first.get_subscription_count, 'the first publisher')
    first.publish(Bool(data=True))
    bench.until(lambda: recording.holds('/stop', 1), 'its message')
    offered = QoSProfile(**{'depth': 9, 'durability': LATCHED, **less})
    second = bench.world.create_publisher(Bool, '/stop', offered, event_callbacks=QUIET)
    bench.until(second.get_subscription_count, 'the recorder to subscribe again')
    bench.until(first.get_subscription_count, 'the first publisher again')

    def is_recorded() -> bool:
        second.publish(Bool(data=False))
        # The latched message of the first may come twice.
        return recording.holds('/stop', 3)

    bench.until(is_recorded, 'a message of the second')
    assert '/stop: got a new publisher that offers' in capfd.readouterr().err
    recording.close()
