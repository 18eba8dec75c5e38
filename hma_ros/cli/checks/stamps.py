# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Do messages carry the time at which they were measured, by the clock of the nodes?"""

from collections.abc import Sequence

from hma_ros.cli.checks.finding import Finding, fail
from hma_ros.core.messages.stamp_ages import stamp_fault


def judge_stamps(
    subject: str,
    ages_s: Sequence[float],
    max_age_s: float,
    key: str,
    has_stamp: bool,
    use_sim_time: bool,
) -> Finding | None:
    """Judge the ages of messages, see :func:`stamp_fault`; None if they are fit for use."""
    fault = stamp_fault(ages_s, max_age_s, key, has_stamp, use_sim_time)
    return None if fault is None else fail(subject, *fault)
