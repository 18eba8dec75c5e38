# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Model and executor together, where every chunk comes too late to be followed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray

pytestmark = pytest.mark.ros
ROBOT = 'sim_ur5e'


def test_a_model_that_is_always_late_still_knows_what_was_executed(
    system: Any, tiny_bundle: Path, move_by_hand: Callable[..., None]
) -> None:
    facts: dict[str, dict[str, str]] = {'world_model': {}, 'action_executor': {}}

    def read(message: DiagnosticArray) -> None:
        for status in message.status:
            name = status.name.partition(':')[0]
            facts[name] = {item.key: item.value for item in status.values}

    system.node.create_subscription(DiagnosticArray, '/diagnostics', read, 10)
    shared = {
        'embodiment': ROBOT,
        'bundle': str(tiny_bundle),
        'mode': 'execute',
        'autostart': True,
        'max_chunk_age_s': 0.05,
    }
    system.spawn('action_executor', **shared)
    system.spawn('world_model', horizon=2, threads=1, **shared)
    move_by_hand(ROBOT, camera_delay_ms=120)

    def is_told() -> bool:
        late, reported = (
            int(facts['world_model'].get(name, 0))
            for name in ('steps too late to act', 'reported actions')
        )
        return late >= 5 and reported >= 5

    system.until(is_told, 'reports of steps whose chunks are late')
    system.until(lambda: int(facts['action_executor'].get('late chunks', 0)) >= 1, 'a late chunk')
    assert int(facts['action_executor'].get('accepted chunks', 0)) == 0
