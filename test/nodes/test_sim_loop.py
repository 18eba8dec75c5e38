# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A reset that comes when the simulation has ended is refused at once."""

import time
from typing import Any

import pytest

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.errors import HmaError
from hma_ros.nodes.sim_loop import SimLoop


def loop_that(on_step: Any) -> SimLoop:
    spec = load_embodiment('sim_planar')
    loop = SimLoop(spec, 'sim_planar', 0, 0.0, 'fixed', on_step)
    loop.start()
    return loop


def test_of_a_simulation_that_failed() -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError('out of memory')

    loop = loop_that(fail)
    loop._thread.join(60.0)
    began_s = time.monotonic()
    with pytest.raises(HmaError, match='the simulation ended: out of memory'):
        loop.reset(1, timeout_s=60.0)
    assert time.monotonic() - began_s < 30.0
    loop.close()


def test_of_a_simulation_that_was_closed() -> None:
    loop = loop_that(lambda *_: None)
    loop.reset(1, timeout_s=60.0)
    loop.close()
    with pytest.raises(HmaError, match='the simulation ended'):
        loop.reset(2, timeout_s=60.0)
