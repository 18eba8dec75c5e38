# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Subscriptions of a thread that nothing may hold.

Turning a message of 20 MB into Python objects takes hundreds of milliseconds. Taken raw, its size
is known first.
"""

from collections.abc import Callable, Hashable
from typing import Any

from rclpy.serialization import deserialize_message

# Ten milliseconds of reading; two steps of the model are a hundredth of it, and rarely a quarter.
MOST_BYTES = 1 << 20


def bounded(
    kind: Any,
    topic: str,
    callback: Callable[[Any, Hashable], None],
    on_fault: Callable[[str], None],
) -> Callable[[bytes, Hashable], None]:
    """
    Make a callback of raw messages of one that takes messages.

    :param topic: resolved name, for errors.
    :param on_fault: called with why a message was not read.
    """

    def receive(raw: bytes, publisher: Hashable) -> None:
        if len(raw) > MOST_BYTES:
            on_fault(f'{topic}: got a message of {len(raw)} bytes, expected at most {MOST_BYTES}')
            return
        try:
            message = deserialize_message(raw, kind)
        except RuntimeError:
            # It says no more than this.
            name = kind.__name__
            on_fault(f'{topic}: got {len(raw)} bytes that cannot be read, expected a {name}')
            return
        callback(message, publisher)

    return receive
