# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Subscriptions to raw messages, so that none blocks the node.

Deserializing a message of 20 MB takes hundreds of milliseconds; a raw subscription knows the size
first. And Fast DDS sometimes hands over a large message from shared memory without its content:
taking it as anything but bytes never returns, and holds the interpreter's lock meanwhile.
"""

from collections.abc import Callable
from typing import Any

from rclpy.serialization import deserialize_message

from hma_ros.ros.interfaces import type_name

# Takes about ten milliseconds to deserialize. A chunk of two steps has a hundredth of it, rarely a
# quarter.
MOST_BYTES = 1 << 20
# Of images and rollouts: no bound that any of them meets.
ANY_BYTES = 1 << 30
# What to do.
_UNREADABLE = 'see that both sides have the same version of this message'
_EMPTY = (
    'its content was lost in the shared memory of Fast DDS: raise segment_size in a Fast DDS '
    'profile, or export FASTDDS_BUILTIN_TRANSPORTS=UDPv4 on both sides'
)


def bounded(
    kind: Any,
    topic: str,
    callback: Callable[[Any, Any], None],
    on_fault: Callable[[str], None],
    most_bytes: int = MOST_BYTES,
) -> Callable[[bytes, Any], None]:
    """
    Wrap a callback of messages as one of raw messages.

    :param topic: resolved name, for errors.
    :param callback: called with a message, and with the second argument of the raw callback.
    :param on_fault: called with why a message was not read.
    """

    def receive(raw: bytes, origin: Any) -> None:
        if len(raw) > most_bytes:
            on_fault(f'{topic}: got a message of {len(raw)} bytes, expected at most {most_bytes}')
            return
        try:
            message = deserialize_message(raw, kind)
        except RuntimeError:
            # The error of rclpy says no more than this.
            what = _UNREADABLE if raw else _EMPTY
            on_fault(
                f'{topic}: got {len(raw)} bytes that cannot be read, expected '
                f'{type_name(kind)}; {what}'
            )
            return
        callback(message, origin)

    return receive
