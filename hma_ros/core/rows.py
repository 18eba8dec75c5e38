# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Rows of a stream, counted from its beginning."""

# Index of the row in a slot that holds nothing: too long ago for any window.
EMPTY_ROW = -(2**31)
