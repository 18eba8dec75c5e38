# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Unknown names of arguments."""

from collections.abc import Iterable, Sequence

from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import name_expected, quoted

# Parameters of our nodes that no argument sets.
NODE_PARAMETERS = {
    'world_model': (
        'spin',
        'executed_topic',
        'executed_timeout_s',
        'max_chunk_age_s',
        'camera_timeout_s',
        'max_failures',
        'clock_divisor',
        'mask_steps',
        'denoise_steps',
        'temperature',
        'unmasking',
        'guidance',
    ),
    'action_executor': (
        'chunk_topic',
        'max_chunk_age_s',
        'ramp_in_s',
        'heartbeat_topic',
        'heartbeat_timeout_s',
        'discovery_s',
    ),
    'rollout_viewer': ('prediction_topic', 'lead'),
    'sim_robot': ('task', 'scene', 'camera_hz', 'image_scale'),
    'bag_recorder': ('folder', 'keys'),
}


def refuse_unknown(names: Iterable[str], known: Sequence[str]) -> None:
    """
    Refuse the first name that is not known, with what was meant.

    :raises ConfigError: naming the argument that it resembles, or the node whose parameter it is.
    """
    unknown = sorted(set(names) - set(known))
    if not unknown:
        return
    name, got = unknown[0], quoted(unknown[0])
    nodes = [node for node, parameters in NODE_PARAMETERS.items() if name in parameters]
    if nodes and 'params_file' in known:
        raise ConfigError(
            f'arguments: got {got}, a parameter of {nodes[0]}, expected an argument; write '
            f'{nodes[0]}: {{ros__parameters: {{{name}: ...}}}} into a file and give '
            'params_file:=FILE'
        )
    raise ConfigError(f'arguments: got {got}, expected {name_expected(name, known)}')
