# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
When commands are due, and the time between them.

The time between two commands is that of a steady clock, so that no step of the system clock makes
a motion faster than its limits. Stamps are ROS time: while the robot moves they go on by the
steady clock too, so that limits hold by both; at rest they are brought back to ROS time. In
simulated time both are /clock.
"""

from dataclasses import dataclass, replace

from hma_ros.core.units import NS_PER_S

# ROS time this far from the stamps has jumped. A smaller difference is left until the robot rests;
# the smallest are the noise of reading two clocks.
_JUMP_NS = 10_000_000
_NOISE_NS = 2_000_000
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
    :param previous: the clock of the commands before, whose stamps go on.
    """

    def __init__(
        self, period_ns: int, is_simulated: bool, previous: 'CommandClock | None' = None
    ) -> None:
        self._period_ns, self._is_simulated = period_ns, is_simulated
        # ROS time of the last command, as its stamp says, and the steady time of it.
        self._anchor: tuple[int, int] | None = None
        # When it was sent, by the clock that the time between commands is taken from.
        self._sent_ns = 0
        # How far stamps ran ahead of /clock while the robot came to rest.
        self._forced_ns = 0
        if previous is not None and previous._is_simulated == is_simulated:
            self._anchor, self._sent_ns = previous._anchor, previous._sent_ns
            self._forced_ns = previous._forced_ns
        self._has_begun = False
        self._rested = False
        # How far ROS time was ahead of the last stamp, where that is more than noise.
        self._ahead_ns = 0

    def tick(
        self, ros_ns: int, steady_ns: int, noise_ns: int = 0, paused_s: float = 0.0
    ) -> Tick | None:
        """
        Return the command that is due; None if none is yet.

        :param noise_ns: how far apart the two times may have been read.
        :param paused_s: how long this process did not run since the last command, 0 if it did.
        """
        expected_ns = self._expected_ns(ros_ns, steady_ns)
        ahead_ns = ros_ns - expected_ns
        if -self._forced_ns <= ahead_ns < 0:
            # Not a jump: /clock is still to reach the last stamp.
            return None
        has_jumped = abs(ahead_ns) > (0 if self._is_simulated else _JUMP_NS + noise_ns)
        stamp_ns, elapsed_ns = ros_ns if has_jumped else expected_ns, self._period_ns
        # How long a simulated clock took that jumped is not known: one period is sure.
        if self._anchor is not None and not (has_jumped and self._is_simulated):
            elapsed_ns = (ros_ns if self._is_simulated else steady_ns) - self._sent_ns
        if elapsed_ns < SHORTEST_PERIOD * self._period_ns:
            return None
        why = self._interruption(ahead_ns if has_jumped else 0, elapsed_ns, paused_s)
        is_noise = has_jumped or abs(ahead_ns) <= _NOISE_NS + noise_ns
        self._ahead_ns, self._has_begun = 0 if is_noise else ahead_ns, True
        self._forced_ns = 0
        return self._take(stamp_ns, steady_ns, elapsed_ns, why)

    def settled(self, tick: Tick, is_at_rest: bool) -> Tick:
        """
        Return the tick of a command, at rest with its stamp brought nearer to ROS time.

        Only after another command at rest: neither velocity nor acceleration depends on the time
        between the two.

        :param is_at_rest: whether the command equals the one before.
        """
        rests, self._rested = is_at_rest and self._rested, is_at_rest
        if self._anchor is None or not rests or not self._ahead_ns:
            return tick
        # Stamps never go back.
        shift_ns = max(self._ahead_ns, -round(tick.elapsed_s * NS_PER_S) // 2)
        self._ahead_ns = 0
        self._anchor = (self._anchor[0] + shift_ns, self._anchor[1])
        return replace(tick, reach_ns=tick.reach_ns + shift_ns)

    def sent(self, steady_ns: int) -> float:
        """
        Note when a command without a stamp was sent: its time is that of its arrival.

        :returns: how long after its tick that was [s].
        """
        if self._is_simulated or self._anchor is None:
            return 0.0
        self._sent_ns = steady_ns
        return max(steady_ns - self._anchor[1], 0) / NS_PER_S

    def wait_s(self, steady_ns: int) -> float:
        """Return how long to wait until a command may follow the last one."""
        if self._anchor is None:
            return 0.0
        last_ns = self._anchor[1] if self._is_simulated else max(self._anchor[1], self._sent_ns)
        return max(last_ns + self._period_ns - steady_ns, 0) / NS_PER_S

    def force(self, steady_ns: int) -> Tick:
        """Return the command after the last one though time may stand, to come to rest."""
        ros_ns, last_ns = (0, steady_ns) if self._anchor is None else self._anchor
        passed_ns = elapsed_ns = self._period_ns
        if not self._is_simulated:
            passed_ns = max(steady_ns - last_ns, self._period_ns)
            # A command without a stamp may have been sent later than its tick.
            elapsed_ns = max(steady_ns - max(last_ns, self._sent_ns), self._period_ns)
        else:
            self._forced_ns += passed_ns
        return self._take(ros_ns + passed_ns, steady_ns, elapsed_ns, None)

    def _interruption(self, jump_ns: int, elapsed_ns: int, paused_s: float) -> str | None:
        is_late = elapsed_ns > max(_PAUSE_NS, 5 * self._period_ns)
        if not (self._has_begun and (jump_ns or is_late)):
            return None
        passed_ns = jump_ns or elapsed_ns
        paused = f'this process did not run for {paused_s:.2f} s'
        if paused_s and 0 < passed_ns <= paused_s * NS_PER_S + max(_PAUSE_NS, 5 * self._period_ns):
            return paused
        why = f'no command was due for {elapsed_ns / NS_PER_S:.2f} s'
        if jump_ns or self._is_simulated:
            # More than the process left out, so /clock left out the rest.
            why = f'the clock jumped by {passed_ns / NS_PER_S:+.3f} s'
        return f'{why}, and {paused}' if paused_s else why

    def _take(self, ros_ns: int, steady_ns: int, elapsed_ns: int, why: str | None) -> Tick:
        self._anchor = (ros_ns, steady_ns)
        self._sent_ns = ros_ns if self._is_simulated else steady_ns
        return Tick(ros_ns + self._period_ns, elapsed_ns / NS_PER_S, why)

    def _expected_ns(self, ros_ns: int, steady_ns: int) -> int:
        """Return ROS time as it goes on from the last command."""
        if self._anchor is None:
            return ros_ns
        last_ros_ns, last_ns = self._anchor
        if self._is_simulated:
            return max(ros_ns, last_ros_ns)
        return last_ros_ns + steady_ns - last_ns
