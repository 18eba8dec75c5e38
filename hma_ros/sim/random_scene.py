# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Scenes that differ from episode to episode.

Domain randomisation (Tobin et al. 2017, arXiv 1703.06907) of all that is not the robot or its
task: light, colours of table and floor, and sheets of paper on the table. Physics is the same.
"""

from __future__ import annotations

import mujoco
import numpy as np

from hma_ros.sim.scene import TableTop

_SHEETS = 4
# Half sizes; the model is compiled with the largest, from which its bounding spheres come.
_SMALLEST_M, _LARGEST_M = 0.015, 0.05
_THICKNESS_M, _APART_M = 1e-4, 2e-4
# Probability that a sheet is in an episode.
_PRESENT = 0.75
_BRIGHTNESS = (0.75, 1.2)
_TILT, _TINT = 0.25, 0.15


def add_sheets(spec: mujoco.MjSpec) -> None:
    """Add the sheets, which touch nothing."""
    for number in range(_SHEETS):
        spec.worldbody.add_geom(
            name=_sheet(number),
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=[_LARGEST_M, _LARGEST_M, _THICKNESS_M],
            pos=[0.01, 0.01, _height_m(number)],
            contype=0,
            conaffinity=0,
        )


class RandomScene:
    """
    Draws scenes.

    :param model: with the surroundings and the sheets.
    :param table: on which the sheets lie.
    """

    def __init__(self, model: mujoco.MjModel, table: TableTop) -> None:
        self._model, self._table = model, table
        self._colours = {name: model.geom(name).rgba.copy() for name in ('floor', 'table')}
        head = model.vis.headlight
        self._head = head.ambient.copy(), head.diffuse.copy()
        self._light = model.light_diffuse.copy(), model.light_dir.copy()

    def draw(self, rng: np.random.Generator) -> None:
        """Change the model to the scene of an episode."""
        self._draw_light(rng)
        for name, nominal in self._colours.items():
            tinted = nominal[:3] + rng.uniform(-_TINT, _TINT, 3)
            self._model.geom(name).rgba[:3] = np.clip(tinted, 0.05, 0.95)
        for number in range(_SHEETS):
            self._draw_sheet(number, rng)

    def _draw_light(self, rng: np.random.Generator) -> None:
        brightness, head = rng.uniform(*_BRIGHTNESS), self._model.vis.headlight
        head.ambient[:], head.diffuse[:] = (brightness * light for light in self._head)
        diffuse, direction = self._light
        self._model.light_diffuse[:] = rng.uniform(*_BRIGHTNESS) * diffuse
        tilted = direction + rng.uniform(-_TILT, _TILT, direction.shape)
        self._model.light_dir[:] = tilted / np.linalg.norm(tilted, axis=1, keepdims=True)

    def _draw_sheet(self, number: int, rng: np.random.Generator) -> None:
        geom, table = self._model.geom(_sheet(number)), self._table
        turn = rng.uniform(0, np.pi)
        geom.pos[:2] = table.centre + rng.uniform(-1, 1, 2) * table.half_size
        geom.pos[2] = _height_m(number)
        geom.quat[:] = [np.cos(turn / 2), 0, 0, np.sin(turn / 2)]
        geom.size[:2] = rng.uniform(_SMALLEST_M, _LARGEST_M, 2)
        geom.rgba[:] = [*rng.uniform(0.05, 0.95, 3), rng.random() < _PRESENT]


def _sheet(number: int) -> str:
    return f'sheet_{number}'


def _height_m(number: int) -> float:
    """Return a height of its own for each sheet, below the goal marks."""
    return _THICKNESS_M + number * _APART_M
