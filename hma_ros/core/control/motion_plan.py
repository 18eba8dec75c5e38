# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The motion that the executor plans: chunks, smoothed, from what was commanded on."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hma_ros.core.control.action_space import Targets, targets_from_actions
from hma_ros.core.control.axes import Axes
from hma_ros.core.control.chunk_plan import ChunkPlan
from hma_ros.core.control.command_history import CommandHistory
from hma_ros.core.control.guard import POSITION_TOLERANCE
from hma_ros.core.control.smoothing import Smoother
from hma_ros.core.embodiment.spec import EmbodimentSpec
from hma_ros.core.errors import MessageError
from hma_ros.core.units import NS_PER_S

Vector = NDArray[np.float64]


class MotionPlan:
    """
    Smoothed targets over time.

    Increments integrate on what is commanded at the chunk's stamp, which is the truth after a
    hold, a limit or a stop. For a moment that has no command yet it is the last command plus what
    the plan will have added by then.

    :param axes: limits, for the smoothing.
    :param max_chunk_age_s: chunks whose stamp is older on arrival are refused.
    :param history: what was commanded.
    :param ramp_in_s: time over which the velocity limit grows from zero after a start.
    """

    def __init__(
        self,
        spec: EmbodimentSpec,
        axes: Axes,
        max_chunk_age_s: float,
        history: CommandHistory,
        ramp_in_s: float,
    ) -> None:
        self._spec, self._axes, self._history = spec, axes, history
        self._period_s = 1.0 / spec.rates.command_hz
        self._period_ns = round(NS_PER_S * self._period_s)
        self._ramp_in_ns = round(NS_PER_S * ramp_in_s)
        self._ramp_from_ns: int | None = None
        self.width = spec.action.planned
        start = np.zeros(self.width)
        self._chunks = ChunkPlan(start, max_chunk_age_s)
        self._smoother = Smoother(axes, self._period_s, start)
        self._smoothed = start

    def hold(self, position_D: ArrayLike) -> None:
        """Drop the chunk and stay at a position ``[D]``; the next chunk ramps in."""
        self._chunks.hold(position_D)
        self._smoother.reset(position_D)
        self._smoothed = np.array(position_D, np.float64)
        self._ramp_from_ns = None

    def is_following(self, stamp_ns: int) -> bool:
        """Whether the chunk that is followed has this stamp."""
        return self._chunks.is_following(stamp_ns)

    def forget_stamps(self) -> None:
        """Take stamps older than those accepted before, e.g. after the clock jumped back."""
        self._chunks.forget_stamps()

    def check_form(self, step_dt_s: float, steps: int) -> None:
        """
        Refuse a chunk before its numbers are read.

        :raises MessageError: too many steps, or another control rate.
        """
        rates = self._spec.rates
        if not 1 <= steps <= rates.max_chunk_steps:
            raise MessageError(
                f'action chunk: got {steps} steps, expected 1 to {rates.max_chunk_steps}, two '
                'steps of the model'
            )
        if abs(step_dt_s - rates.step_dt_s) > 1e-6:
            raise MessageError(
                f'action chunk: got steps of {step_dt_s:g} s, expected {rates.step_dt_s:g} s '
                f'({self._spec.name})'
            )

    def accept(
        self, stamp_ns: int, actions_HA: ArrayLike, now_ns: int, reach_ns: int, follow: bool
    ) -> Targets:
        """
        Take a chunk, or one that adds steps to the chunk that is followed.

        :param now_ns: the time from which it is followed; with smoothing, a little later.
        :param reach_ns: the time of the last command.
        :param follow: False checks it only.
        :raises LateError: too old, already over, or not newer than the one followed.
        :raises MessageError: malformed, out of bounds, from the future, or changes steps of the
            one followed.
        """
        is_longer = self.is_following(stamp_ns)
        base = self._chunks.base if is_longer else self._commanded(stamp_ns, reach_ns)
        step_dt_s = self._spec.rates.step_dt_s
        targets = targets_from_actions(self._spec, base, actions_HA)
        self._chunks.check(stamp_ns, step_dt_s, len(targets.positions_HD), now_ns)
        joins_ns = now_ns + self._smoother.lead * self._period_ns
        if is_longer:
            self._chunks.extend(step_dt_s, targets, joins_ns)
        elif follow:
            # What the smoothing rounds off is no reason to shift the plan.
            missed = self._history.target(reach_ns) - self._smoothed
            joins_at = self._chunks.target(joins_ns) + missed
            self._chunks.accept(stamp_ns, step_dt_s, base, targets, joins_ns, joins_at)
            self._ramp_from_ns = reach_ns if self._ramp_from_ns is None else self._ramp_from_ns
        return targets

    def targets(self, reach_ns: int, elapsed_s: float) -> tuple[Vector, Vector]:
        """
        Return the targets of a time and of one period later, each ``float64[D]``.

        :param elapsed_s: time since the last call.
        """

        def planned(ahead: int) -> Vector:
            return self._chunks.target(reach_ns + ahead * self._period_ns)

        self._smoothed, soon = self._smoother.advance(
            planned, max(round(elapsed_s / self._period_s), 1)
        )
        return self._smoothed, soon

    def ahead(self, reach_ns: int) -> tuple[Vector, Vector]:
        """Return the lowest and the highest place of the rest of the plan, each ``float64[D]``."""
        low, high = self._chunks.ahead(reach_ns + self._smoother.lead * self._period_ns)
        sampled = self._smoother.hull
        return np.minimum(low, sampled[0]), np.maximum(high, sampled[1])

    def refusal(self, target_D: Vector, commanded_X: Vector) -> str | None:
        """
        Return why a target may not be followed; None if it may.

        :param commanded_X: ``float64[X]`` the last command; one outside the limits may come back.
        """
        if self._spec.action.is_delta:
            return None
        lower, upper = self._axes.lower[: self.width], self._axes.upper[: self.width]
        here = commanded_X[: self.width]
        low, high = np.minimum(lower, here), np.maximum(upper, here)
        beyond = np.maximum(low - target_D, target_D - high)
        return self._axes.first(
            beyond > POSITION_TOLERANCE, 'target beyond its limit by', beyond, np.zeros(self.width)
        )

    def velocity_scale(self, reach_ns: int) -> float:
        """Return the share of the velocity limit that may be used, from 0 to 1."""
        if self._ramp_in_ns <= 0 or self._ramp_from_ns is None:
            return 1.0
        return min((reach_ns - self._ramp_from_ns) / self._ramp_in_ns, 1.0)

    def gripper(self, time_ns: int) -> float | None:
        """Return the model's gripper value of a time; None without one."""
        return self._chunks.gripper(time_ns)

    def expired(self, time_ns: int) -> bool:
        """Whether the chunk has run out and its last target is only held."""
        return self._chunks.expired(time_ns)

    def _commanded(self, time_ns: int, reach_ns: int) -> Vector:
        commanded = self._history.target(time_ns)
        if time_ns <= reach_ns:
            return commanded
        return commanded + self._chunks.target(time_ns) - self._chunks.target(reach_ns)
