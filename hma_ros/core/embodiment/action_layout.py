# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Between a robot's actions and what a stem takes, where the two differ.

A layout lists what the stem takes, in its order: names of the robot's action, and numbers for what
the robot has not, such as the end of the episode. What it does not list the stem never moves.

Axes: ``A`` values of a low-level action, ``N`` numbers of the stem.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hma_ros.core.short_text import quoted

Layout = Sequence[str | float]
Values = NDArray[np.float32]


def stem_numbers(names: Sequence[str], layout: Layout, actions: Values) -> Values:
    """
    Put actions into the layout of the stem.

    :param names: the ``A`` action names; each name of the layout is one of them.
    :param layout: ``N`` entries.
    :param actions: ``float32[..., A]``.
    :returns: ``float32[..., N]``.
    """
    numbers = np.empty((*actions.shape[:-1], len(layout)), np.float32)
    for place, entry in enumerate(layout):
        numbers[..., place] = actions[..., names.index(entry)] if isinstance(entry, str) else entry
    return numbers


def robot_actions(names: Sequence[str], layout: Layout, numbers: Values) -> Values:
    """
    Take actions out of the layout of the stem; values that it does not list are 0.

    :param numbers: ``float32[..., N]``.
    :returns: ``float32[..., A]``.
    """
    actions = np.zeros((*numbers.shape[:-1], len(names)), np.float32)
    for place, entry in enumerate(layout):
        if isinstance(entry, str):
            actions[..., names.index(entry)] = numbers[..., place]
    return actions


def layout_mistake(names: Sequence[str], layout: Layout) -> tuple[str, str] | None:
    """Return what a layout has got and what was expected; None where it is right."""
    listed = [entry for entry in layout if isinstance(entry, str)]
    if not listed:
        return str(list(layout)), 'at least one name of the action'
    for entry in listed:
        if entry not in names:
            return quoted(entry), f'numbers and names of the action ({", ".join(names)})'
        if listed.count(entry) > 1:
            return f'{quoted(entry)} {listed.count(entry)} times', 'each name at most once'
    return None
