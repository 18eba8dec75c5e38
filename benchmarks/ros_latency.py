# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""How long it takes from a camera image to an action, through the real nodes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.latency import Percentiles
from hma_ros.cli.session import running_nodes
from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import MessageError

if TYPE_CHECKING:
    from hma_ros.ros.episode_client import EpisodeClient

Facts = dict[str, dict[str, str]]
# Starts that no training episode has: those have even seeds.
_FIRST_SEED = 101
_EPISODE_S = 8.0
# As world_model names them on /diagnostics, in the order of a frame's way.
STAGES = (
    'waiting',
    'conversion',
    'inference',
    'publishing',
    'receipt to action',
    'image stamp to action',
    'imagined frame',
)


@dataclass(frozen=True)
class RosLatency:
    """
    What world_model reports of itself after some episodes with the simulated robot.

    :param steps: decided on.
    :param missed_steps: without an image in time.
    :param dropped_steps: that failed.
    :param stages_ms: by name, see :data:`STAGES`.
    :param memory_mib: resident memory of the node.
    :param holding: share of the periods in which the executor had no chunk to follow.
    :param holding_alone: the same where no chunk is continued from an imagined frame.
    """

    embodiment: str
    period_ms: float
    steps: int
    missed_steps: int
    dropped_steps: int
    stages_ms: dict[str, Percentiles]
    memory_mib: float
    holding: float
    holding_alone: float


def ros_latency(bundle: Path, embodiment: str, episodes: int) -> RosLatency:
    """
    Run episodes in real time, simulator and all nodes on this machine.

    :param embodiment: a simulated one, ``sim_...``.
    :raises ConfigError: a node cannot be started, or refuses.
    :raises MessageError: a node does not answer, or does not report.
    """
    facts = [_run(bundle, embodiment, episodes, horizon) for horizon in (8, 1)]
    period_ms = 1e3 / load_embodiment(embodiment).rates.frame_hz
    return _read(facts[0]['world_model'], embodiment, period_ms, *map(_holding, facts))


def _run(bundle: Path, embodiment: str, episodes: int, horizon: int) -> Facts:
    """Run episodes; a chunk is continued only where more than one frame is imagined."""
    robot = embodiment.removeprefix('sim_')
    with running_nodes(robot, bundle=str(bundle), horizon=horizon) as (_, client):
        return _listen(client, episodes)


def _holding(facts: Facts) -> float:
    holding, tracking = (int(facts['action_executor'][key]) for key in ('holding', 'tracking'))
    return holding / (holding + tracking)


def _listen(client: EpisodeClient, episodes: int) -> Facts:
    """Run episodes; returns the last status of each node."""
    from diagnostic_msgs.msg import DiagnosticArray

    from hma_ros.ros.qos import REPORT

    facts: Facts = {}

    def keep(message: Any) -> None:
        for status in message.status:
            node = facts.setdefault(status.name.partition(':')[0], {})
            node.update((item.key, item.value) for item in status.values)

    client.node.create_subscription(DiagnosticArray, '/diagnostics', keep, REPORT)
    for seed in range(_FIRST_SEED, _FIRST_SEED + 2 * episodes, 2):
        client.run(seed, _EPISODE_S)
    return facts


def _read(
    facts: dict[str, str],
    embodiment: str,
    period_ms: float,
    holding: float,
    holding_alone: float,
) -> RosLatency:
    try:
        return RosLatency(
            embodiment=embodiment,
            period_ms=period_ms,
            steps=int(facts['steps']),
            missed_steps=int(facts.get('missed steps', 0)),
            dropped_steps=int(facts.get('dropped steps', 0)),
            stages_ms={
                stage: Percentiles(*(float(facts[f'{stage} p{p} ms']) for p in (50, 95, 99)))
                for stage in STAGES
            },
            memory_mib=float(facts['memory MB']),
            holding=holding,
            holding_alone=holding_alone,
        )
    except KeyError as error:
        raise MessageError(
            f'/diagnostics: no {error} of world_model among {sorted(facts)}, expected a report '
            'of every stage; its log above says why'
        ) from error
