# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where a frame is."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Placement(NamedTuple):
    """Where a frame is in its parent: ``float64[3]`` [m], and a quaternion xyzw ``float64[4]``."""

    name: str
    parent: str
    xyz: NDArray[np.float64]
    quat_xyzw: NDArray[np.float64]
