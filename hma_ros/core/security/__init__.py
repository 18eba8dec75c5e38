# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Who may publish, hear and call what: the nodes' interfaces as an SROS 2 policy."""
