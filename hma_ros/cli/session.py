# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The nodes of a simulated robot in execute mode, for as long as somebody runs episodes on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hma_ros.bringup import Request, describe
from hma_ros.cli.supervisor import Supervisor
from hma_ros.core.embodiment import EmbodimentSpec, embodiment_path, load_embodiment

if TYPE_CHECKING:
    from hma_ros.ros.episode_client import EpisodeClient


@contextmanager
def running_nodes(
    robot: str, real_time_factor: float = 1.0, bundle: str = 'hma_sim', horizon: int = 8
) -> Iterator[tuple[EmbodimentSpec, EpisodeClient]]:
    """
    Start simulated robot, world model, viewer and executor; stop them at the end.

    :param robot: without ``sim_``, as in ``robot:=``.
    :param real_time_factor: speed of the simulation.
    :param bundle: name or folder.
    :param horizon: frames to imagine ahead.
    :raises ConfigError: no such robot, or nothing can be rendered here.
    :raises BundleError: no such bundle.
    """
    from hma_ros.sim.rendering import check_rendering

    # The simulated robot would end at once, and this process wait for it.
    check_rendering()
    bringup = describe(
        Request(
            robot=robot,
            sim=True,
            mode='execute',
            bundle=bundle,
            horizon=horizon,
            real_time_factor=real_time_factor,
            # The caller that runs episodes reports them.
            log_level='warn',
        )
    )
    # This process listens too, so it needs the network settings of the nodes.
    os.environ.update(bringup.environment(os.environ))
    # It judges the environment before ROS does.
    supervisor = Supervisor(bringup)
    from hma_ros.ros.episode_client import EpisodeClient

    try:
        supervisor.start()
        with EpisodeClient() as client:
            yield load_embodiment(embodiment_path(robot, sim=True)), client
    finally:
        supervisor.stop()
