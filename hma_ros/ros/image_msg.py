# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Images: ROS messages to ``uint8[H, W, 3]`` RGB, and back."""

from array import array

import numpy as np
from sensor_msgs.msg import Image

from hma_ros.core.errors import MessageError
from hma_ros.core.messages.image import Rgb
from hma_ros.ros.stamps import to_stamp


def from_rgb(rgb: Rgb, time_ns: int, frame_id: str) -> Image:
    """
    Make an Image message.

    :param rgb: ``uint8[H, W, 3]``.
    :raises MessageError: another dtype or shape.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise MessageError(f'image: got {rgb.dtype}{list(rgb.shape)}, expected uint8[H, W, 3]')
    message = Image()
    message.header.stamp = to_stamp(time_ns)
    message.header.frame_id = frame_id
    message.height, message.width = rgb.shape[:2]
    message.encoding, message.step = 'rgb8', 3 * rgb.shape[1]
    # An array of bytes is taken over as it is; a list or ndarray would be checked item by item.
    message.data = array('B', np.ascontiguousarray(rgb).tobytes())
    return message
