# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
What runs for a robot: the one description behind ``ros2 launch`` and ``hma run``.

Nothing here needs ROS, so a test, a launch file and a plain supervisor can all read it.
"""

from hma_ros.bringup.arguments import refuse_unknown
from hma_ros.bringup.describe import (
    Bringup,
    Process,
    describe,
    describe_recording,
    image_scale,
    network_of,
)
from hma_ros.bringup.places import (
    FASTDDS_VARIABLES,
    bundle_folder,
    loopback_environment,
    robots,
    share_folder,
)
from hma_ros.bringup.request import (
    ARGUMENTS,
    Argument,
    Request,
    absolute_namespace,
    check_request,
    misspelled,
    parse_request,
)

__all__ = [
    'ARGUMENTS',
    'FASTDDS_VARIABLES',
    'Argument',
    'Bringup',
    'Process',
    'Request',
    'absolute_namespace',
    'bundle_folder',
    'check_request',
    'describe',
    'describe_recording',
    'image_scale',
    'loopback_environment',
    'misspelled',
    'network_of',
    'parse_request',
    'refuse_unknown',
    'robots',
    'share_folder',
]
