# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The changes of the executor's state in the log."""

import time
from typing import Any

from hma_ros.core.control.decision import COMMANDING, Decision, State
from hma_ros.core.short_text import counted, numberless

_FAULTY = (State.BRAKING, State.LOST)
_REPEAT_S = 5.0
# A state that lasts so long is logged, also after repeated changes.
_SETTLED_S = 1.0


class StateLog:
    """
    Logs a change of state at once, unless the same change was logged within five seconds.

    Repeated changes are counted, and the state in which they end is logged.

    :param node: whose logger is used.
    :param present: the state to begin with.
    :param is_shadow: whether nothing follows what is planned: no loss is a warning then.
    """

    def __init__(self, node: Any, present: Decision, is_shadow: bool) -> None:
        self._node, self._present, self._is_shadow = node, present, is_shadow
        self._logged_s: dict[tuple[State, str], float] = {}
        self._changed_s = time.monotonic()
        self._withheld, self._is_owed = 0, False

    def note(self, decision: Decision) -> None:
        """Take what was decided; an operator's stop is logged elsewhere."""
        before, self._present = self._present.state, decision
        if decision.state is before:
            return
        self._changed_s = now_s = time.monotonic()
        if decision.state is State.STOPPED:
            self._is_owed = False
        elif {decision.state, before} != set(COMMANDING):
            self._change(before, numberless(_text(decision)), now_s)

    def settle(self) -> None:
        """Log the present state if it lasts and was not logged; to be called now and then."""
        if self._is_owed and time.monotonic() - self._changed_s >= _SETTLED_S:
            self._log()

    def _change(self, before: State, kind: str, now_s: float) -> None:
        recent = {key: s for key, s in self._logged_s.items() if now_s - s < _REPEAT_S}
        self._logged_s = recent
        if (before, kind) in recent:
            self._withheld, self._is_owed = self._withheld + 1, True
            return
        recent[before, kind] = now_s
        self._log()

    def _log(self) -> None:
        text, state = _text(self._present), self._present.state
        if self._withheld:
            text += f' ({counted(self._withheld, "such change")} not logged)'
        self._withheld, self._is_owed = 0, False
        if state in _FAULTY and not self._is_shadow:
            self._node.get_logger().warning(text)
        else:
            self._node.get_logger().info(text)


def _text(decision: Decision) -> str:
    reasons = '; '.join(decision.reasons)
    return f'{decision.state.value}{": " if reasons else ""}{reasons}'
