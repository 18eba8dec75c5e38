# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Do messages carry the time at which they were measured, by the clock that counts?"""

from collections.abc import Sequence
from statistics import median_low

from hma_ros.core.messages.stamp import ANOTHER_CLOCK_S

# Clocks of computers differ by a few milliseconds even when they are synchronised.
_AHEAD_S = 0.05
# From here on seconds are easier to read.
_LONG_S = 100.0
_CLOCKS = 'synchronise the clocks (chrony), or let the driver stamp its messages on arrival'


def stamp_fault(
    ages_s: Sequence[float],
    max_age_s: float,
    key: str,
    has_stamp: bool,
    use_sim_time: bool,
    machine: str = 'this machine',
) -> tuple[str, str] | None:
    """
    Judge the ages of messages; None if they are fit for use.

    :param ages_s: at arrival, by the clock that is followed; at least one.
    :param max_age_s: the largest that is used.
    :param key: of the embodiment file, for ``max_age_s``.
    :param has_stamp: whether the newest message has a stamp other than 0.
    :param use_sim_time: whether that clock is ``/clock``.
    :param machine: whose clock it is otherwise.
    :returns: what is wrong, and what to do about it.
    """
    if not has_stamp:
        remedy = 'let the driver fill in header.stamp; messages without a stamp are never used'
        return 'header.stamp: got 0, expected the time of the measurement', remedy
    age_s = median_low(ages_s)
    if -_AHEAD_S <= age_s <= max_age_s:
        return None
    # Simulated time, or time since boot.
    if abs(age_s) > ANOTHER_CLOCK_S:
        return _other_epoch(age_s, use_sim_time, machine)
    clock = '/clock' if use_sim_time else f'the clock of {machine}'
    expected = f'expected 0 to {max_age_s * 1e3:.0f} ms by {clock}'
    if age_s < 0.0:
        return f'header.stamp: got {_shown(-age_s)} in the future, {expected}', _CLOCKS
    remedy = f'{_CLOCKS}; a slow network or driver: raise {key}'
    return f'header.stamp: got {_shown(age_s)} old, {expected}', remedy


def _other_epoch(age_s: float, use_sim_time: bool, machine: str) -> tuple[str, str]:
    if use_sim_time:
        text = f'header.stamp: got {-age_s:.0f} s ahead of /clock, expected simulated time'
        return text, 'leave out use_sim_time:=true, or let the driver follow /clock'
    text = f'header.stamp: got {age_s:.0f} s old, expected the time of {machine}'
    remedy = (
        'set use_sim_time:=true if the driver follows /clock; else let it stamp its messages with '
        'the system time'
    )
    return text, remedy


def _shown(seconds: float) -> str:
    return f'{seconds * 1e3:.0f} ms' if seconds < _LONG_S else f'{seconds:.0f} s'
