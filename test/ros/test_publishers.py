# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Which publisher a message came from, and one source at a time."""

from types import SimpleNamespace
from typing import Any

import pytest
from std_msgs.msg import Empty

from hma_ros.ros.publishers import (
    SingleSource,
    identity,
    node_names,
    publisher_of,
    with_publisher,
)

OTHERS = '/chunks: got messages from 2 publishers, expected 1; stop one of them'


def source(publishers: int = 1) -> SingleSource:
    return SingleSource(SimpleNamespace(count_publishers=lambda _: publishers), '/chunks')


def test_another_source_is_taken_only_when_the_first_was_silent() -> None:
    chunks = source()
    assert chunks.refusal('a', 10.0) is None
    assert chunks.refusal('b', 10.5) == OTHERS
    assert chunks.refusal('a', 10.9) is None
    assert chunks.refusal('b', 11.8) == OTHERS
    assert chunks.refusal('b', 11.9) is None
    assert chunks.refusal('a', 12.0) == OTHERS


def test_the_first_message_after_the_start_of_the_machine_is_taken() -> None:
    assert source().refusal('a', 0.0) is None


@pytest.mark.parametrize(('publishers', 'refusal'), [(1, None), (2, OTHERS)])
def test_publishers_that_cannot_be_told_apart_are_counted(
    publishers: int, refusal: str | None
) -> None:
    chunks = source(publishers)
    assert chunks.refusal(None, 10.0) == chunks.refusal(None, 20.0) == refusal


def test_identity_has_no_padding() -> None:
    gid = list(range(16))
    assert identity(gid + [0] * 8) == bytes(gid)
    assert publisher_of({'publisher_gid': {'data': gid + [0] * 8}}) == bytes(gid)
    assert publisher_of({'publisher_gid': gid}) == bytes(gid)
    assert publisher_of({}) is None


@pytest.mark.ros
def test_messages_of_two_publishers_are_told_apart_as_the_graph_names_them(bench: Any) -> None:
    heard = set[Any]()
    bench.subscribe(Empty, 'topic', with_publisher(lambda _, publisher: heard.add(publisher)), 10)
    senders = [bench.world.create_publisher(Empty, 'topic', 10) for _ in range(2)]

    def publish_and_look() -> bool:
        for sender in senders:
            sender.publish(Empty())
        return len(heard) == 2

    bench.until(publish_and_look, 'both')
    infos = bench.node.get_publishers_info_by_topic('topic')
    assert {identity(info.endpoint_gid) for info in infos} == heard


def test_a_node_that_is_not_discovered_yet_is_called_so() -> None:
    endpoints = [
        SimpleNamespace(node_namespace=namespace, node_name=name)
        for namespace, name in (
            ('_NODE_NAMESPACE_UNKNOWN_', '_NODE_NAME_UNKNOWN_'),
            ('/left', 'teleop'),
            ('/', 'world'),
        )
    ]
    assert node_names(endpoints) == '/left/teleop, /world, a node not yet known'
