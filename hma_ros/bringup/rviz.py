# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The configuration of RViz for one robot, from ``rviz/predict.rviz``."""

import json
import os
import tempfile
from pathlib import Path
from string import Template

from hma_ros.bringup.places import share_folder
from hma_ros.core.atomic_file import write_text
from hma_ros.core.cache_folder import cache_folder
from hma_ros.core.embodiment import EmbodimentSpec


def rviz_config(spec: EmbodimentSpec, namespace: str) -> str:
    """
    Return the text of the configuration, with the robot's camera, frame and namespace.

    :param namespace: empty, or with a slash in front.
    """
    template = Template((share_folder() / 'rviz' / 'predict.rviz').read_text(encoding='utf-8'))
    camera = spec.camera.topic
    return template.substitute(
        # JSON is YAML, whatever the names look like.
        camera=json.dumps(camera if camera.startswith('/') else f'{namespace}/{camera}'),
        frame=json.dumps(spec.base_frame),
        namespace=namespace,
    )


def write_rviz_config(spec: EmbodimentSpec, namespace: str) -> Path:
    """
    Write the configuration to the user's cache, or to the temporary folder without one.

    :returns: the file; one for each robot and namespace, replaced at once.
    """
    name = '_'.join(part for part in [*namespace.split('/'), spec.name] if part)
    try:
        return _write(cache_folder() / 'rviz', name, rviz_config(spec, namespace))
    except OSError:
        folder = Path(tempfile.gettempdir()) / f'hma_ros_{os.getuid()}'
        return _write(folder, name, rviz_config(spec, namespace))


def _write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f'{name}.rviz'
    # Another start may be reading it.
    write_text(path, text)
    return path
