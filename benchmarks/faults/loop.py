# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The parts of the executor node in one process, without DDS, stepped period by period."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np

from benchmarks.faults.bench import NS, Bench
from benchmarks.faults.wire import StampTime, Wire
from hma_ros.core.control.command_clock import CommandClock, Tick
from hma_ros.core.control.decision import COMMANDING, Decision
from hma_ros.core.control.executor import Executor
from hma_ros.core.control.stop_board import StopBoard
from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.errors import MessageError
from hma_ros.core.messages.chunk import step_dt_s, to_actions
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.ros.publishers import SingleSource
from hma_ros.ros.robot_state import RobotState

_MAX_CHUNK_AGE_S = 0.5
_RAMP_IN_S = 0.1


class _Subscription(AbstractContextManager[None]):
    """In place of one of rclpy, whose messages wait until they are taken."""

    def __init__(self, callback: Callable[..., None]) -> None:
        self.callback, self.handle = callback, self
        self.msg_type = self.callback_group = None
        self.waiting: deque[tuple[Any, bytes]] = deque()

    def take_message(self, _kind: Any, _raw: bool) -> tuple[Any, bytes] | None:
        return self.waiting.popleft() if self.waiting else None

    def __exit__(self, *_: object) -> None:
        pass


class _Topics:
    """In place of a node: keeps what subscribes."""

    def __init__(self) -> None:
        self.subscriptions: dict[str, _Subscription] = {}
        self._parameter_overrides: dict[str, Any] = {}

    def resolve_topic_name(self, name: str) -> str:
        return f'/{name}'

    def subscribe_bounded(
        self, _kind: Any, topic: str, callback: Callable[..., None], *_: Any
    ) -> _Subscription:
        return self.subscriptions.setdefault(topic, _Subscription(callback))

    def count_publishers(self, _topic: str) -> int:
        return 1


class Loop(Bench):
    """The executor of a robot on simulated clocks."""

    where = 'in_process'

    def __init__(self, spec: EmbodimentSpec, rng: np.random.Generator) -> None:
        super().__init__(spec, rng, slack_s=0.0)
        self.period_ns = round(NS * self.period_s)
        self.steady_ns, self.offset_ns = 100 * NS, 1_000 * NS
        self._clock: CommandClock | None = None
        # The same commands, judged by their stamps.
        self._stamped, self._stamps = Wire(self.arm.axes), StampTime()
        self.executor: Executor | None = None
        self._board: StopBoard | None = None
        self._is_active = False
        self.reconfigure()
        self.activate()
        for button in (0, 1):
            self.press(button, False)

    def now_ns(self) -> int:
        return self.steady_ns + self.offset_ns

    def steady_s(self) -> float:
        return self.steady_ns / NS

    def run(self, seconds: float) -> None:
        for _ in range(max(round(seconds / self.period_s), 1)):
            self.step()

    def step(self, late_ns: int = 0) -> None:
        """Let one period pass, and more if the tick comes late."""
        self.steady_ns += self.period_ns + late_ns
        self._exchange()
        self._state.take()
        if not self._is_active:
            return
        tick = self._command_clock.tick(self.now_ns(), self.steady_ns)
        if tick is None:
            return
        if tick.interruption is not None:
            self._state.clear()
            self._usable_ns = None
        refusal = self._stops.refusal(self.steady_ns)
        newest = self._state.newest()
        measured = None if newest is None else self._execution.measurement(*newest)
        decision = self._execution.step(tick, self.now_ns(), measured, refusal)
        if decision.motion is not None:
            tick = self._command_clock.settled(tick, self._execution.is_at_rest)
        self._take(tick, decision)

    def hear_all(self) -> None:
        """Nothing is ever under way."""

    def send_chunk(self, message: Any, source: int = 0) -> None:
        try:
            if (other := self._source.refusal(source, self.steady_s())) is not None:
                raise MessageError(other)
            self._execution.check_chunk(step_dt_s(message), message.horizon)
            actions = to_actions(message, self.spec, 'chunks')
            stamp = stamp_ns(message.header.stamp)
            self._execution.accept(stamp, step_dt_s(message), actions, self.now_ns())
        except MessageError:
            return

    def press(self, button: int, is_pressed: bool) -> None:
        for index, stop in enumerate(self.spec.stops):
            if stop.topic == 'emergency_stop':
                reason = self._stops.take(index, is_pressed, button, self.steady_ns)
                if reason is not None:
                    self._execution.stop(reason)

    def stop(self) -> None:
        self._execution.stop('~/stop was called')

    def resume(self) -> bool:
        if not self._is_active:
            self.activate()
        if self._stops.refusal(self.steady_ns) is not None:
            return False
        self._execution.release()
        return True

    def deactivate(self) -> None:
        self._is_active = False
        while True:
            self.steady_ns += self.period_ns
            tick = self._command_clock.force(self.steady_ns)
            decision = self._execution.halt(tick)
            self._take(tick, decision)
            if decision.motion is None:
                return

    def activate(self) -> bool:
        self._clock = CommandClock(self.period_ns, is_simulated=False, previous=self._clock)
        self._execution.reset()
        self._is_active = True
        return True

    def reconfigure(self) -> None:
        latched = None if self.executor is None else self._execution.stop_reason
        self.executor = Executor(self.spec, _MAX_CHUNK_AGE_S, _RAMP_IN_S, previous=self.executor)
        if latched is not None:
            self.executor.stop(latched)
        before, topics = self._board, [stop.topic for stop in self.spec.stops]
        self._board = StopBoard(self.spec.stops, topics)
        self._board.begin(before)
        self._topics = _Topics()
        self._source = SingleSource(self._topics, 'chunks')
        self._state = RobotState(self._topics, self.spec, lambda _: None, lambda: None)

    def deliver_state(self, message: Any, driver: int) -> None:
        self._topics.subscriptions[self.arm.topic].waiting.append((message, bytes([driver])))

    @property
    def _execution(self) -> Executor:
        assert self.executor is not None  # noqa: S101
        return self.executor

    @property
    def _command_clock(self) -> CommandClock:
        assert self._clock is not None  # noqa: S101
        return self._clock

    @property
    def _stops(self) -> StopBoard:
        assert self._board is not None  # noqa: S101
        return self._board

    def _take(self, tick: Tick, decision: Decision) -> None:
        if decision.motion is not None:
            position = np.array(decision.motion.position_X)
            # By real time, whatever the clock of ROS says, and as the stamps say it.
            self._judge(partial(self.wire.take, self.steady_s(), position), self.now_ns())
            self._stamped.take(self._stamps.passed_s(tick.reach_ns, self.steady_ns), position)
            self.wire.worst.include(self._stamped.fresh_worst())
            grip = self._execution.gripper
            if grip is not None and grip.position is not None and decision.state in COMMANDING:
                self._judge_gripper(grip.position, self.steady_s())
