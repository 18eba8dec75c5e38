# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Who serves an action: only a server publishes its feedback, a client of it does not."""

from typing import Any

_FEEDBACK = '/_action/feedback'


def served_types(node: Any, name: str) -> list[str]:
    """Return the type of each server of an action."""
    servers = node.get_publishers_info_by_topic(f'{node.resolve_topic_name(name)}{_FEEDBACK}')
    return [server.topic_type.removesuffix('_FeedbackMessage') for server in servers]


def served_actions(node: Any) -> dict[str, list[str]]:
    """Return the type of each server of all actions, by name; of one without, an empty list."""
    topics = sorted(name for name, _ in node.get_topic_names_and_types())
    names = [topic.removesuffix(_FEEDBACK) for topic in topics if topic.endswith(_FEEDBACK)]
    return {name: served_types(node, name) for name in names}
