# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The HMA network in torch: frame tokenizer, stems, trunk and heads."""
