# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A real executor process over DDS; its robot and its model are this process."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64MultiArray
from std_srvs.srv import Trigger

from benchmarks.faults.bench import NS, Bench
from benchmarks.faults.gripper_process import Event, GripperProcess
from benchmarks.faults.processes import System
from benchmarks.faults.robots import commanded, rest_of
from benchmarks.faults.system_clock import SystemClock
from benchmarks.faults.unstamped import UnstampedWire
from benchmarks.faults.wire import Worst
from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.msg import ActionChunk
from hma_ros.ros.command_msg import message_type
from hma_ros.ros.publishers import publisher_of
from hma_ros.ros.qos import LATCHED, REPORT, SENSOR_OUT
from hma_ros.ros.stamps import to_stamp

_CALL_S = 60.0
_RETRY_S = 3.0
# A command of the gripper may be sent so long after it was decided.
_GRIP_S = 0.1
# Nothing is under way any more when nothing came for so long.
_QUIET_S = 0.2
# Longer is a silence.
_SILENCE_PERIODS = 4
_PRESS_S = 0.1
_CHUNKS = 'world_model/action_chunk'
_NAME = 'action_executor'


class Rig(Bench):
    """
    An executor process with a stand-in for its robot.

    :param system: where the process runs.
    :param spec: a robot of the benchmark.
    :param rng: for all that is random.
    :param simulated: whether ROS time is a /clock of the rig's.
    :param clock: the system clock of its processes, if it can be set.
    """

    where = 'dds'

    def __init__(
        self,
        system: System,
        spec: EmbodimentSpec,
        rng: np.random.Generator,
        simulated: bool = False,
        clock: SystemClock | None = None,
    ) -> None:
        # Commands are decided up to a period before they are sent and heard.
        super().__init__(spec, rng, slack_s=1.0 / spec.rates.command_hz)
        self.system, self.node, self.is_simulated = system, system.node, simulated
        # ROS time is so far ahead of the steady clock.
        self._offset_ns = 0 if simulated else time.time_ns() - time.monotonic_ns()
        self._system_clock = clock
        self._set_ns = 0
        if clock is not None:
            clock.set(0)
        self.buttons_speak = True
        self._pressed = [False, False]
        self._second_source: Any = None
        self._clients: dict[str, Any] = {}
        self._unstamped = UnstampedWire(self.arm.axes, self.period_s)
        if spec.commands[0].interface == 'forward_position':
            self.wire = self._unstamped
        self._wire_s = 0.0
        self._offset, self._offsets = self._offset_ns, [self._offset_ns]
        self._stamp_ns = self._number = 0
        self._publisher: Hashable = None
        # The server of a gripper that takes goals; when the last one was sent at the earliest.
        self.gripper: GripperProcess | None = None
        if spec.gripper is not None and spec.gripper.takes_goals:
            self.gripper = GripperProcess(system, spec.gripper, self._on_goal)
        self._goal_s: float | None = None
        self._open()
        self.start()

    def _open(self) -> None:
        node, spec = self.node, self.spec
        kind = JointState if spec.state.pose is None else PoseStamped
        self._drivers = [node.create_publisher(kind, self.arm.topic, SENSOR_OUT) for _ in '12']
        self._chunks = node.create_publisher(ActionChunk, _CHUNKS, REPORT)
        self.buttons = [node.create_publisher(Bool, 'emergency_stop', REPORT) for _ in '12']
        self._latched = [
            (node.create_publisher(Bool, stop.topic, LATCHED), not stop.stop_values[0])
            for stop in spec.stops
            if stop.latched
        ]
        for publisher, is_clear in self._latched:
            publisher.publish(Bool(data=is_clear))
        self._clock = node.create_publisher(Clock, '/clock', REPORT) if self.is_simulated else None
        command = spec.commands[0]
        self.command_topic = command.topic
        self._listener = node.create_subscription(
            message_type(command), command.topic, self._on_command, QoSProfile(depth=2000)
        )
        self._gripper_listener = None
        if self.gripper is not None:
            self.gripper.start()
        elif spec.gripper is not None:
            self._gripper_listener = node.create_subscription(
                Float64MultiArray, spec.gripper.name, self._on_gripper, QoSProfile(depth=2000)
            )
        self._timers = [
            node.create_timer(self.period_s, self._tick),
            node.create_timer(_PRESS_S, self._say_pressed),
        ]

    def start(self, parameters: Mapping[str, object] | None = None, **options: Any) -> None:
        """Start the executor, which begins to work at once."""
        given = {
            'embodiment': str(Path(self.spec.path)),
            'mode': 'execute',
            'autostart': True,
            'discovery_s': 0.5,
            'use_sim_time': self.is_simulated,
            **(parameters or {}),
        }
        self.child = self.system.start(_NAME, given, **options)
        self._connect()

    def _connect(self) -> None:
        # It configures and activates itself.
        self._is_active = True
        for client in self._clients.values():
            self.node.destroy_client(client)
        self._clients = {
            name: self.node.create_client(kind, f'{_NAME}/{name}')
            for name, kind in (
                ('stop', Trigger),
                ('resume', Trigger),
                ('change_state', ChangeState),
            )
        }

    def close(self) -> None:
        """End the executor and take the topics down."""
        self.clear()
        self.system.end(self.child)
        if self.gripper is not None:
            self.gripper.close()
        for timer in self._timers:
            self.node.destroy_timer(timer)
        for listener in (self._listener, self._gripper_listener):
            if listener is not None:
                self.node.destroy_subscription(listener)
        latched = [publisher for publisher, _ in self._latched]
        clocks = [] if self._clock is None else [self._clock]
        for publisher in (*self._drivers, self._chunks, *self.buttons, *latched, *clocks):
            self.node.destroy_publisher(publisher)

    def clear(self) -> None:
        super().clear()
        self.buttons_speak = True
        if getattr(self, 'gripper', None) is not None:
            self.gripper.mend()
        if getattr(self, '_second_source', None) is not None:
            self.node.destroy_publisher(self._second_source)
            self._second_source = None

    def now_ns(self) -> int:
        return time.monotonic_ns() + self._offset_ns

    def steady_s(self) -> float:
        return time.monotonic()

    def jump(self, seconds: float) -> None:
        """Have the clock jump: the simulated one, or that of the system."""
        self._offset_ns += round(seconds * NS)
        if self._system_clock is not None and not self.is_simulated:
            self._set_ns += round(seconds * NS)
            self._system_clock.set(self._set_ns)
        self._offsets = [*self._offsets[-1:], self._offset_ns]

    def run(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0.0:
            self.system.spin(min(left_s, 0.02))

    def hear_all(self) -> None:
        """Take the commands of an executor that sends no more, however busy the machine is."""
        count, end_s = -1, time.monotonic() + _CALL_S
        while count != self.wire.count and time.monotonic() < end_s:
            count = self.wire.count
            self.run(_QUIET_S)

    def send_chunk(self, message: Any, source: int = 0) -> None:
        if source and self._second_source is None:
            self._second_source = self.node.create_publisher(ActionChunk, _CHUNKS, REPORT)
            self.run(0.1)
        (self._second_source if source else self._chunks).publish(message)

    def press(self, button: int, is_pressed: bool) -> None:
        self._pressed[button] = is_pressed
        self.buttons[button].publish(Bool(data=is_pressed))

    def stop(self) -> None:
        self.call(Trigger, 'stop', Trigger.Request())

    def resume(self) -> bool:
        return bool(self.call(Trigger, 'resume', Trigger.Request()).success)

    def deactivate(self) -> None:
        self._transition(Transition.TRANSITION_DEACTIVATE)
        self._is_active = False
        # The answer may overtake the last commands.
        self.hear_all()
        if not self.wire.is_at_rest:
            self.stale.append('deactivated in motion')

    def activate(self) -> bool:
        self._is_active = self._transition(Transition.TRANSITION_ACTIVATE)
        return self._is_active

    def reconfigure(self) -> None:
        self._transition(Transition.TRANSITION_CLEANUP)
        self._transition(Transition.TRANSITION_CONFIGURE)

    def recover(self) -> bool:
        if self.child.poll() is not None:
            self.system.end(self.child)
            self.start()
        end_s = time.monotonic() + _CALL_S
        self.clear()
        for button in (0, 1):
            self.press(button, False)
        # A new publisher of stops or a new executor takes a moment to be found.
        while time.monotonic() < end_s:
            if (self._is_active or self.activate()) and self.resume():
                break
            self.run(0.05)
        return self.moves_within(max(end_s - time.monotonic(), 0.0) + self._patience_s())

    def deliver_state(self, message: Any, driver: int) -> None:
        self._drivers[driver].publish(message)

    def call(self, kind: Any, name: str, request: Any) -> Any:
        """
        Call a service of the executor, or of another node by its absolute name.

        :raises TimeoutError: it does not answer.
        """
        if name not in self._clients:
            path = name if name.startswith('/') else f'{_NAME}/{name}'
            self._clients[name] = self.node.create_client(kind, path)
        client, end_s = self._clients[name], time.monotonic() + _CALL_S
        while time.monotonic() < end_s:
            if not client.service_is_ready():
                self.system.spin(0.02)
                continue
            # A server that is found only now may miss the first call.
            answer, retry_s = client.call_async(request), time.monotonic() + _RETRY_S
            while time.monotonic() < retry_s and not answer.done():
                self.system.spin(0.02)
            if answer.done():
                return answer.result()
        raise TimeoutError(f'{name}: got no answer within {_CALL_S:g} s')

    def _transition(self, number: int) -> bool:
        request = ChangeState.Request(transition=Transition(id=number))
        return bool(self.call(ChangeState, 'change_state', request).success)

    def _tick(self) -> None:
        if self._clock is not None:
            self._clock.publish(Clock(clock=to_stamp(self.now_ns())))
        self._exchange()

    def _say_pressed(self) -> None:
        if not self.buttons_speak:
            return
        for button, is_pressed in enumerate(self._pressed):
            self.buttons[button].publish(Bool(data=is_pressed))

    def _on_command(self, message: Any, info: Mapping[str, Any]) -> None:
        self._note_losses(info)
        position, rest = commanded(self.spec, message), rest_of(message)
        if rest is not None:
            # Should no command follow, the controller goes there.
            beyond = self.arm.axes.excess(rest) - self.arm.axes.excess(position)
            self.wire.worst.include(Worst(outside=float(beyond.max())))
        if not hasattr(message, 'header'):
            sent_ns = info['source_timestamp']
            tick_ns = self.now_ns() if self.is_simulated else sent_ns
            self._judge(partial(self._unstamped.sent, sent_ns / NS, position), tick_ns)
            return
        stamp = stamp_ns(message.header.stamp)
        tick_ns = stamp - round(self.period_s * NS)
        self._judge(partial(self.wire.take, self._elapsed(stamp), position), tick_ns)

    def _on_gripper(self, message: Any, info: Mapping[str, Any]) -> None:
        """Judge by the system clock without its steps; /clock may jump ahead of it."""
        if not self.is_simulated:
            sent_ns, heard_ns = info['source_timestamp'], time.monotonic_ns()
            offset = min(self._offsets, key=lambda item: abs(sent_ns - item - heard_ns))
            self._judge_gripper(message.data[0], (sent_ns - offset) / NS, _GRIP_S)

    def _on_goal(self, event: Event) -> None:
        """Judge how long after the one before a goal was sent; time may be a /clock that jumps."""
        if event.what not in ('goal', 'refused') or self.spec.gripper is None:
            return
        if self._goal_s is not None and not self.is_simulated:
            passed_s = event.heard_s - self._goal_s + _GRIP_S
            self.wire.worst.include(Worst(gripper=self.spec.gripper.min_interval_s / passed_s))
        self._goal_s = event.since_s

    def _note_losses(self, info: Mapping[str, Any]) -> None:
        """Notice by their numbers commands that were sent and did not arrive here."""
        publisher, number = publisher_of(info), info['publication_sequence_number']
        if publisher == self._publisher and number != self._number + 1:
            self.wire.lose()
        self._publisher, self._number = publisher, number

    def _elapsed(self, stamp: int) -> float:
        """
        Return the time on the wire.

        Steps of the system clock do not count. Over a jump of the simulated clock ahead it is what
        the stamps say; over one back it is a period, the least that can have passed, or the length
        of a silence.
        """
        heard_ns, period_ns = time.monotonic_ns(), round(self.period_s * NS)
        # A command that is on its way during a jump may be from before it.
        offset = min(self._offsets, key=lambda item: abs(stamp - item - heard_ns))
        passed_ns = stamp - offset - (self._stamp_ns or stamp - offset)
        if offset != self._offset and not self.is_simulated:
            self.wire.step()
        if self.is_simulated and offset > self._offset:
            passed_ns += offset - self._offset
        elif self.is_simulated and offset < self._offset:
            periods = round(passed_ns / period_ns)
            passed_ns = (periods if periods > _SILENCE_PERIODS else 1) * period_ns
        self._stamp_ns, self._offset = stamp - offset, offset
        self._wire_s += passed_ns / NS
        return self._wire_s
