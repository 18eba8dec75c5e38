# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The plan the executor follows: the newest chunk, read by time stamp.

Step ``i`` of a chunk is reached at ``stamp + (i + 1) * step_dt``, on a straight line from the
target before. A chunk arrives later than its stamp; so that the target does not jump, the
difference to what is commanded at that moment fades out until the end of the chunk, which is
reached on time. Past the end the last target is held.

A chunk with the stamp of the one that is followed may only add steps to it: the robot goes on with
them until the next chunk is there.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hma_ros.core.control.action_space import Targets
from hma_ros.core.control.interpolation import interpolated
from hma_ros.core.errors import EarlierError, LateError, MessageError
from hma_ros.core.units import NS_PER_S


def check_begun(stamp_ns: int, length_s: float, begun_ns: int) -> None:
    """
    Check that a chunk does not belong to an earlier motion.

    :param length_s: of the chunk.
    :param begun_ns: when this motion began.
    :raises EarlierError: its frame is older than the motion by less than the chunk is long, as
        that of the first chunk of every motion.
    :raises LateError: it is older still.
    """
    before_s = (begun_ns - stamp_ns) / NS_PER_S
    if before_s > 0.0:
        kind = EarlierError if before_s < length_s else LateError
        raise kind(
            f'action chunk: got one stamped {before_s:.3f} s before this motion began, expected a '
            'later one'
        )


class ChunkPlan:
    """
    Targets over time.

    :param hold_D: ``float64[D]`` held until the first chunk.
    :param max_age_s: chunks whose stamp is older on arrival are refused, and those whose stamp is
        as far ahead: a tick of /clock may arrive after a chunk that it stamped.
    """

    def __init__(self, hold_D: ArrayLike, max_age_s: float) -> None:
        self._max_age_s = max_age_s
        self._newest_ns: int | None = None
        self._gripper: NDArray[np.float64] | None = None
        self.hold(hold_D)

    def forget_stamps(self) -> None:
        """Take stamps older than those accepted before, e.g. after the clock jumped back."""
        self._newest_ns = None

    def hold(self, target_D: ArrayLike) -> None:
        """Drop the chunk and keep ``target_D``, e.g. after a stop or a pause."""
        target = np.array(target_D, np.float64)
        self._knots = target[None]
        self._times_ns = np.zeros(1, np.int64)
        self._offset, self._joined_ns, self._faded_ns = np.zeros_like(target), 0, 0
        self._gripper = None

    @property
    def base(self) -> NDArray[np.float64]:
        """Where the chunk begins, ``float64[D]``."""
        base: NDArray[np.float64] = self._knots[0]
        return base

    def is_following(self, stamp_ns: int) -> bool:
        """Whether the chunk that is followed has this stamp."""
        return len(self._times_ns) > 1 and stamp_ns == self._times_ns[0]

    def accept(
        self,
        stamp_ns: int,
        step_dt_s: float,
        base_D: ArrayLike,
        targets: Targets,
        joins_ns: int,
        joins_at_D: ArrayLike,
    ) -> None:
        """
        Replace the plan by a new chunk whose time :meth:`check` has found right.

        :param stamp_ns: start of step 0.
        :param base_D: ``float64[D]`` target commanded at the stamp (the base of increments).
        :param targets: from :func:`~hma_ros.core.control.action_space.targets_from_actions`.
        :param joins_ns: the time at which the plan joins what came before.
        :param joins_at_D: ``float64[D]`` where it joins.
        """
        self._follow(stamp_ns, step_dt_s, np.asarray(base_D, np.float64), targets)
        self._join(joins_ns, np.asarray(joins_at_D, np.float64))

    def extend(self, step_dt_s: float, targets: Targets, joins_ns: int) -> None:
        """
        Add steps to the chunk; nothing changes before they begin.

        :param targets: of all its steps, from :attr:`base`.
        :param joins_ns: the time from which the plan may change, which counts where the chunk was
            over.
        :raises MessageError: other steps than it has.
        """
        steps, held = len(self._times_ns) - 1, self.target(joins_ns)
        if not self._begins(targets):
            raise MessageError(
                'action chunk: got one stamped as the one that is followed, but with other steps; '
                f'expected the same {steps} steps, then more'
            )
        self._follow(int(self._times_ns[0]), step_dt_s, self.base, targets)
        if joins_ns > self._times_ns[steps]:
            self._join(joins_ns, held)

    def target(self, time_ns: int) -> NDArray[np.float64]:
        """Return the planned target at a time, ``float64[D]``."""
        planned = interpolated(self._times_ns, self._knots, time_ns)
        faded: NDArray[np.float64] = planned + self._fade(time_ns) * self._offset
        return faded

    def ahead(self, time_ns: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the lowest and the highest target from a time on, each ``float64[D]``."""
        later = self._times_ns[self._times_ns > time_ns].tolist()
        targets = np.stack([self.target(moment_ns) for moment_ns in (time_ns, *later)])
        return targets.min(axis=0), targets.max(axis=0)

    def gripper(self, time_ns: int) -> float | None:
        """Return the model's gripper value of the step at a time; None without one."""
        if self._gripper is None:
            return None
        step = int(np.searchsorted(self._times_ns, time_ns, side='right')) - 1
        return float(self._gripper[min(max(step, 0), len(self._gripper) - 1)])

    def expired(self, now_ns: int) -> bool:
        """Whether the chunk has run out and its last target is only held."""
        return now_ns >= int(self._times_ns[-1])

    def _follow(
        self, stamp_ns: int, step_dt_s: float, base_D: NDArray[np.float64], targets: Targets
    ) -> None:
        ends = np.arange(len(targets.positions_HD) + 1) * step_dt_s
        self._newest_ns = stamp_ns
        self._knots = np.concatenate([base_D[None], targets.positions_HD])
        self._times_ns = stamp_ns + np.rint(ends * NS_PER_S).astype(np.int64)
        self._gripper = targets.gripper_H

    def _join(self, time_ns: int, position_D: NDArray[np.float64]) -> None:
        """Have the plan be at a position at a time, and fade the difference out."""
        self._offset, self._joined_ns = np.zeros_like(position_D), time_ns
        self._faded_ns = int(self._times_ns[-1])
        self._offset = position_D - self.target(time_ns)

    def _begins(self, targets: Targets) -> bool:
        """Whether the first targets are those of the chunk."""
        count, grips = len(self._times_ns) - 1, targets.gripper_H
        is_same = np.array_equal(self._knots[1:], targets.positions_HD[:count])
        if self._gripper is None or grips is None:
            return is_same
        return is_same and np.array_equal(self._gripper, grips[:count])

    def check(self, stamp_ns: int, step_dt_s: float, steps: int, now_ns: int) -> None:
        """
        Check the time of a chunk.

        :raises LateError: it is too old, already over, or not newer than the one followed.
        :raises MessageError: it is from the future.
        """
        age_s = (now_ns - stamp_ns) / NS_PER_S
        over_s = age_s - steps * step_dt_s
        if age_s > self._max_age_s:
            raise LateError(
                f'action chunk: got a stamp {age_s:.3f} s old, '
                f'expected at most {self._max_age_s:g} s'
            )
        if age_s < -self._max_age_s:
            raise MessageError(
                f'action chunk: got a stamp {-age_s:.3f} s ahead of the clock, '
                f'expected at most {self._max_age_s:g} s'
            )
        if over_s >= 0.0:
            raise LateError(
                f'action chunk: got one that ended {over_s:.3f} s ago, '
                'expected one that ends in the future'
            )
        if stamp_ns == self._newest_ns and not self.is_following(stamp_ns):
            raise MessageError(
                'action chunk: got one stamped as a chunk that was dropped, expected a newer one'
            )
        adds_steps = self.is_following(stamp_ns) and steps >= len(self._times_ns)
        if self._newest_ns is not None and stamp_ns <= self._newest_ns and not adds_steps:
            before_s = (self._newest_ns - stamp_ns) / NS_PER_S
            raise LateError(
                f'action chunk: got one stamped {before_s:.3f} s before the one that is followed, '
                'expected a newer one'
            )

    def _fade(self, time_ns: int) -> float:
        remaining_ns = self._faded_ns - self._joined_ns
        if remaining_ns <= 0:
            return 0.0
        return min(max((self._faded_ns - time_ns) / remaining_ns, 0.0), 1.0)
