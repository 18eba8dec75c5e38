# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Linear interpolation over time."""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def interpolated(
    times_ns: Sequence[int] | NDArray[np.int64],
    values: Sequence[NDArray[np.float64]] | NDArray[np.float64],
    time_ns: int,
) -> NDArray[np.float64]:
    """
    Interpolate linearly between the values before and after a time.

    :param times_ns: ascending, at least one.
    :param values: ``float64[D]`` at each of these times; held beyond the ends.
    :returns: ``float64[D]``, a copy.
    """
    after = bisect_right(times_ns, time_ns)
    if after == 0 or after == len(times_ns):
        held: NDArray[np.float64] = values[max(after - 1, 0)].copy()
        return held
    start_ns, end_ns = times_ns[after - 1], times_ns[after]
    part = (time_ns - start_ns) / (end_ns - start_ns)
    between: NDArray[np.float64] = (1.0 - part) * values[after - 1] + part * values[after]
    return between
