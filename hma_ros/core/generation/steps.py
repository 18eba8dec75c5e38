# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Steps of a stream, counted from its beginning."""

# Index of the step in a slot that holds nothing: too long ago for any window.
EMPTY_STEP = -(2**31)
