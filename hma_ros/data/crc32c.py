# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""CRC-32C (Castagnoli), as TFRecord files carry it."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78  # reflected
_MASK_DELTA = 0xA282EAD8
_LANE_BYTES = 256


def masked_crc32c(data: bytes | memoryview) -> int:
    """Return the checksum as TFRecord stores it: rotated right by 15 bits, plus a constant."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def crc32c(data: bytes | memoryview) -> int:
    """
    Return the checksum of some bytes.

    Long data is cut into lanes of equal length that advance together; the checksum is linear, so
    a lane's result is moved over the bytes behind it and added.
    """
    values = np.frombuffer(data, np.uint8)
    lanes = 1 << max(0, (values.size // _LANE_BYTES).bit_length() - 1)
    length = values.size // lanes
    cut = values[: lanes * length].reshape(lanes, length)
    states = np.zeros(lanes, np.uint32)
    states[0] = 0xFFFFFFFF
    table = _table()
    for column in np.ascontiguousarray(cut.T):
        states = table[(states ^ column) & 0xFF] ^ (states >> 8)
    total = _joined(states, length)
    for value in values[lanes * length :].tolist():
        total = int(table[(total ^ value) & 0xFF]) ^ (total >> 8)
    return total ^ 0xFFFFFFFF


def _joined(states: NDArray[np.uint32], length: int) -> int:
    """Return the state behind all lanes; neighbours are joined, and so on."""
    while len(states) > 1:
        moved = _times(_zeros(length), states[::2])
        states, length = moved ^ states[1::2], length * 2
    return int(states[0])


@cache
def _table() -> NDArray[np.uint32]:
    states = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        odd = (states & 1).astype(bool)
        states >>= 1
        states[odd] ^= np.uint32(_POLYNOMIAL)
    return states


def _zeros(count: int) -> NDArray[np.uint32]:
    """Return what so many zero bytes make of each bit of a state, ``uint32[32]``."""
    result = np.uint32(1) << np.arange(32, dtype=np.uint32)
    power: NDArray[np.uint32] = _table()[result & 0xFF] ^ (result >> 8)
    while count:
        if count & 1:
            result = _times(power, result)
        power, count = _times(power, power), count >> 1
    return result


def _times(matrix: NDArray[np.uint32], states: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Apply a linear map, given by its images of the 32 bits, to states."""
    bits = (states[:, None] >> np.arange(32, dtype=np.uint32)) & 1
    product: NDArray[np.uint32] = np.bitwise_xor.reduce(bits * matrix, axis=1)
    return product
