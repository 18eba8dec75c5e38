# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
When commands are due, and the time between them.

Commands lie on a grid of whole periods of ROS time, so that the time between any two is known
exactly. A steady clock beside it tells a jump of ROS time from a late tick.
"""

from dataclasses import dataclass

_NS = 1_000_000_000
# A jump of ROS time against the steady clock; a correction of a clock that is smaller is followed.
_JUMP_NS = 100_000_000
# A longer pause between two ticks is an interruption: the robot has come to rest meanwhile.
_PAUSE_NS = 250_000_000


@dataclass(frozen=True)
class Tick:
    """
    One command that is due.

    ``reach_ns`` is the ROS time at which it is reached, ``periods`` how many periods after the one
    before; ``interruption`` says why the plan cannot simply go on, None if it can.
    """

    reach_ns: int
    periods: int
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
        self._reach_ns: int | None = None
        self._sent_steady_ns = 0

    def tick(self, ros_ns: int, steady_ns: int) -> Tick | None:
        """Return the command that is due; None if none is yet."""
        jump = self._jump(ros_ns, steady_ns)
        self._seen = (ros_ns, steady_ns)
        if self._reach_ns is None or jump is not None:
            return self._take(ros_ns + self._period_ns, self._waited(steady_ns), steady_ns, jump)
        periods = round((ros_ns + self._period_ns - self._reach_ns) / self._period_ns)
        is_early = steady_ns - self._sent_steady_ns < self._period_ns // 2
        if periods < 1 or (is_early and not self._is_simulated):
            return None
        pause = None
        if periods * self._period_ns > max(_PAUSE_NS, 5 * self._period_ns):
            pause = f'no command was due for {periods * self._period_ns / _NS:.2f} s'
        return self._take(self._reach_ns + periods * self._period_ns, periods, steady_ns, pause)

    def wait_s(self, steady_ns: int) -> float:
        """Return how long to wait until a command may follow the last one."""
        return max(self._sent_steady_ns + self._period_ns - steady_ns, 0) / _NS

    def force(self, steady_ns: int) -> Tick:
        """Return the next command whatever the time is, e.g. while shutting down."""
        reach_ns = self._period_ns if self._reach_ns is None else self._reach_ns + self._period_ns
        return self._take(reach_ns, 1, steady_ns, None)

    def _take(self, reach_ns: int, periods: int, steady_ns: int, why: str | None) -> Tick:
        self._reach_ns, self._sent_steady_ns = reach_ns, steady_ns
        return Tick(reach_ns, periods, why)

    def _waited(self, steady_ns: int) -> int:
        """Return the periods since the last command; simulated time that jumped tells nothing."""
        if self._reach_ns is None or self._is_simulated:
            return 1
        return max((steady_ns - self._sent_steady_ns) // self._period_ns, 1)

    def _jump(self, ros_ns: int, steady_ns: int) -> str | None:
        if self._seen is None:
            return None
        passed_ns = ros_ns - self._seen[0]
        excess_ns = min(passed_ns, 0)
        if not self._is_simulated:
            excess_ns = passed_ns - (steady_ns - self._seen[1])
        if passed_ns >= 0 and abs(excess_ns) <= _JUMP_NS:
            return None
        return f'the clock jumped by {excess_ns / _NS:+.3f} s'
