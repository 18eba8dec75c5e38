# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Do messages carry the time at which they were measured, by the clock of the nodes?"""

from collections.abc import Sequence

from hma_ros.cli.finding import Finding, fail

# Clocks of computers differ by a few milliseconds even when they are synchronised.
_AHEAD_S = 0.05
# No clock of a computer is so wrong: the stamp is simulated time, or time since boot.
_OTHER_EPOCH_S = 30 * 86400.0
_CLOCKS = 'synchronise the clocks (chrony), or let the driver stamp its messages on arrival'


def judge_stamps(
    subject: str,
    ages_s: Sequence[float],
    max_age_s: float,
    key: str,
    has_stamp: bool,
    use_sim_time: bool,
) -> Finding | None:
    """
    Judge the ages of messages; None if they are fit for use.

    :param ages_s: at arrival, by the clock that the nodes follow; at least one.
    :param max_age_s: the largest the nodes use.
    :param key: of the embodiment file, for ``max_age_s``.
    :param has_stamp: whether the newest message has a stamp other than 0.
    """
    if not has_stamp:
        remedy = 'let the driver fill in header.stamp; messages without are never used'
        return fail(subject, 'header.stamp: got 0, expected the time of the measurement', remedy)
    age_s = sorted(ages_s)[len(ages_s) // 2]
    if -_AHEAD_S <= age_s <= max_age_s:
        return None
    expected = f'expected 0 to {max_age_s * 1e3:.0f} ms by the clock of this machine'
    if abs(age_s) > _OTHER_EPOCH_S:
        return _other_epoch(subject, age_s, use_sim_time)
    if age_s < 0.0:
        text = f'header.stamp: got {-age_s * 1e3:.0f} ms in the future, {expected}'
        return fail(subject, text, _CLOCKS)
    remedy = f'{_CLOCKS}; a slow network or driver: raise {key}'
    return fail(subject, f'header.stamp: got {age_s * 1e3:.0f} ms old, {expected}', remedy)


def _other_epoch(subject: str, age_s: float, use_sim_time: bool) -> Finding:
    if use_sim_time:
        text = f'header.stamp: got {-age_s:.0f} s ahead of /clock, expected simulated time'
        return fail(subject, text, 'leave out use_sim_time:=true, or let the driver follow /clock')
    text = f'header.stamp: got {age_s:.0f} s old, expected the time of this machine'
    remedy = (
        'say use_sim_time:=true if the driver follows /clock; else let it stamp its messages with '
        'the system time'
    )
    return fail(subject, text, remedy)
