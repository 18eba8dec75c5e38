# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Can the field of a stop topic take its stop values? One that never can would never stop."""

from collections.abc import Sequence

_BITS = (8, 16, 32, 64)
# The types of a field as rclpy names them, with their range; a boolean has none.
_RANGES: dict[str, tuple[int, int] | None] = {
    'boolean': None,
    'octet': (0, 255),
    **{f'int{bits}': (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in _BITS},
    **{f'uint{bits}': (0, 2**bits - 1) for bits in _BITS},
}
# The field data of std_msgs/msg/NAME, whose type is known without ROS.
_STD_MSGS = {
    'Bool': 'boolean',
    'Byte': 'octet',
    'Char': 'uint8',
    **{f'{kind}{bits}': f'{kind}{bits}'.lower() for kind in ('Int', 'UInt') for bits in _BITS},
}


def can_stop(field_type: str) -> bool:
    """Whether a field of a type, as rclpy names it, can equal a stop value."""
    return field_type in _RANGES


def std_field_type(message_type: str) -> str | None:
    """Return the type of the field ``data`` of ``std_msgs/msg/NAME``; None of any other type."""
    package, _, name = message_type.split('/')
    return _STD_MSGS.get(name) if package == 'std_msgs' else None


def impossible_value(field_type: str, values: Sequence[bool | int]) -> tuple[str, str] | None:
    """
    Find a stop value that a field never takes.

    :param field_type: as rclpy names it; one of those that :func:`can_stop`.
    :param values: the stop values.
    :returns: the first such value and what is expected, as texts; None if there is none.
    """
    span = _RANGES[field_type]
    for value in values:
        if span is None and not isinstance(value, bool):
            return str(value), 'true or false, as the field is boolean'
        if span is not None and (isinstance(value, bool) or not span[0] <= value <= span[1]):
            return str(
                value
            ), f'an integer of {span[0]} to {span[1]}, as the field is {field_type}'
    return None


def read_flag(value: object) -> object:
    """Return the value of a field as stop values have it: rclpy reads a byte as ``bytes``."""
    return value[0] if isinstance(value, bytes) else value
