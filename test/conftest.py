# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
One ROS domain for each test session, on this machine only.

The environment is set on import, before anything can start a DDS participant, and child processes
inherit it. A lock keeps parallel sessions apart, so that nobody hears the nodes of another.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from hma_ros.bringup import loopback_environment

# Domains above 101 collide with ephemeral ports.
DOMAINS = range(1, 102)


def _claim_domain() -> tuple[int, IO[str]]:
    for domain in DOMAINS:
        lock = (Path(tempfile.gettempdir()) / f'hma_ros_domain_{domain}.lock').open('w')
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
        else:
            return domain, lock
    raise RuntimeError(f'ROS_DOMAIN_ID: expected a free one in {DOMAINS}, got none')


_DOMAIN, _LOCK = _claim_domain()
os.environ.update(loopback_environment(os.environ))
os.environ['ROS_DOMAIN_ID'] = str(_DOMAIN)


def pytest_unconfigure() -> None:
    """Give the domain back."""
    _LOCK.close()


@pytest.fixture
def ros_context() -> Iterator[object]:
    """Yield an initialised ``rclpy.Context`` of its own, shut down at the end of the test."""
    import rclpy

    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    yield context
    rclpy.try_shutdown(context=context)
