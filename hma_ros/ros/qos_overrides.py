# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The parameters ``qos_overrides.TOPIC.ROLE.POLICY``; a role is ``publisher`` or ``subscription``.

They are those of rclpy. Only those that were given are declared and asked for: a parameter that is
declared keeps its value for the life of a node, and would force it on the next subscription of the
same topic, whatever that one wants.
"""

import copy
import re
from collections.abc import Callable
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor

# Here in all distributions; the module that has it was renamed after Humble.
from rclpy.node import SubscriptionEventCallbacks
from rclpy.qos import QoSPolicyKind, QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions

from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import quoted

PREFIX = 'qos_overrides.'
_MOST_DEPTH = 10_000
_WORDS = {
    'history': ('keep_last', 'keep_all', 'system_default'),
    'reliability': ('reliable', 'best_effort', 'system_default'),
}
_POLICIES = {
    'history': QoSPolicyKind.HISTORY,
    'depth': QoSPolicyKind.DEPTH,
    'reliability': QoSPolicyKind.RELIABILITY,
}
_NAME = re.compile(
    rf'qos_overrides\.(?P<topic>/.+)\.(?P<role>publisher|subscription)\.(?P<policy>{"|".join(_POLICIES)})'
)


def declare(node: Any) -> None:
    """
    Declare the overrides that a node was given, read-only.

    :raises ConfigError: a name has another form, or a value is none of its policy.
    """
    for name, parameter in _given(node).items():
        where = f'{node.get_name()}: {name}'
        match = _NAME.fullmatch(name)
        if match is None:
            raise ConfigError(
                f'{where}: got an unknown name, expected {PREFIX}/TOPIC.publisher.POLICY or '
                f'{PREFIX}/TOPIC.subscription.POLICY with one of {", ".join(_POLICIES)}'
            )
        _check_value(where, match['policy'], parameter.value)
        node.declare_parameter(name, parameter.value, ParameterDescriptor(read_only=True))


def _check_value(where: str, policy: str, value: Any) -> None:
    words = _WORDS.get(policy)
    if words is not None and value not in words:
        raise ConfigError(f'{where}: got {quoted(value)}, expected one of {", ".join(words)}')
    # True is an integer for Python.
    if words is None and (type(value) is not int or not 1 <= value <= _MOST_DEPTH):
        raise ConfigError(
            f'{where}: got {quoted(value)}, expected an integer of 1 to {_MOST_DEPTH}'
        )


def warn_of_unused(node: Any) -> None:
    """Name the overrides of topics that the node has not opened."""
    topics = {
        'publisher': {item.topic_name for item in node.publishers},
        'subscription': {item.topic_name for item in node.subscriptions},
    }
    for name in _given(node):
        match = _NAME.fullmatch(name)
        if match and match['topic'] not in topics[match['role']]:
            node.get_logger().warning(
                f'{name}: got a topic that this node does not use, expected one of its own; '
                'see ros2 node info'
            )


def is_given(node: Any, topic: str, role: str, policy: str) -> bool:
    """
    Whether the user decides a policy of a topic.

    :param role: ``publisher`` or ``subscription``.
    :param policy: ``history``, ``depth`` or ``reliability``.
    """
    return f'{PREFIX}{node.resolve_topic_name(topic)}.{role}.{policy}' in _given(node)


def publisher(node: Any, kind: Any, topic: str, qos: QoSProfile) -> Any:
    """Create a publisher whose QoS follows the overrides."""
    # rclpy writes the overrides into the profile.
    profile, options = copy.copy(qos), _options(node, topic, 'publisher')
    return node.create_publisher(kind, topic, profile, qos_overriding_options=options)


def subscription(
    node: Any,
    kind: Any,
    topic: str,
    callback: Callable[[Any], None],
    qos: QoSProfile,
    event_callbacks: SubscriptionEventCallbacks | None = None,
    raw: bool = False,
) -> Any:
    """Create a subscription, of bytes if ``raw``, whose QoS follows the overrides."""
    return node.create_subscription(
        kind,
        topic,
        callback,
        copy.copy(qos),
        event_callbacks=event_callbacks,
        raw=raw,
        qos_overriding_options=_options(node, topic, 'subscription'),
    )


def _options(node: Any, topic: str, role: str) -> QoSOverridingOptions:
    kinds = [kind for policy, kind in _POLICIES.items() if is_given(node, topic, role, policy)]
    return QoSOverridingOptions(kinds)


def given_parameters(node: Any) -> dict[str, Any]:
    """Return all that a node was given, declared or not; rclpy has no public way to see that."""
    return dict(node._parameter_overrides)


def _given(node: Any) -> dict[str, Any]:
    given = given_parameters(node)
    return {name: value for name, value in given.items() if name.startswith(PREFIX)}
