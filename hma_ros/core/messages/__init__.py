# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Messages to arrays with all checks: the same for live topics and for recorded bags."""
