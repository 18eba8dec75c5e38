# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Whether a person allowed the robot to follow chunks, after one was shown."""


class Approval:
    """
    An approval lasts until :meth:`end`; if none is needed, there always is one.

    :param is_needed: whether chunks are only checked before somebody approves.
    """

    def __init__(self, is_needed: bool) -> None:
        self._is_needed = is_needed
        self._is_shown = self._is_given = False

    @property
    def is_there(self) -> bool:
        """Whether chunks may be followed."""
        return self._is_given or not self._is_needed

    def show(self) -> None:
        """Note that a chunk passed all checks: from now on there is something to approve."""
        self._is_shown = True

    def give(self) -> str | None:
        """Approve what was shown; returns why not, None if it is approved."""
        if not self._is_shown:
            return (
                'approval: got one before a chunk was shown, expected a chunk of this motion that '
                'passed the checks; look at it first'
            )
        self._is_given = True
        return None

    def end(self) -> None:
        """Forget the approval and what was shown, e.g. when the motion stopped."""
        self._is_shown = self._is_given = False
