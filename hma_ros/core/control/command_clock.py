# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
When commands are due, and the time between them.

The time between two commands is that of a steady clock, so that no step of the system clock makes
a motion faster than its limits. In simulated time it is that of /clock.
"""

from dataclasses import dataclass

_NS = 1_000_000_000
# ROS time this far from the steady clock has jumped. A smaller difference is caught up with by
# a two-thousandth of the time that passes; the smallest are the noise of reading two clocks.
_JUMP_NS = 10_000_000
_NOISE_NS = 2_000_000
_CATCH_UP = 1.0 / 2000.0
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
        # ROS time of the last command, without its corrections, and the steady time of it.
        self._anchor: tuple[int, int] | None = None
        # When it was sent, by the clock that the time between commands is taken from.
        self._sent_ns = 0

    def tick(self, ros_ns: int, steady_ns: int) -> Tick | None:
        """Return the command that is due; None if none is yet."""
        if self._anchor is None:
            return self._take(ros_ns, steady_ns, self._period_ns, None)
        jump_ns = self._jump_ns(ros_ns, steady_ns)
        elapsed_ns = (ros_ns if self._is_simulated else steady_ns) - self._sent_ns
        if jump_ns and self._is_simulated:
            # How long a clock took that jumped is not known: one period is sure.
            elapsed_ns = self._period_ns
        if elapsed_ns < SHORTEST_PERIOD * self._period_ns:
            return None
        why = None
        if jump_ns:
            why = f'the clock jumped by {jump_ns / _NS:+.3f} s'
        elif elapsed_ns > max(_PAUSE_NS, 5 * self._period_ns):
            why = f'no command was due for {elapsed_ns / _NS:.2f} s'
        stamp_ns = ros_ns if jump_ns else self._steady_ros_ns(ros_ns, steady_ns)
        return self._take(stamp_ns, steady_ns, elapsed_ns, why)

    def sent(self, steady_ns: int) -> float:
        """
        Note when a command without a stamp was sent: its time is that of its arrival.

        :returns: how long after its tick that was [s].
        """
        if self._is_simulated or self._anchor is None:
            return 0.0
        self._sent_ns = steady_ns
        return max(steady_ns - self._anchor[1], 0) / _NS

    def wait_s(self, steady_ns: int) -> float:
        """Return how long to wait until a command may follow the last one."""
        if self._anchor is None:
            return 0.0
        return max(self._anchor[1] + self._period_ns - steady_ns, 0) / _NS

    def force(self, steady_ns: int) -> Tick:
        """Return the command after the last one though time may stand, to come to rest."""
        ros_ns, last_ns = (0, steady_ns) if self._anchor is None else self._anchor
        elapsed_ns = self._period_ns
        if not self._is_simulated:
            elapsed_ns = max(steady_ns - last_ns, self._period_ns)
        return self._take(ros_ns + elapsed_ns, steady_ns, elapsed_ns, None)

    def _take(self, ros_ns: int, steady_ns: int, elapsed_ns: int, why: str | None) -> Tick:
        self._anchor = (ros_ns, steady_ns)
        self._sent_ns = ros_ns if self._is_simulated else steady_ns
        return Tick(ros_ns + self._period_ns, elapsed_ns / _NS, why)

    def _steady_ros_ns(self, ros_ns: int, steady_ns: int) -> int:
        """Return ROS time as it goes on steadily, brought a little nearer to what it is."""
        if self._is_simulated or self._anchor is None:
            return ros_ns
        passed_ns = steady_ns - self._anchor[1]
        offset_ns = ros_ns - self._anchor[0] - passed_ns
        most_ns = round(passed_ns * _CATCH_UP) if abs(offset_ns) > _NOISE_NS else 0
        return self._anchor[0] + passed_ns + min(max(offset_ns, -most_ns), most_ns)

    def _jump_ns(self, ros_ns: int, steady_ns: int) -> int:
        """Return how far ROS time jumped since the last command; 0 where it did not."""
        last_ros_ns, last_ns = self._anchor or (ros_ns, steady_ns)
        passed_ns = ros_ns - last_ros_ns
        if self._is_simulated:
            return min(passed_ns, 0)
        excess_ns = passed_ns - (steady_ns - last_ns)
        return excess_ns if abs(excess_ns) > _JUMP_NS else 0
