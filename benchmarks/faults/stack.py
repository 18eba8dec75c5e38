# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Faults of all nodes together: simulated robot, world model with the shipped bundle, executor."""

from __future__ import annotations

import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import Bool

from benchmarks.faults.bench import NS, Tap, pass_on
from benchmarks.faults.catalogue import Fault, chosen
from benchmarks.faults.outcome import Outcome, injected
from benchmarks.faults.processes import System
from benchmarks.faults.rig import Rig
from benchmarks.faults.wire import SimulatedTime
from hma_ros.bringup import bundle_folder
from hma_ros.core.embodiment import EmbodimentSpec, load_embodiment
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.msg import ActionChunk
from hma_ros.ros.command_msg import message_type
from hma_ros.ros.qos import REPORT, SENSOR_IN, SENSOR_OUT
from hma_ros.ros.stamps import to_stamp
from hma_ros.srv import ResetEpisode

_ROBOT = 'sim_franka'
_CAMERA = 'camera_of_the_simulator'
_START_S, _END_S = 60.0, 60.0
_RECORDED_BYTES = 1_000_000
NODES = ('sim_robot', 'world_model', 'action_executor')
SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGSTOP)


class Stack(Rig):
    """
    All nodes of a simulated robot; its camera reaches the model through this process.

    :param bundle: a folder that may be spoilt.
    """

    def __init__(
        self, system: System, spec: EmbodimentSpec, rng: np.random.Generator, bundle: Path
    ) -> None:
        self.bundle, self._chunks_heard = bundle, 0
        self._time = SimulatedTime(1.0 / spec.rates.command_hz)
        self.nodes: dict[str, Any] = {}
        self.tap_camera: Tap = pass_on
        super().__init__(system, spec, rng, simulated=True)
        # Poses come with the period of the simulation.
        self._slack_s = 2.0 * self.period_s

    def _open(self) -> None:
        node, spec = self.node, self.spec
        self.command_topic = spec.commands[0].topic
        kind = message_type(spec.commands[0])
        self._latched, self._drivers, self._clock = [], [], None
        self._chunks = node.create_publisher(ActionChunk, 'chunks_of_the_bench', REPORT)
        self.buttons = [node.create_publisher(Bool, 'emergency_stop', REPORT) for _ in '12']
        self._camera = node.create_publisher(Image, spec.camera.topic, SENSOR_OUT)
        listen = node.create_subscription
        # Before the commands that follow them: what was created first is taken first.
        listen(ActionChunk, 'world_model/action_chunk', self._on_chunk, REPORT)
        listen(Clock, '/clock', lambda item: self._time.hear(stamp_ns(item.clock)), REPORT)
        self._listener = listen(kind, self.command_topic, self._on_command, QoSProfile(depth=2000))
        listen(PoseStamped, self.arm.topic, self._note_state, SENSOR_IN)
        listen(Image, _CAMERA, self._on_image, SENSOR_IN)
        self._timers = [node.create_timer(0.1, self._say_pressed)]

    def clear(self) -> None:
        super().clear()
        self.has_policy = False
        # The simulated robot follows by itself.
        self.arm_follows = False
        self.tap_camera = pass_on

    def start(self, parameters: Mapping[str, object] | None = None, **options: Any) -> None:
        """Start the nodes that do not run."""
        for name in NODES:
            child = self.nodes.get(name)
            if child is not None and child.poll() is None:
                continue
            if child is not None:
                self.system.end(child)
            given: dict[str, object] = {'embodiment': _ROBOT}
            arguments: list[str] = []
            if name == 'sim_robot':
                arguments = ['-r', f'{self.spec.camera.topic}:={_CAMERA}']
            else:
                given |= {'autostart': True, 'mode': 'execute', 'use_sim_time': True}
                given |= {'bundle': str(self.bundle)}
            if name == 'world_model':
                given |= {'horizon': 2}
            self.nodes[name] = self.system.start(name, given, arguments)
        self.child = self.nodes['action_executor']
        self._connect()

    def close(self) -> None:
        for child in self.nodes.values():
            self.system.end(child)

    def now_ns(self) -> int:
        return self._time.now_ns

    def recover(self) -> bool:
        self.clear()
        for number in (0, 1):
            self.press(number, False)
        # The executor may find a new model before this process does, and hear a chunk sooner.
        self._chunk_end_s = self.steady_s() + _START_S
        self.start()
        heard = self._chunks_heard
        self._restart_episode()
        end_s = time.monotonic() + _START_S
        while time.monotonic() < end_s:
            if (self._is_active or self.activate()) and self.resume():
                break
            self.run(0.05)
        # The robot moves to where the episode begins without a model, too.
        while self._chunks_heard == heard and time.monotonic() < end_s:
            self.run(0.05)
        return self.moves_within(max(end_s - time.monotonic(), 0.0))

    def _elapsed(self, stamp: int) -> float:
        return self._time.passed_s(stamp)

    def _restart_episode(self) -> None:
        request = ResetEpisode.Request(seed=int(self.rng.integers(1000)))
        self.call(ResetEpisode, '/sim_robot/reset', request)

    def _on_chunk(self, _message: Any) -> None:
        self._chunks_heard += 1
        self._chunk_end_s = self.steady_s() + self.spec.rates.frame_dt_s

    def _on_image(self, message: Any) -> None:
        for _, item in self.tap_camera(message):
            self._camera.publish(item)


def node_signal(stack: Stack, name: str, number: signal.Signals) -> None:
    """A node gets a signal."""
    child = stack.nodes[name]
    child.send_signal(number)
    if number == signal.SIGSTOP:
        stack.run(stack.rng.uniform(0.3, 1.5))
        child.send_signal(signal.SIGCONT)
        stack.run(0.5)
        return
    end_s = time.monotonic() + _END_S
    while child.poll() is None and time.monotonic() < end_s:
        stack.run(0.02)
    stack.run(1.0)
    if child.poll() is None:
        stack.stale.append(f'{name} does not end')
    ended_by_kill = name == 'action_executor' and number == signal.SIGKILL
    if not ended_by_kill and not stack.wire.is_at_rest and name != 'sim_robot':
        stack.stale.append('left in motion')


def _camera(stack: Stack, change: Callable[[Any], list[tuple[float, Any]]]) -> None:
    stack.tap_camera = change
    stack.run(stack.rng.uniform(0.5, 1.5))


def camera_stops(stack: Stack) -> None:
    """No image comes."""
    _camera(stack, lambda _: [])


def camera_freezes(stack: Stack) -> None:
    """The same image comes with fresh stamps."""
    kept: list[Any] = []

    def tap(message: Any) -> list[tuple[float, Any]]:
        kept.append(message)
        frozen = kept[0]
        frozen.header.stamp = message.header.stamp
        return [(0.0, frozen)]

    _camera(stack, tap)


def camera_jumps(stack: Stack) -> None:
    """Stamps jump, and the image is dark."""
    shift_ns = round(stack.rng.uniform(-5.0, 5.0) * NS)

    def tap(message: Any) -> list[tuple[float, Any]]:
        stamp = max(stamp_ns(message.header.stamp) + shift_ns, 1)
        message.header.stamp = to_stamp(stamp)
        message.data = bytes(len(message.data))
        return [(0.0, message)]

    _camera(stack, tap)


def camera_changes_size(stack: Stack) -> None:
    """Images of another size come."""

    def tap(message: Any) -> list[tuple[float, Any]]:
        other = Image(height=32, width=32, encoding='rgb8', step=96, data=bytes(3072))
        other.header = message.header
        return [(0.0, other)]

    _camera(stack, tap)


def bundle_replaced(stack: Stack) -> None:
    """The files of the bundle are replaced while it runs, and the old ones put back."""
    for path in stack.bundle.glob('*.onnx'):
        path.rename(path.with_suffix('.kept'))
        path.write_bytes(b'not a model')
    stack.run(1.0)
    for path in stack.bundle.glob('*.kept'):
        path.rename(path.with_suffix('.onnx'))


def disk_full(stack: Stack) -> None:
    """No node can write a byte into a file."""
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    for child in stack.nodes.values():
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    camera_changes_size(stack)
    stack.stop()
    stack.expect_silence()
    for child in stack.nodes.values():
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, unlimited)


def recorder_disk_full(stack: Stack) -> None:
    """The disk is full for a recorder: it ends and says so, and the robot goes on."""
    folder = stack.bundle.parent / 'recording'
    given: dict[str, object] = {'embodiment': _ROBOT, 'folder': str(folder)}
    child = stack.system.start('bag_recorder', given)
    most = (_RECORDED_BYTES, _RECORDED_BYTES)
    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, most)
    end_s = time.monotonic() + _START_S
    while child.poll() is None and time.monotonic() < end_s:
        stack.run(0.05)
    if child.poll() != 1:
        stack.stale.append(f'the recorder ended with {child.poll()}, expected 1: the disk is full')
    stack.system.end(child)
    shutil.rmtree(folder, ignore_errors=True)


def robot_jumps(stack: Stack) -> None:
    """The simulation begins another episode: the robot is elsewhere."""
    stack._restart_episode()
    stack.run(0.5)


STACK_FAULTS: dict[str, Fault] = {
    **{
        f'{name} gets {number.name}': Fault(
            'node', partial(node_signal, name=name, number=number), stops=name != 'sim_robot'
        )
        for name in NODES
        for number in SIGNALS
    },
    'camera stops': Fault('camera', camera_stops),
    'camera freezes': Fault('camera', camera_freezes),
    'camera jumps': Fault('camera', camera_jumps),
    'camera changes size': Fault('camera', camera_changes_size),
    'bundle replaced': Fault('node', bundle_replaced),
    'disk full': Fault('node', disk_full),
    'disk full for the recorder': Fault('node', recorder_disk_full),
    'robot elsewhere at once': Fault('robot', robot_jumps),
}


def reach(stack: Stack, phase: str) -> None:
    """Bring the nodes into a phase: at rest, or in motion."""
    if phase == 'rest':
        stack.stop()
        stack.run(0.3)
    else:
        stack.run(stack.rng.uniform(0.0, 1.0))


def run_robot(
    name: str, count: int, seed: int, context: Any, names: Collection[str] = ()
) -> Iterator[Outcome]:
    """Inject faults into all nodes, at rest and in motion; ``names`` are theirs, default all."""
    faults = chosen(STACK_FAULTS, names)
    if not faults:
        return
    spec = load_embodiment(_ROBOT)
    rng = np.random.default_rng([seed, 3])
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / 'bundle'
        shutil.copytree(bundle_folder('hma_sim'), bundle)
        system = System(Path(folder), context)
        stack = Stack(system, spec, rng, bundle)
        try:
            if not stack.recover():
                raise TimeoutError(system.log('world_model')[-2000:])
            for index in range(count):
                title, fault = faults[index % len(faults)]
                phase = 'motion' if index // len(faults) % 2 == 0 else 'rest'
                yield injected(stack, title, fault, name, partial(reach, stack, phase))
        finally:
            stack.close()
            system.close()
