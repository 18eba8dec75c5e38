# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The parameters of the action executor."""

from dataclasses import dataclass

from hma_ros.core import settings
from hma_ros.ros.parameters import parameter


@dataclass(frozen=True)
class ActionExecutorParameters:
    """Parameters of the action executor."""

    embodiment: str = parameter('', 'embodiment file, or the name of a shipped one')
    mode: str = settings.MODE.field()
    chunk_topic: str = parameter('world_model/action_chunk', 'where action chunks come from')
    bundle: str = parameter('', 'bundle behind the chunks; needed to execute on a real robot')
    allow_sim_bundle: bool = settings.ALLOW_SIM_BUNDLE.field()
    max_chunk_age_s: float = parameter(
        0.5, 'oldest stamp of a chunk on arrival, and furthest ahead [s]', 0.01, 10.0
    )
    ramp_in_s: float = parameter(
        0.5, 'time over which the velocity limit grows from zero after a start [s]', 0.0, 10.0
    )
    require_approval: bool = settings.REQUIRE_APPROVAL.field()
    heartbeat_topic: str = parameter('world_model/heartbeat', 'sign of life of the model')
    heartbeat_timeout_s: float = parameter(
        0.5,
        'a model without a heartbeat for longer is not followed; 0: no limit [s]',
        0.0,
        60.0,
    )
    discovery_s: float = parameter(
        1.5, 'how long to look for stop topics and other publishers before a start [s]', 0.0, 60.0
    )
    autostart: bool = parameter(False, 'configure and activate at the start')
