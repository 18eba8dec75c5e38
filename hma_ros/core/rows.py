# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Rows of a stream, counted from its beginning, and how their tokens are shared out."""

# Index of the row in a slot that holds nothing: too long ago for any window.
EMPTY_ROW = -(2**31)

# Parts of a row that are computed side by side, see :mod:`hma_ros.network.paper.lanes`.
LANES = 2
