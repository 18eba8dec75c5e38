# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Images of the scene: rendered at twice the size and averaged, which needs no multisampling."""

from __future__ import annotations

import os

import mujoco
import numpy as np

from hma_ros.core.errors import ConfigError
from hma_ros.sim.opengl import cannot_render, check_variables

_SUPERSAMPLE = 2
_MAX_SIZE = 640


def check_rendering() -> None:
    """
    Render nothing, to learn whether something can be rendered.

    :raises ConfigError: the text names the variable that is wrong, or the libraries to install.
    """
    check_variables(os.environ)
    _open_renderer(mujoco.MjSpec().compile(), 8, 8).close()


class SceneCamera:
    """
    The camera ``main`` of a scene; one OpenGL context for each image size in use.

    :raises ConfigError: a variable of the environment keeps MuJoCo from rendering.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        check_variables(os.environ)
        self._model = model
        self._renderers: dict[tuple[int, int], mujoco.Renderer] = {}
        self._option = mujoco.MjvOption()
        self._option.geomgroup[3:] = 0
        self._option.sitegroup[:] = 0
        self._closed = False

    def image(self, data: mujoco.MjData, height: int, width: int) -> np.ndarray:
        """
        Render the scene.

        :returns: ``uint8[height, width, 3]`` RGB.
        :raises ConfigError: a size outside 1..640, the camera was closed, or nothing renders here.
        """
        if self._closed:
            raise ConfigError('simulated camera: got a closed one, expected calls before close()')
        if not (1 <= height <= _MAX_SIZE and 1 <= width <= _MAX_SIZE):
            raise ConfigError(
                f'simulated camera: got {height} x {width} pixels, expected 1..{_MAX_SIZE}'
            )
        renderer = self._renderers.get((height, width)) or self._open(height, width)
        renderer.update_scene(data, 'main', self._option)
        return _halve(renderer.render())

    def close(self) -> None:
        """Free the OpenGL contexts."""
        self._closed = True
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()

    def _open(self, height: int, width: int) -> mujoco.Renderer:
        # The whole off-screen buffer is cleared for every image: keep it just large enough.
        buffer = self._model.vis.global_
        buffer.offheight, buffer.offwidth = height * _SUPERSAMPLE, width * _SUPERSAMPLE
        renderer = _open_renderer(self._model, buffer.offheight, buffer.offwidth)
        for flag in (
            mujoco.mjtRndFlag.mjRND_SHADOW,
            mujoco.mjtRndFlag.mjRND_REFLECTION,
            mujoco.mjtRndFlag.mjRND_SKYBOX,
        ):
            renderer.scene.flags[flag] = 0
        self._renderers[height, width] = renderer
        return renderer


def _open_renderer(model: mujoco.MjModel, height: int, width: int) -> mujoco.Renderer:
    try:
        return mujoco.Renderer(model, height, width)
    # The OpenGL loaders raise whatever they like: AttributeError, RuntimeError, OSError.
    except Exception as error:
        raise cannot_render(error, os.environ) from error


def _halve(image: np.ndarray) -> np.ndarray:
    """Average blocks of 2 x 2 pixels, rounding half up."""
    total = image.astype(np.uint16)
    total = total[::2] + total[1::2]
    total = total[:, ::2] + total[:, 1::2]
    return ((total + 2) >> 2).astype(np.uint8)
