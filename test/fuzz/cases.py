# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The property of every parser and converter: a result or an HmaError, short, soon and cheaply.

``HYPOTHESIS_PROFILE=nightly`` runs a million cases in all, the default ten thousand, always the
same ones.
"""

import os
import resource
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings

from hma_ros.core.errors import HmaError

T = TypeVar('T')

PROFILE = os.environ.get('HYPOTHESIS_PROFILE', 'default')
TOTAL = {'default': 10_000, 'long': 100_000, 'nightly': 1_000_000}[PROFILE]
COUNTS: Counter[str] = Counter()
MOST_CHARACTERS = 2000
# CPU time, far above what a case takes: other work on the machine does not count.
MOST_S = 20.0
MOST_KB = 500_000


def fuzz(share: int) -> Callable[[T], T]:
    """
    Run a property.

    :param share: how many of each ten thousand cases are of its kind.
    """
    return settings(
        max_examples=share * TOTAL // 10_000,
        deadline=None,
        database=None,
        derandomize=PROFILE == 'default',
        suppress_health_check=list(HealthCheck),
    )


def outcome(kind: str | None, action: Callable[[], Any]) -> Any:
    """
    Return the result of an action, None where it refuses; any other exception fails the test.

    :param kind: what the case is counted as; None for more actions of the same case.
    """
    if kind is not None:
        COUNTS[kind] += 1
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started_s = time.process_time()
    result, text = None, 'fine'
    try:
        result = action()
    except HmaError as error:
        text = str(error)
    assert 0 < len(text) <= MOST_CHARACTERS, text[:MOST_CHARACTERS]
    assert time.process_time() - started_s < MOST_S
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < MOST_KB
    return result
