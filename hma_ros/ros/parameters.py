# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Parameters of a node, from one frozen dataclass.

The dataclass states name, type, default, description and range once, and all of it is declared to
ROS. An undeclared name is refused.
"""

import dataclasses
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node

from hma_ros.core.errors import ConfigError
from hma_ros.core.settings import Setting
from hma_ros.core.short_text import name_expected, quoted
from hma_ros.ros import qos_overrides

P = TypeVar('P')

# What ROS itself takes.
_BUILT_IN = ('use_sim_time', 'start_type_description_service')


def parameter(
    default: Any,
    description: str,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """
    Describe one field of a parameter dataclass.

    :param low: smallest value of a number; give ``high`` as well.
    :param choices: the words a text may be.
    """
    return Setting(default, description, low, high, choices).field()


def declare(node: Node, kind: type[P], read_only: bool = False) -> None:
    """
    Declare all fields of a parameter dataclass.

    :param read_only: refuse to set them while the node runs.
    :raises ConfigError: a given value has another type or is out of range, or a name is unknown.
    """
    qos_overrides.declare(node)
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    given = qos_overrides.given_parameters(node)
    unknown = [
        name
        for name in given
        if name not in known
        and name not in _BUILT_IN
        and not name.startswith(qos_overrides.PREFIX)
    ]
    if unknown:
        raise ConfigError(
            f'{node.get_name()}: got the parameter {quoted(unknown[0])}, expected '
            f'{name_expected(unknown[0], sorted(known))}'
        )
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        try:
            node.declare_parameter(field.name, field.default, _descriptor(field, read_only))
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            got = given[field.name].value
            raise ConfigError(
                f'{node.get_name()}: {field.name}: got {quoted(got)}, '
                f'expected {_expectation(field)}{_remedy(field, got)}'
            ) from error


def read(node: Node, kind: type[P]) -> P:
    """
    Return the present values.

    :raises ConfigError: a text is not one of its choices.
    """
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    values = {field.name: node.get_parameter(field.name).value for field in fields}
    for field in fields:
        choices = field.metadata['choices']
        if choices and values[field.name] not in choices:
            raise ConfigError(
                f'{node.get_name()}: {field.name}: got {quoted(values[field.name])}, '
                f'expected {_expectation(field)}'
            )
    return kind(**values)


def _descriptor(field: 'dataclasses.Field[Any]', read_only: bool) -> ParameterDescriptor:
    description = field.metadata['description']
    descriptor = ParameterDescriptor(description=description, read_only=read_only)
    low, high = field.metadata['range']
    if field.metadata['choices']:
        descriptor.additional_constraints = _expectation(field)
    if low is not None and isinstance(field.default, int):
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
    elif low is not None:
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=float(low), to_value=float(high))
        ]
    return descriptor


def _remedy(field: 'dataclasses.Field[Any]', got: object) -> str:
    """Say how to write a value of another type; empty where that would not help."""
    kind, (low, high) = type(field.default), field.metadata['range']
    meant: int | float
    if kind is str and isinstance(got, bool | int | float):
        text = str(got).lower() if isinstance(got, bool) else str(got)
        return f"; write '{text}', with quotes"
    if kind is float and type(got) is int:
        meant = float(got)
    elif kind is int and isinstance(got, float) and got.is_integer():
        meant = int(got)
    else:
        return ''
    return f'; write {meant}' if low is None or low <= meant <= high else ''


def _expectation(field: 'dataclasses.Field[Any]') -> str:
    return str(field.metadata['setting'].expectation)
