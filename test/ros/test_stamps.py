# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""When a message arrived."""

import time

import pytest

from hma_ros.ros.stamps import waited_ns


@pytest.mark.parametrize(
    ('received', 'waited_s'), [(-0.3, 0.3), (0.1, 0.0), (-3.0, 0.0), (None, 0.0)]
)
def test_how_long_a_message_waited(received: float | None, waited_s: float) -> None:
    """Not in the future, and not for longer than any process is held up: the clock was set."""
    offset_ns = None if received is None else time.time_ns() + round(received * 1e9)
    info = {'received_timestamp': offset_ns}
    assert waited_ns(info) / 1e9 == pytest.approx(waited_s, abs=0.05)
