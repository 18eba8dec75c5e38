# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What a fault can do to an executor, in process or over DDS, and what is checked meanwhile.

Three checks: commands within the limits; no stale commands; chunks are followed again after the
fault. A command is stale if it does more than brake while the newest usable state is older than
``state.max_age_s``, if it moves long after the last chunk that could be followed, if a refused
chunk moved it, or if it comes after a stop came to rest.
"""

from __future__ import annotations

import heapq
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.faults.robots import Arm, Policy
from benchmarks.faults.wire import Wire, Worst
from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.ros.chunk_msg import from_actions

Vector = NDArray[np.float64]
# Delays [s] with which copies of a message arrive; none for one that is lost.
Tap = Callable[[Any], list[tuple[float, Any]]]
NS = 1_000_000_000
# A slow arm may finish a chunk late, because its limits hold it back.
_CATCH_UP_S = 2.0
# A slow arm that was moved waits until a start there is within its velocity limit.
_RECOVERY_S = 12.0
# How long to wait for a motion before the next resume.
_RESUME_S = 2.0
# Rounding of a command at rest.
ROUNDING = 1e-12
_MOVING = 1e-9


def pass_on(message: Any) -> list[tuple[float, Any]]:
    """Deliver a message at once."""
    return [(0.0, message)]


class Bench(ABC):
    """
    An executor with a simulated robot and a policy.

    :param spec: a robot of the benchmark.
    :param rng: for all that is random.
    :param slack_s: how much younger a state may seem here than to the executor.
    """

    where = ''

    def __init__(self, spec: EmbodimentSpec, rng: np.random.Generator, slack_s: float) -> None:
        self.spec, self.rng, self._slack_s = spec, rng, slack_s
        self.period_s = 1.0 / spec.rates.command_hz
        self.arm = Arm(spec, float(rng.uniform()))
        self.policy = Policy(self.arm, rng)
        self.wire: Wire = Wire(self.arm.axes)
        # Why commands are stale.
        self.stale: list[str] = []
        self._states: list[tuple[float, int, Any, int]] = []
        self._order = itertools.count()
        self._last_state: Any = None
        self._usable_ns: int | None = None
        # The last command that a state allowed.
        self._trusted_X = self.wire.position_X
        self._chunk_end_s = self._chunk_due_s = 0.0
        self.last_moving_s = 0.0
        # Where the gripper was commanded last, and when it changed.
        self._grip: float | None = None
        self._gripped_s = 0.0
        self.clear()

    def clear(self) -> None:
        """End all faults; stops and the lifecycle are ended by :meth:`recover`."""
        self.tap_state: Tap = pass_on
        self.tap_chunk: Tap = pass_on
        self.has_policy = self.arm_follows = True
        self.has_second_driver = False
        self.arm.error_X = np.zeros_like(self.arm.position_X)

    @abstractmethod
    def now_ns(self) -> int:
        """Return the ROS time."""

    @abstractmethod
    def steady_s(self) -> float:
        """Return the time of a clock that never jumps."""

    @abstractmethod
    def run(self, seconds: float) -> None:
        """Let time pass."""

    @abstractmethod
    def send_chunk(self, message: Any, source: int = 0) -> None:
        """Have a source of chunks send one."""

    @abstractmethod
    def press(self, button: int, is_pressed: bool) -> None:
        """Have one of two emergency stops say whether it is pressed."""

    @abstractmethod
    def stop(self) -> None:
        """Call ``~/stop``."""

    @abstractmethod
    def resume(self) -> bool:
        """Call ``~/resume``; returns whether it was granted."""

    @abstractmethod
    def deactivate(self) -> None:
        """Deactivate the executor."""

    @abstractmethod
    def activate(self) -> bool:
        """Activate the executor; returns whether it did."""

    @abstractmethod
    def reconfigure(self) -> None:
        """Clean up and configure an inactive executor."""

    @abstractmethod
    def deliver_state(self, message: Any, driver: int) -> None:
        """Hand a state to the executor."""

    @abstractmethod
    def hear_all(self) -> None:
        """Take the commands that are still under way."""

    @property
    def is_moving(self) -> bool:
        """Whether the last commands moved."""
        return bool(self.wire.count) and self.steady_s() - self.last_moving_s < 3 * self.period_s

    def moves_within(self, seconds: float) -> bool:
        """Let time pass until commands move."""
        end_s = self.steady_s() + seconds
        while not self.is_moving and self.steady_s() < end_s:
            self.run(self.period_s)
        return self.is_moving

    def holds(self) -> bool:
        """Have a robot that can track come to rest on its last chunk; returns whether it did."""
        self.has_policy = True
        can_track = self.moves_within(3.0)
        self.has_policy = False
        end_s = self.steady_s() + 3.0
        while self.steady_s() < end_s and (self.is_moving or self._chunk_end_s > self.steady_s()):
            self.run(self.period_s)
        # Commands that come late from a busy machine must not pass for rest.
        count, still_X = self.wire.count, self.wire.position_X
        self.run(0.2)
        return can_track and self.wire.count > count and not self.has_moved_from(still_X)

    def make_chunk(self, age_s: float = 0.03) -> Any:
        """Return a chunk that goes on from the last command."""
        here = self.wire.position_X if self.wire.count else self.arm.position_X
        actions = self.policy.actions(here[: self.arm.width])
        return from_actions(self.spec, self.now_ns() - round(age_s * NS), actions)

    def has_moved_from(self, position_X: Vector) -> bool:
        """Whether the last command is another one, but for rounding."""
        return bool((np.abs(self.wire.position_X - position_X) > ROUNDING).any())

    def refuse(self, bad: Callable[[Any], Any]) -> None:
        """Send a chunk that must not be followed to a robot at rest."""
        holds, before = self.holds(), self.wire.position_X
        self.send_chunk(bad(self.make_chunk()))
        self.run(0.3)
        if holds and self.has_moved_from(before):
            self.stale.append('a refused chunk moved the robot')
        self.has_policy = True

    def expect_silence(self, seconds: float = 0.3) -> None:
        """Judge that no command comes once a stop has come to rest."""
        axes = self.arm.axes
        self.run(float((axes.velocity / axes.acceleration).max()) + 5 * self.period_s + 0.2)
        self.hear_all()
        before = self.wire.count
        self.run(seconds)
        self.stale += ['a command after a stop'] * (self.wire.count - before)

    def recover(self) -> bool:
        """End the faults; returns whether chunks are followed again."""
        self.clear()
        for button in (0, 1):
            self.press(button, False)
        self.run(0.1)
        end_s = self.steady_s() + _RECOVERY_S + self._patience_s()
        # A robot away from its last command may stop only after the first resume.
        while self.steady_s() < end_s:
            if not self.resume():
                return False
            if self.moves_within(_RESUME_S):
                return True
        return False

    def _patience_s(self) -> float:
        """Return how long a robot that was moved by hand waits: see :meth:`Guard.wait_s`."""
        if not self.wire.count:
            return 0.0
        axes = self.arm.axes
        away = np.abs(self.arm.position_X - self.wire.position_X)
        most = np.minimum(axes.velocity, axes.acceleration * self.period_s)
        return float((away / most).max())

    def _exchange(self) -> None:
        """Publish what is due: a state every call, a chunk every frame of the model."""
        now_s = self.steady_s()
        message = self.arm.message(self.now_ns())
        for delay_s, item in self.tap_state(message):
            self._queue_state(now_s + delay_s, item, 0)
        if self.has_second_driver:
            other = self.arm.message(self.now_ns())
            self._queue_state(now_s, other, 1)
        while self._states and self._states[0][0] <= now_s:
            _, _, item, driver = heapq.heappop(self._states)
            self.publish_state(item, driver)
        if self.has_policy and now_s >= self._chunk_due_s:
            self._chunk_due_s = now_s + self.spec.rates.frame_dt_s
            for _, item in self.tap_chunk(self.make_chunk()):
                self._chunk_end_s = now_s + self.spec.rates.frame_dt_s
                self.send_chunk(item)

    def publish_state(self, message: Any, driver: int = 0) -> None:
        """Have a driver publish a state now."""
        self._note_state(message)
        self.deliver_state(message, driver)

    def _queue_state(self, due_s: float, message: Any, driver: int) -> None:
        heapq.heappush(self._states, (due_s, next(self._order), message, driver))

    def _note_state(self, message: Any) -> None:
        if self._is_usable(message):
            stamp = stamp_ns(message.header.stamp)
            self._usable_ns = stamp if self._usable_ns is None else max(stamp, self._usable_ns)

    def _is_usable(self, message: Any) -> bool:
        if hasattr(message, 'pose'):
            place, turn = message.pose.position, message.pose.orientation
            values = [place.x, place.y, place.z, turn.x, turn.y, turn.z, turn.w]
            pose = self.spec.state.pose
            is_whole = pose is not None and message.header.frame_id == pose.frame_id
        else:
            values = message.position
            names = self.spec.state.sources[0].message_names
            is_whole = set(names) <= set(message.name) and len(values) == len(message.name)
        return is_whole and bool(np.isfinite(values).all())

    def _judge_gripper(self, position: float, time_s: float, slack_s: float = 0.0) -> None:
        """Judge how long after the last change of its command a gripper is commanded."""
        gripper = self.spec.gripper
        if gripper is None or position == self._grip:
            return
        if self._grip is not None:
            passed_s = max(time_s - self._gripped_s + slack_s, ROUNDING)
            self.wire.worst.include(Worst(gripper=gripper.min_interval_s / passed_s))
        self._grip, self._gripped_s = position, time_s

    def _judge(self, take: Callable[[], None], tick_ns: int) -> None:
        """
        Judge a command.

        :param take: has the wire take it.
        :param tick_ns: the ROS time at which it was decided.
        """
        before = self.wire.velocity_X
        take()
        if np.abs(self.wire.velocity_X).max() > _MOVING:
            self.last_moving_s = self.steady_s()
            if self.last_moving_s > self._chunk_end_s + _CATCH_UP_S:
                self.stale.append('a motion without a chunk')
        max_age_ns = round((self.spec.state.max_age_s + self._slack_s) * NS)
        is_old = self._usable_ns is None or tick_ns - self._usable_ns > max_age_ns
        if not is_old:
            self._trusted_X = self.wire.position_X
        elif not self.wire.brakes(before, self._trusted_X):
            self.stale.append('a motion without a state')
        if self.arm_follows:
            self.arm.follow(self.wire.position_X)
