# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Runs episodes on the simulated robot through the nodes, for evaluation and demonstrations.

Each episode goes through the lifecycle: model and executor are deactivated, the simulation is
reset, and both are activated, so that the context is empty and the target is where the robot is.
If the robot settles away from its last command, the executor stops until ``~/resume``, so that a
person can look first. A simulated robot needs none: the client resumes. Any other stop stays, and
an executor of a real robot is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Bool

from hma_ros.core.control.decision import AWAY
from hma_ros.core.errors import ConfigError
from hma_ros.core.messages.stamp import stamp_ns
from hma_ros.ros.qos import LATCHED, REPORT, SENSOR_IN
from hma_ros.ros.service_caller import ServiceCaller
from hma_ros.srv import ResetEpisode

_COMMANDER = 'action_executor'


@dataclass(frozen=True)
class EpisodeResult:
    """
    How an episode went.

    ``sim_time_s`` is the simulated time until success or the end.
    """

    seed: int
    success: bool
    sim_time_s: float


class EpisodeClient(ServiceCaller):
    """
    Runs episodes; use it as a context manager.

    :param namespace: of the nodes.
    :param nodes: lifecycle nodes to restart with each episode, in the order of activation.
    :param timeout_s: longest wait for an answer or for the clock to move, in real time.
    :param simulated_only: whether an executor of a real robot is refused; without, somebody must
        stand beside the robot.
    """

    def __init__(
        self,
        namespace: str = '',
        nodes: tuple[str, ...] = (_COMMANDER, 'world_model', 'rollout_viewer'),
        timeout_s: float = 60.0,
        simulated_only: bool = True,
    ) -> None:
        super().__init__(namespace, timeout_s, 'episode_client')
        self._names, self._simulated_only = nodes, simulated_only
        self._now_ns = 0
        self._success: bool | None = None
        # What the executor said last, and when the stop was that was resumed last.
        self._facts: dict[str, str] = {}
        self._resumed_s = ''
        self._node.create_subscription(Clock, '/clock', self._on_clock, SENSOR_IN)
        self._node.create_subscription(Bool, 'sim_robot/success', self._on_success, LATCHED)
        if _COMMANDER in nodes:
            name = self._node.get_namespace().strip('/')
            self._status = f'{name}/{_COMMANDER}: status'.lstrip('/')
            self._node.create_subscription(
                DiagnosticArray, '/diagnostics', self._on_diagnostics, REPORT
            )

    def run(
        self, seed: int, horizon_s: float, on_begin: Callable[[int], None] = lambda now_ns: None
    ) -> EpisodeResult:
        """
        Run one episode.

        :param seed: which episode.
        :param horizon_s: simulated seconds after which it has failed.
        :param on_begin: told the simulated time when the robot is at its start, and before a node
            works: what is stamped before belongs to another episode.
        :raises ConfigError: a node or the simulator refuses.
        :raises MessageError: a node or the clock does not answer in time.
        """
        self.begin(seed, on_begin)
        return self._watch(seed, horizon_s)

    def begin(self, seed: int, on_begin: Callable[[int], None] = lambda now_ns: None) -> None:
        """Begin an episode and let it run; see :meth:`run`."""
        for name in reversed(self._names):
            self._bring(name, State.PRIMARY_STATE_INACTIVE)
        self._check_simulated()
        self._success = None
        self._reset(seed)
        self._until(lambda: self._success is False, 'sim_robot/success: expected a message')
        on_begin(self._now_ns)
        for name in self._names:
            self._bring(name, State.PRIMARY_STATE_ACTIVE)

    def _watch(self, seed: int, horizon_s: float) -> EpisodeResult:
        start_ns = self._now_ns
        end_ns = start_ns + round(horizon_s * 1e9)
        while not self._success and self._now_ns < end_ns:
            if self._is_away():
                self._resume()
            self._wait_for_clock()
        return EpisodeResult(seed, bool(self._success), (self._now_ns - start_ns) * 1e-9)

    def _wait_for_clock(self) -> None:
        before_ns = self._now_ns
        self._until(
            lambda: self._now_ns > before_ns or self._success, '/clock: expected it to move'
        )

    def _check_simulated(self) -> None:
        if _COMMANDER not in self._names:
            return
        self._until(lambda: self._facts, f'/diagnostics: expected a status of {_COMMANDER}')
        if not self._may_run():
            raise ConfigError(
                f'{_COMMANDER}: got one of a real robot, expected a simulated one for episodes; '
                'use another ROS_DOMAIN_ID or namespace'
            )

    def _may_run(self) -> bool:
        return not self._simulated_only or self._facts.get('simulated') == 'True'

    def _is_away(self) -> bool:
        """Whether the robot settled elsewhere, and was not resumed after that stop."""
        is_new = self._facts.get('stopped at s') != self._resumed_s
        return self._may_run() and AWAY in self._facts.get('stop reason', '') and is_new

    def _resume(self) -> None:
        stopped_s = self._facts['stopped at s']
        is_released, text = self.trigger(f'{_COMMANDER}/resume')
        # Statuses of before may still come, so each stop is released once.
        self._facts, self._resumed_s = {}, stopped_s if is_released else self._resumed_s
        self._node.get_logger().info(f'{_COMMANDER}/resume: {text}')

    def _reset(self, seed: int) -> None:
        answer = self.call(ResetEpisode, 'sim_robot/reset', ResetEpisode.Request(seed=seed))
        if not answer.success:
            raise ConfigError(f'sim_robot/reset: expected success, got: {answer.message}')

    def _bring(self, name: str, state: int) -> None:
        """Bring a lifecycle node to inactive or active."""
        now = self.call(GetState, f'{name}/get_state', GetState.Request()).current_state
        if now.id == state:
            return
        steps = {
            (
                State.PRIMARY_STATE_UNCONFIGURED,
                State.PRIMARY_STATE_INACTIVE,
            ): Transition.TRANSITION_CONFIGURE,
            (
                State.PRIMARY_STATE_INACTIVE,
                State.PRIMARY_STATE_ACTIVE,
            ): Transition.TRANSITION_ACTIVATE,
            (
                State.PRIMARY_STATE_ACTIVE,
                State.PRIMARY_STATE_INACTIVE,
            ): Transition.TRANSITION_DEACTIVATE,
        }
        step = steps.get((now.id, state))
        request = ChangeState.Request(transition=Transition(id=step or 0))
        if step is None or not self.call(ChangeState, f'{name}/change_state', request).success:
            raise ConfigError(
                f'{name}: got a refusal, expected the node to leave the state '
                f'{now.label!r}; its log says why'
            )

    def _on_diagnostics(self, message: Any) -> None:
        for status in message.status:
            if status.name == self._status:
                self._facts = {item.key: item.value for item in status.values}

    def _on_clock(self, message: Any) -> None:
        self._now_ns = stamp_ns(message.clock)

    def _on_success(self, message: Any) -> None:
        self._success = bool(message.data)
