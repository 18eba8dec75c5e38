# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Training of the frame tokenizer and of HMA."""
