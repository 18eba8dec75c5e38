# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Objects and tools of the simulated scenes in images: how large they are, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

# Places and areas are told in pixels of an image of this side, whatever the side is.
REFERENCE_SIDE_PX = 64
# Smaller than this a part counts as occluded [px of 64, squared].
LEAST_AREA_PX = 10.0
_HUE_DEG, _SATURATION, _VALUE = 16.0, 0.5, 0.25
_WHITE_SATURATION, _WHITE_VALUE = 0.2, 0.4
# An end of an arm: what has the arm's colour within this distance of the tool, and how far away
# it is looked for [px of 64].
_END_RADIUS_PX, _SEARCH_PX = 8.0, 14.0

Role = Literal['tool', 'object', 'mark']


@dataclass(frozen=True)
class ScenePart:
    """
    Something of one colour that an image shows.

    :param role: ``tool``, ``object`` (what is pushed, lifted or reached for) or ``mark``.
    :param hue_deg: of its colour; None for white.
    :param is_end_of_arm: the whole arm has that colour; the part is its end, around the tool.
    """

    name: str
    role: Role
    hue_deg: float | None
    is_end_of_arm: bool = False


PARTS: dict[str, tuple[ScenePart, ...]] = {
    'sim_franka': (
        ScenePart('hand', 'tool', None, is_end_of_arm=True),
        ScenePart('cube', 'object', 0.0),
    ),
    'sim_ur5e': (
        ScenePart('stick', 'tool', 50.0),
        ScenePart('block', 'object', 230.0),
        ScenePart('disc', 'mark', 22.0),
    ),
    'sim_so101': (
        ScenePart('jaw', 'tool', 48.0, is_end_of_arm=True),
        ScenePart('ball', 'object', 322.0),
    ),
    'sim_planar': (
        ScenePart('pusher', 'tool', 229.0),
        ScenePart('block', 'object', 0.0),
        ScenePart('disc', 'mark', 133.0),
    ),
}


@dataclass(frozen=True)
class Seen:
    """
    A part in an image and in the true one.

    :param part: which.
    :param true_area: [px of 64, squared].
    :param area: in the image, likewise.
    :param error: distance between the places [px of 64]; NaN where one of them shows nothing.
    :param full_area: most that a true image of the same rollout shows; 0 where not known.
    """

    part: ScenePart
    true_area: float
    area: float
    error: float
    full_area: float = 0.0

    @property
    def is_visible(self) -> bool:
        """
        Whether the true image shows enough of it to judge.

        An object or a mark is occluded when less than half of it is seen; how much a tool shows
        also depends on how it is turned.
        """
        covered = self.part.role != 'tool' and self.true_area < 0.5 * self.full_area
        return self.true_area >= LEAST_AREA_PX and not covered

    @property
    def is_alive(self) -> bool:
        """Whether the image shows 50 to 200 % of the true area."""
        return 0.5 * self.true_area <= self.area <= 2.0 * self.true_area


def find_parts(
    parts: Sequence[ScenePart],
    truth: np.ndarray,
    image: np.ndarray,
    tool_xy: np.ndarray,
    base: np.ndarray,
) -> list[Seen]:
    """
    Compare the parts of an image with those of the true one.

    :param truth: ``uint8[H, W, 3]``.
    :param image: likewise, of the same size.
    :param tool_xy: ``float[2]``, where the tool is in the true image [px].
    :param base: ``bool[H, W]``, see :func:`base_of`.
    """
    scale = REFERENCE_SIDE_PX / truth.shape[0]
    true_hsv, hsv = _hue_saturation_value(truth), _hue_saturation_value(image)
    found = []
    for part in parts:
        true_mask, mask = _mask(part, true_hsv), _mask(part, hsv)
        if part.is_end_of_arm:
            counts = _end_of_arm(true_mask & ~base, mask & ~base, tool_xy, scale)
        else:
            counts = float(true_mask.sum()), float(mask.sum()), _distance(true_mask, mask)
        true_area, area, distance = counts
        found.append(Seen(part, true_area * scale**2, area * scale**2, distance * scale))
    return found


def place_of(part: ScenePart, image: np.ndarray) -> np.ndarray | None:
    """
    Find the centre of what has the colour of a part.

    :param image: ``uint8[H, W, 3]``.
    :returns: ``float64[2]``, down and to the right [px of 64]; None if its area is less than half
        of what counts as visible.
    """
    scale, mask = REFERENCE_SIDE_PX / image.shape[0], _mask(part, _hue_saturation_value(image))
    if mask.sum() * scale**2 < LEAST_AREA_PX / 2:
        return None
    centre: np.ndarray = np.argwhere(mask).mean(0) * scale
    return centre


def base_of(parts: Sequence[ScenePart], images: Sequence[np.ndarray]) -> np.ndarray:
    """
    Find what of an arm of one colour stands still: it is no end of the arm wherever that is.

    :param images: ``uint8[H, W, 3]`` each, of postures that differ; most show the base.
    :returns: ``bool[H, W]``; nothing where the tool has a colour of its own.
    """
    base = np.zeros(images[0].shape[:2], bool)
    for part in parts:
        if part.is_end_of_arm:
            base |= np.mean([_mask(part, _hue_saturation_value(item)) for item in images], 0) > 0.5
    return base


def _mask(part: ScenePart, hsv: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """Mark the pixels that have the colour of a part, ``bool[H, W]``."""
    hue_deg, saturation, value = hsv
    if part.hue_deg is None:
        white: np.ndarray = (saturation < _WHITE_SATURATION) & (value > _WHITE_VALUE)
        return white
    away_deg = np.abs((hue_deg - part.hue_deg + 180) % 360 - 180)
    mask: np.ndarray = (away_deg < _HUE_DEG) & (saturation > _SATURATION) & (value > _VALUE)
    return mask


def _hue_saturation_value(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    red, green, blue = np.moveaxis(image.astype(np.float64) / 255, -1, 0)
    value = np.max([red, green, blue], 0)
    spread = value - np.min([red, green, blue], 0)
    safe = np.maximum(spread, 1e-9)
    hue = np.select(
        [value == red, value == green],
        [(green - blue) / safe, 2 + (blue - red) / safe],
        4 + (red - green) / safe,
    )
    return hue * 60 % 360, spread / np.maximum(value, 1e-9), value


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    """Distance between the centres of two masks [px]; NaN where one is empty."""
    if not first.any() or not second.any():
        return float('nan')
    centres = [np.argwhere(mask).mean(0) for mask in (first, second)]
    return float(np.linalg.norm(centres[0] - centres[1]))


def _end_of_arm(
    truth: np.ndarray, mask: np.ndarray, tool_xy: np.ndarray, scale: float
) -> tuple[float, float, float]:
    """
    Find the end of an arm by the shape that it truly has.

    :returns: its true area, its area where it fits best, and how far away that is [px].
    """
    radius, search = round(_END_RADIUS_PX / scale), round(_SEARCH_PX / scale)
    margin = radius + search
    # Outside of the image nothing is known: neither for nor against a place.
    signs = [np.pad(np.where(item, 1.0, -1.0), margin) for item in (truth, mask)]
    column, line = (min(max(round(float(place)), 0), len(truth) - 1) for place in tool_xy)
    axis = np.arange(-radius, radius + 1)
    disc = axis[:, None] ** 2 + axis**2 <= radius**2

    def around(image: np.ndarray, reach: int) -> np.ndarray:
        first, last = margin - reach, margin + reach + 1
        return image[line + first : line + last, column + first : column + last]

    true_end = around(signs[0], radius) * disc
    windows = sliding_window_view(around(signs[1], margin), disc.shape)
    agreement = np.einsum('abij,ij->ab', windows, true_end)
    moves = np.arange(-search, search + 1)
    distances = np.hypot(moves[:, None], moves)
    # Of places that fit as well the nearest.
    best = np.unravel_index(np.argmax(agreement - 1e-6 * distances), agreement.shape)
    area = (windows[best] * disc > 0).sum()
    distance = distances[best] if area else float('nan')
    return float((true_end > 0).sum()), float(area), float(distance)
