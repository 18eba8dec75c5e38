# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""A parameter of the wrong type says how to write it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter

from hma_ros.core.errors import ConfigError
from hma_ros.nodes.world_model_parameters import WorldModelParameters
from hma_ros.ros.parameters import declare, parameter

pytestmark = pytest.mark.ros


@dataclass(frozen=True)
class Parameters:
    """One of each type."""

    speed: float = parameter(2.0, 'how fast', -1.0, 10.0)
    free: float = parameter(2.0, 'no bounds')
    count: int = parameter(2, 'how many', 0, 10)
    name: str = parameter('', 'a name')
    is_on: bool = parameter(False, 'whether')


@pytest.fixture
def context() -> Iterator[object]:
    made = rclpy.Context()
    rclpy.init(args=[], context=made)
    yield made
    rclpy.try_shutdown(context=made)


@pytest.mark.parametrize(
    ('name', 'value', 'end'),
    [
        ('speed', 1, 'got 1, expected float of -1 to 10; write 1.0'),
        ('free', -3, 'got -3, expected float; write -3.0'),
        # Written so it would be refused as well.
        ('speed', 11, 'got 11, expected float of -1 to 10'),
        ('speed', True, 'got True, expected float of -1 to 10'),
        ('count', 3.0, 'got 3.0, expected int of 0 to 10; write 3'),
        ('count', 2.5, 'got 2.5, expected int of 0 to 10'),
        ('count', 'many', "got 'many', expected int of 0 to 10"),
        ('name', 7, "got 7, expected str; write '7', with quotes"),
        ('name', True, "got True, expected str; write 'true', with quotes"),
        ('is_on', 1, 'got 1, expected true or false'),
    ],
)
def test_a_value_of_another_type_is_refused_with_how_to_write_it(
    context: object, name: str, value: object, end: str
) -> None:
    given = [Parameter(name, value=value)]
    node = Node('node', context=context, parameter_overrides=given)
    with pytest.raises(ConfigError) as refused:
        declare(node, Parameters)
    node.destroy_node()
    assert str(refused.value) == f'node: {name}: {end}'


def test_an_unknown_parameter_is_refused_with_the_one_that_was_meant(context: object) -> None:
    for name, expected in (
        ('sped', 'speed'),
        ('colour', 'some of count, free, is_on, name, speed'),
    ):
        node = Node('node', context=context, parameter_overrides=[Parameter(name, value=1)])
        with pytest.raises(ConfigError) as refused:
            declare(node, Parameters)
        node.destroy_node()
        assert str(refused.value) == f"node: got the parameter '{name}', expected {expected}"


def test_minus_one_leaves_the_temperature_to_the_bundle_and_nothing_else_below_zero_does() -> None:
    assert WorldModelParameters().decoding.temperature is None
    assert WorldModelParameters(temperature=0.0).decoding.temperature == 0.0
    with pytest.raises(ConfigError, match=r'temperature: got -0.5, expected 0 or more, or -1'):
        _ = WorldModelParameters(temperature=-0.5).decoding


def test_more_passes_than_tokens_are_refused_with_both_numbers() -> None:
    decoding = WorldModelParameters(mask_steps=256).decoding
    decoding.check_passes(256)
    WorldModelParameters().decoding.check_passes(1)
    with pytest.raises(ConfigError, match=r'mask_steps: got 256, expected at most 64, the number'):
        decoding.check_passes(64)
