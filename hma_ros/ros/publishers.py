# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Which publisher a message came from, and what a publisher is called."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

from rclpy.node import Node
from rclpy.subscription import Subscription

from hma_ros.core.short_text import counted
from hma_ros.ros.interfaces import type_name

# Of a DDS writer; the message type has room for more.
_GID_BYTES = 16
# A publisher that was silent for longer counts as gone.
_SILENT_S = 1.0
# What DDS says of a node whose topics were discovered before its name.
_UNKNOWN = '_NODE_NAME_UNKNOWN_'


def with_publisher(callback: Callable[[Any, Hashable], None]) -> Callable[..., None]:
    """
    Make a subscription callback of one that takes a message and its publisher.

    The publisher is None where this version of rclpy does not say it (before Kilted).
    """
    if not hasattr(Subscription, 'CallbackType'):
        return lambda message: callback(message, None)
    return lambda message, info: callback(message, publisher_of(info))


def publisher_of(info: Mapping[str, Any]) -> Hashable:
    """Return what tells the publishers of a topic apart; None where rclpy does not say it."""
    gid = info.get('publisher_gid')
    if isinstance(gid, Mapping):
        gid = gid.get('data')
    return None if gid is None else identity(gid)


def identity(gid: Sequence[int]) -> bytes:
    """Return a global identifier without the padding of older versions."""
    return bytes(gid)[:_GID_BYTES]


def silence(node: Node, topic: str, kind: type[Any], silent_s: float, most_s: float) -> str | None:
    """Say that nothing came on a topic for long, and who publishes there; None if it is not so."""
    if silent_s <= most_s:
        return None
    publishers = node.get_publishers_info_by_topic(topic)
    types = ', '.join(sorted({item.topic_type for item in publishers}))
    return (
        f'{topic}: got nothing for {silent_s:.0f} s ({counted(len(publishers), "publisher")}'
        f'{": " if types else ""}{types}), expected {type_name(kind)} within {most_s:g} s'
    )


def node_names(endpoints: Iterable[Any]) -> str:
    """
    Return the full names of the nodes of publishers or subscriptions, sorted, for a message.

    :param endpoints: what ``get_publishers_info_by_topic`` and its like return.
    """
    return ', '.join(
        sorted(
            'a node not yet known'
            if endpoint.node_name == _UNKNOWN
            else f'{endpoint.node_namespace.rstrip("/")}/{endpoint.node_name}'
            for endpoint in endpoints
        )
    )


class SingleSource:
    """
    Takes messages from one publisher at a time.

    Another one is taken when the first has been silent. Where messages do not identify their
    publisher, there must be only one.

    :param node: the node that subscribes.
    :param topic: resolved name of the topic.
    """

    def __init__(self, node: Any, topic: str) -> None:
        self._node, self._topic = node, topic
        self._source: Hashable = None
        self._heard_s = -_SILENT_S

    def refusal(self, publisher: Hashable, steady_s: float) -> str | None:
        """Return why a message is not taken; None if it is."""
        is_other = publisher != self._source and steady_s - self._heard_s < _SILENT_S
        if publisher is None:
            is_other = self._node.count_publishers(self._topic) > 1
        if is_other:
            return f'{self._topic}: got messages from 2 publishers, expected 1; stop one of them'
        self._source, self._heard_s = publisher, steady_s
        return None
