# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What the executor decides in a period, and the states that it is in.

========= ================================== ====================== ==============================
state     enters when                        commands               leaves when
========= ================================== ====================== ==============================
waiting   started, resumed, or the robot is  nothing                measurements agree, are fresh
          away from the last command                                and inside limits plus margin,
                                                                    and every stop topic is clear;
                                                                    away too long, or at rest
                                                                    there: ``stopped``
tracking  a chunk is followed                the plan, within       state lost, following error,
                                             limits                 chunk over, stop
holding   the chunk is over, or refused      the last, at rest      a new chunk
braking   the state is lost, the robot does  decelerates within     at rest: ``lost``
          not follow, the clock jumped       limits
lost      at rest without a state to trust   nothing                the state is fresh again: near
                                                                    the last command it goes on
                                                                    from there, else ``waiting``
stopped   a stop, or the robot stays away    decelerates within     :meth:`Executor.release`
          from the last command              limits to one command
                                             at rest, then nothing
========= ================================== ====================== ==============================
"""

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
