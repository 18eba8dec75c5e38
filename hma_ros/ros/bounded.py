# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Subscriptions whose messages are bounded in size, so that none blocks the control loop.

Deserializing a message of 20 MB takes hundreds of milliseconds. A raw subscription knows the size
first.
"""

from collections.abc import Callable, Hashable
from typing import Any

from rclpy.serialization import deserialize_message

# Takes about ten milliseconds to deserialize. A chunk of two steps has a hundredth of it, rarely a
# quarter.
MOST_BYTES = 1 << 20


def bounded(
    kind: Any,
    topic: str,
    callback: Callable[[Any, Hashable], None],
    on_fault: Callable[[str], None],
    most_bytes: int = MOST_BYTES,
) -> Callable[[bytes, Hashable], None]:
    """
    Wrap a callback of messages as one of raw messages.

    :param topic: resolved name, for errors.
    :param on_fault: called with why a message was not read.
    """

    def receive(raw: bytes, publisher: Hashable) -> None:
        if len(raw) > most_bytes:
            on_fault(f'{topic}: got a message of {len(raw)} bytes, expected at most {most_bytes}')
            return
        try:
            message = deserialize_message(raw, kind)
        except RuntimeError:
            # The error of rclpy says no more than this.
            name = kind.__name__
            on_fault(f'{topic}: got {len(raw)} bytes that cannot be read, expected a {name}')
            return
        callback(message, publisher)

    return receive
