# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Whether a person allowed the robot to follow chunks, while one is shown."""

from hma_ros.core.units import NS_PER_S


class Approval:
    """
    An approval lasts until :meth:`end`; if none is needed, there always is one.

    :param is_needed: whether chunks are only checked before somebody approves.
    """

    def __init__(self, is_needed: bool) -> None:
        self._is_needed = is_needed
        self._is_given = False
        # When the chunk that was shown last is over, in ROS time.
        self._end_ns: int | None = None

    @property
    def is_there(self) -> bool:
        """Whether chunks may be followed."""
        return self._is_given or not self._is_needed

    def show(self, end_ns: int) -> None:
        """Note that a chunk passed all checks: until its end there is something to approve."""
        self._end_ns = end_ns

    def give(self, now_ns: int) -> str | None:
        """Approve what was shown and still lasts; returns why not, None if it is approved."""
        if self._end_ns is None:
            return (
                'approval: got one before a chunk was shown, expected a chunk of this motion that '
                'passed the checks; look at it first'
            )
        if now_ns > self._end_ns:
            return (
                f'approval: got one {(now_ns - self._end_ns) / NS_PER_S:.1f} s after the last '
                'chunk was over, expected one while a chunk lasts; see that the model sends them, '
                'then approve again'
            )
        self._is_given = True
        return None

    def end(self) -> None:
        """Forget the approval and what was shown, e.g. when the motion stopped."""
        self._is_given, self._end_ns = False, None
