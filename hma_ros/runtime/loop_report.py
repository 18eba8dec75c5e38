# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where the prediction loop counts, times and warns."""

from typing import Protocol


class LoopReport(Protocol):
    """Counters, latencies and present warnings; ``Diagnostics`` of a node is one."""

    def count(self, what: str, number: int = 1) -> None:
        """Add to a counter."""
        ...

    def latency(self, name: str, duration_s: float) -> None:
        """Record a duration in seconds."""
        ...

    def error(self, what: str, text: str) -> None:
        """Count an error and keep it until it is cleared."""
        ...

    def warning(self, what: str, text: str) -> None:
        """Count a warning and keep it until it is cleared."""
        ...

    def success(self, what: str, *cleared: str) -> None:
        """Count a success, and clear kinds of warnings and errors."""
        ...

    def cleared(self, *kinds: str) -> None:
        """Clear kinds of warnings and errors."""
        ...
