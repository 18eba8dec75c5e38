# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the executor decides in a period, and the states that it is in."""

from dataclasses import dataclass
from enum import Enum

from hma_ros.core.control.guard import Motion


class State(str, Enum):
    """A state of the executor; the value is what diagnostics say."""

    WAITING = 'waiting'
    TRACKING = 'tracking'
    HOLDING = 'holding'
    BRAKING = 'braking'
    LOST = 'lost'
    STOPPED = 'stopped'


COMMANDING = (State.TRACKING, State.HOLDING)
# Part of the reason for which the executor waits, or latches a stop by itself.
AWAY = 'away from the last command'


@dataclass(frozen=True)
class Decision:
    """
    What to command now.

    ``motion`` is None where nothing may be commanded; ``reasons`` say why the executor is in this
    state, or what limited the motion.
    """

    state: State
    motion: Motion | None
    reasons: tuple[str, ...] = ()
