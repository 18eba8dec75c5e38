# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
When commands are due, and the time between them.

The time between two commands is that of a steady clock, so that no step of the system clock makes
a motion faster than its limits. In simulated time it is that of /clock.
"""

from dataclasses import dataclass

_NS = 1_000_000_000
# A step of ROS time against the steady clock. A smaller one never lengthens the time between two
# commands.
_JUMP_NS = 10_000_000
# A longer pause between two ticks is an interruption: the robot has come to rest meanwhile.
_PAUSE_NS = 250_000_000
# Shortest time between two commands, as a share of the period: a late tick is not caught up with
# by two commands at once.
SHORTEST_PERIOD = 0.5


@dataclass(frozen=True)
class Tick:
    """
    One command that is due.

    ``reach_ns`` is the ROS time at which it is reached, ``elapsed_s`` the time since the command
    before; ``interruption`` says why the plan cannot go on, None if it can.
    """

    reach_ns: int
    elapsed_s: float
    interruption: str | None = None


class CommandClock:
    """
    Decides which ticks of a timer are commands.

    :param period_ns: time between two commands.
    :param is_simulated: whether ROS time follows /clock, which may run at any speed.
    """

    def __init__(self, period_ns: int, is_simulated: bool) -> None:
        self._period_ns, self._is_simulated = period_ns, is_simulated
        self._seen: tuple[int, int] | None = None
        self._jump: str | None = None
        # ROS and steady time of the last command.
        self._sent: tuple[int, int] | None = None

    def tick(self, ros_ns: int, steady_ns: int) -> Tick | None:
        """Return the command that is due; None if none is yet."""
        self._jump = self._jumped(ros_ns, steady_ns) or self._jump
        self._seen = (ros_ns, steady_ns)
        if self._sent is None:
            return self._take(ros_ns, steady_ns, self._period_ns, self._jump)
        elapsed_ns = self._elapsed_ns(ros_ns, steady_ns)
        if elapsed_ns < SHORTEST_PERIOD * self._period_ns:
            return None
        pause = None
        if elapsed_ns > max(_PAUSE_NS, 5 * self._period_ns):
            pause = f'no command was due for {elapsed_ns / _NS:.2f} s'
        return self._take(ros_ns, steady_ns, elapsed_ns, self._jump or pause)

    def sent(self, steady_ns: int) -> None:
        """Note when a command without a stamp was sent: controllers take it at its arrival."""
        if self._sent is not None and not self._is_simulated:
            self._sent = self._sent[0], steady_ns

    def wait_s(self, steady_ns: int) -> float:
        """Return how long to wait until a command may follow the last one."""
        if self._sent is None:
            return 0.0
        return max(self._sent[1] + self._period_ns - steady_ns, 0) / _NS

    def force(self, steady_ns: int) -> Tick:
        """Return the next command even while /clock is paused, to come to rest."""
        sent_ns, sent_steady_ns = (0, steady_ns) if self._sent is None else self._sent
        elapsed_ns = self._period_ns
        if not self._is_simulated:
            elapsed_ns = max(steady_ns - sent_steady_ns, self._period_ns)
        return self._take(sent_ns + elapsed_ns, steady_ns, elapsed_ns, None)

    def _take(self, ros_ns: int, steady_ns: int, elapsed_ns: int, why: str | None) -> Tick:
        self._sent, self._jump = (ros_ns, steady_ns), None
        return Tick(ros_ns + self._period_ns, elapsed_ns / _NS, why)

    def _elapsed_ns(self, ros_ns: int, steady_ns: int) -> int:
        """Return the time since the last command: the shorter of two where both clocks run."""
        sent_ns, sent_steady_ns = self._sent or (ros_ns, steady_ns)
        if self._is_simulated:
            # Over a jump the time that passed is unknown: one period is certain.
            return self._period_ns if self._jump else ros_ns - sent_ns
        elapsed_ns = steady_ns - sent_steady_ns
        return elapsed_ns if self._jump else min(elapsed_ns, ros_ns - sent_ns)

    def _jumped(self, ros_ns: int, steady_ns: int) -> str | None:
        if self._seen is None:
            return None
        passed_ns = ros_ns - self._seen[0]
        excess_ns = min(passed_ns, 0)
        if not self._is_simulated:
            excess_ns = passed_ns - (steady_ns - self._seen[1])
        if passed_ns >= 0 and abs(excess_ns) <= _JUMP_NS:
            return None
        return f'the clock jumped by {excess_ns / _NS:+.3f} s'
