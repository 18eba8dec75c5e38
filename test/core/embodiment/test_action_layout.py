# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Stems of the authors take numbers in an order of their own, and some that no robot has."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hma_ros.core.embodiment import EmbodimentSpec, embodiment_folder, load_embodiment
from hma_ros.core.embodiment.action_layout import robot_actions, stem_numbers
from hma_ros.core.embodiment.stem_facts import StemFacts
from hma_ros.core.embodiment.stem_spec import read_stem
from hma_ros.core.errors import EmbodimentError
from hma_ros.export.robot import robot_of

NAMES = ('x', 'y', 'z', 'gripper')
entries = st.floats(-2.0, 2.0, width=32)
PUSHT = load_embodiment('ur5_pusht')


@st.composite
def layouts(draw: st.DrawFn) -> list[str | float]:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    return draw(st.permutations([*names, *draw(st.lists(entries, max_size=5))]))


@given(layouts(), st.integers(0, 2**32 - 1))
def test_listed_actions_return_and_others_are_zero(layout: list[str | float], seed: int) -> None:
    actions = np.random.default_rng(seed).normal(size=(2, 3, 4)).astype(np.float32)
    numbers = stem_numbers(NAMES, layout, actions)
    assert numbers.shape == (2, 3, len(layout))
    is_listed = np.array([name in layout for name in NAMES])
    got = robot_actions(NAMES, layout, numbers)
    np.testing.assert_array_equal(got, np.where(is_listed, actions, 0.0))


@given(layouts())
def test_numbers_are_constant_whatever_the_robot_does(layout: list[str | float]) -> None:
    numbers = stem_numbers(NAMES, layout, np.full((2, 4), 9.0, np.float32))
    constant = [value for value in layout if not isinstance(value, str)]
    is_constant = [not isinstance(value, str) for value in layout]
    np.testing.assert_array_equal(numbers[:, is_constant], np.tile(constant, (2, 1)))


def test_a_stem_of_the_authors_has_the_layout_of_the_file() -> None:
    stem = robot_of(PUSHT, is_released=True)
    assert (stem.action_dim, stem.width) == (3, 8)
    numbers = stem.numbers_of(np.array([[0.01, 0.02, 0.03]], np.float32))
    np.testing.assert_allclose(numbers, [[0, 0, 0, 0, 0, 0.01, 0.02, 0]])


def test_a_stem_trained_on_the_robot_takes_its_actions() -> None:
    stem = robot_of(PUSHT)
    assert stem.width == stem.action_dim == 3
    actions = np.array([[0.01, 0.02, 0.03]], np.float32)
    np.testing.assert_array_equal(stem.actions_of(stem.numbers_of(actions)), actions)


def test_chunks_of_a_stem_are_kept_within_the_bounds_of_the_robot() -> None:
    robot = robot_of(PUSHT, is_released=True)
    stem = StemFacts('pusht', 5, (0.0,) * 8, (1.0,) * 8, robot)
    limited = stem.limit(np.full((1, 40), 3.0, np.float32)).reshape(5, 8)
    np.testing.assert_allclose(limited, np.tile([0.0] * 5 + [0.025] * 2 + [0.0], (5, 1)))


@pytest.mark.parametrize(
    ('layout', 'text'),
    [
        (['x', 'w'], "got 'w', expected numbers and names of the action"),
        (['x', 0.0, 'x'], "got 'x' 2 times, expected each name at most once"),
        ([0.0, 1.0], 'expected at least one name of the action'),
    ],
)
def test_a_manifest_with_a_wrong_layout_is_refused(layout: list[str | float], text: str) -> None:
    stem = replace(robot_of(load_embodiment('sim_planar')), layout=tuple(layout))
    with pytest.raises(ValueError, match=f'layout: .*{text}'):
        read_stem(asdict(stem))


def with_layout(tmp_path: Path, name: str, layout: object) -> EmbodimentSpec:
    data = yaml.safe_load((embodiment_folder() / f'{name}.yaml').read_text())
    data['action']['layout'] = layout
    path = tmp_path / f'{name}.yaml'
    path.write_text(yaml.safe_dump(data))
    return load_embodiment(path)


@pytest.mark.parametrize(
    ('name', 'layout', 'text'),
    [
        (
            'ur5_pusht',
            [0, 'd_w'],
            "got 'd_w', expected numbers and names of the action (d_x, d_y, d_z)",
        ),
        ('ur5_pusht', ['d_x', 'd_x'], "got 'd_x' 2 times, expected each name at most once"),
        ('ur5_pusht', [0, 1], 'got [0.0, 1.0], expected at least one name of the action'),
        (
            'ur5_pusht',
            ['d_x', True],
            'got True, expected texts, and finite numbers within +-1e+09',
        ),
        ('ur5_pusht', ['d_x', float('nan')], 'got nan, expected texts, and finite numbers'),
        ('ur5_pusht', 'd_x', "got 'd_x', expected a list of texts and numbers"),
        (
            'xarm7_mvp',
            [f'd_joint{joint}' for joint in range(1, 8)],
            "got a list without it, expected 'gripper' too: no increment in m or rad",
        ),
        (
            'sim_planar',
            ['x'],
            "got a list without it, expected 'y' too: no increment in m or rad",
        ),
    ],
)
def test_a_wrong_layout_is_refused_with_what_is_wrong(
    tmp_path: Path, name: str, layout: object, text: str
) -> None:
    with pytest.raises(EmbodimentError) as error:
        with_layout(tmp_path, name, layout)
    assert f'{name}.yaml: action.layout: {text}' in str(error.value)


def test_increments_may_be_left_to_nobody(tmp_path: Path) -> None:
    assert with_layout(tmp_path, 'ur5_pusht', [3, 'd_y']).action.layout == (3.0, 'd_y')
    assert with_layout(tmp_path, 'ur5_pusht', None).action.layout == ()
