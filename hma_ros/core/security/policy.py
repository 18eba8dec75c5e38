# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
SROS 2 policies, version 0.2.0, as ``ros2 security`` reads them.

One enclave for each node, since each is a process of its own; what is not named is denied.
"""

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.security.interfaces import OPERATOR, Interfaces, interfaces, operator
from hma_ros.core.topics import resolve

VERSION = '0.2.0'
# Field of Interfaces: list, item and permission in the policy.
_RULES = {
    'publishes': ('topics', 'topic', 'publish'),
    'subscribes': ('topics', 'topic', 'subscribe'),
    'serves': ('services', 'service', 'reply'),
    'requests': ('services', 'service', 'request'),
    'sends': ('actions', 'action', 'call'),
}


def policy(spec: EmbodimentSpec, namespace: str, mode: str) -> str:
    """
    Return the policy of a robot's nodes and its operator as XML.

    :param namespace: of the nodes, with or without slashes around it.
    :param mode: see :func:`~hma_ros.core.security.interfaces.interfaces`.
    """
    parent = f'/{namespace.strip("/")}'
    root = Element('policy', version=VERSION)
    enclaves = SubElement(root, 'enclaves')
    for node, opened in {**interfaces(spec, mode), OPERATOR: operator(spec)}.items():
        enclave = SubElement(enclaves, 'enclave', path=resolve(f'~/{node}', parent, ''))
        profiles = SubElement(enclave, 'profiles')
        profile = SubElement(profiles, 'profile', ns=parent, node=node)
        _add_rules(profile, opened, parent, node)
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, "unicode")}\n'


def _add_rules(profile: Element, opened: Interfaces, namespace: str, node: str) -> None:
    for field, (many, one, permission) in _RULES.items():
        names = getattr(opened, field)
        if not names:
            continue
        rule = SubElement(profile, many, {permission: 'ALLOW'})
        for name in sorted(resolve(name, namespace, node) for name in names):
            SubElement(rule, one).text = name
