# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What a manifest may say of a stem."""

from dataclasses import asdict, replace

import pytest

from hma_ros.core.embodiment import load_embodiment
from hma_ros.core.embodiment.stem_spec import read_stem
from hma_ros.export.robot import robot_of

FRANKA = replace(robot_of(load_embodiment('sim_franka')), joint_names=('a', 'b', 'c', 'd'))


@pytest.mark.parametrize('anchor', [(), ('x', 'y', 'z'), ('a', 'b', 'c')])
def test_an_anchor_is_joints_or_the_place_of_the_tool(anchor: tuple[str, ...]) -> None:
    stem = read_stem(asdict(replace(FRANKA, anchor=anchor)))
    assert stem.reads_tool == ('x' in anchor)
    assert set(anchor) <= set(stem.measured_names)


@pytest.mark.parametrize(
    'anchor', [('x',), ('x', 'y'), ('x', 'y', 'a'), ('x', 'y', 'z', 'w', 'v')]
)
def test_any_other_anchor_is_refused(anchor: tuple[str, ...]) -> None:
    """Nodes measure joints, and three coordinates of the tool."""
    with pytest.raises(ValueError, match='anchor .*, expected'):
        read_stem(asdict(replace(FRANKA, anchor=anchor)))
