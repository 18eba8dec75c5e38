# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The status of a node on /diagnostics (REP 107)."""

import math
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from hma_ros.core.latency import LatencyWindow
from hma_ros.core.short_text import numberless
from hma_ros.ros.qos import REPORT

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
_REPEAT_S = 5.0
# Texts quote what others sent.
_MOST_CHARACTERS = 500
# Texts of one kind that are logged within _REPEAT_S, and that are remembered.
_MOST_SENTENCES = 3
_MOST_REMEMBERED = 50


class Diagnostics:
    """
    Counts, latencies, and present warnings and errors of one node, published once per second.

    Each kind of warning or error lasts until :meth:`success` or :meth:`cleared` clears it. Safe to
    use from several threads.

    :param node: the node; must have the methods of HmaNode.
    :param hardware_id: the embodiment.
    """

    def __init__(self, node: Any, hardware_id: str) -> None:
        self._node = node
        self._hardware_id = hardware_id
        # Never held while anything is logged or published.
        self._lock = threading.RLock()
        self.counts: Counter[str] = Counter()
        self.latencies: dict[str, LatencyWindow] = {}
        self._present: dict[str, tuple[bytes, str]] = {}
        # By kind: since when it lasts, and when each of its texts was logged.
        self._since_s: dict[str, float] = {}
        self._logged_s: dict[str, dict[str, float]] = {}
        self._unended: set[str] = set()
        self._rated: tuple[float, Counter[str]] = (time.monotonic(), Counter())
        self._publisher = node.publisher(DiagnosticArray, '/diagnostics', REPORT)

    def latency(self, name: str, duration_s: float) -> None:
        """Record a duration."""
        with self._lock:
            self.latencies.setdefault(name, LatencyWindow()).record(duration_s)

    def error(self, what: str, text: str) -> None:
        """
        Count an error, keep it until it is cleared, and log its text when it is new.

        :param what: its kind, also the name of the counter.
        :param text: texts of a kind that differ only in numbers are the same for the log.
        """
        self._report(what, text, ERROR)

    def warning(self, what: str, text: str) -> None:
        """Count and keep a warning, see :meth:`error`."""
        self._report(what, text, WARN)

    def lasting(self, what: str, text: str | None) -> None:
        """Report an error as :meth:`error`, counted once until it ends (None)."""
        if text is None:
            self.cleared(what)
        else:
            self._report(what, text, ERROR, lasts=True)

    def _report(self, what: str, text: str, level: bytes, lasts: bool = False) -> None:
        with self._lock:
            self.counts[what] -= lasts and what in self._present
            text = self.keep(what, text, level)
            if self._is_repeated(what, numberless(text)):
                return
            self._unended.add(what)
        # rclpy refuses two severities from one line.
        if level == ERROR:
            self._node.get_logger().error(text)
        else:
            self._node.get_logger().warning(text)

    def count(self, what: str, number: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self.counts[what] += number

    def keep(self, what: str, text: str, level: bytes = ERROR) -> str:
        """Count and keep as :meth:`error` what is logged elsewhere; returns the text kept."""
        text = _shortened(text)
        with self._lock:
            self.counts[what] += 1
            if what not in self._present:
                self._since_s[what] = time.monotonic()
            self._present[what] = (level, text)
        return text

    def _is_repeated(self, what: str, text: str) -> bool:
        """
        Whether a text was logged since its kind began, or lately, or several others were.

        A kind that lasts is not said again, though its text goes to and fro.
        """
        now_s, logged_s = time.monotonic(), self._logged_s.setdefault(what, {})
        since_s = min(self._since_s[what], now_s - _REPEAT_S)
        lately = sum(now_s - then_s < _REPEAT_S for then_s in logged_s.values())
        if logged_s.get(text, -math.inf) >= since_s or lately >= _MOST_SENTENCES:
            return True
        # The last is the newest.
        logged_s.pop(text, None)
        logged_s[text] = now_s
        if len(logged_s) > _MOST_REMEMBERED:
            del logged_s[next(iter(logged_s))]
        return False

    def note(self, what: str, text: str | None, level: bytes = ERROR) -> None:
        """Report a warning or error as :meth:`error`, or clear its kind (None)."""
        if text is None:
            self.cleared(what)
        else:
            self._report(what, text, level)

    def success(self, what: str, *cleared: str) -> None:
        """
        Count a success.

        :param cleared: kinds of warnings and errors that it clears.
        """
        self.count(what)
        self.cleared(*cleared)

    def cleared(self, *kinds: str) -> None:
        """Clear kinds of warnings and errors; the log says so once for each that it had logged."""
        with self._lock:
            ended = [what for what in kinds if self._present.pop(what, None) is not None]
            told = [what for what in ended if what in self._unended]
            self._unended.difference_update(told)
        for what in told:
            self._node.get_logger().info(f'cleared: {what}')

    def publish(self, facts: Mapping[str, object]) -> None:
        """Publish the status with further values."""
        with self._lock:
            present = list(self._present.values())
            measured = {**self._rates(), **self._percentiles()}
        worst_first = sorted(present, key=lambda item: item[0], reverse=True)
        status = DiagnosticStatus(level=OK, message='ok', hardware_id=self._hardware_id)
        if worst_first:
            status.level = worst_first[0][0]
            status.message = _joined([text for _, text in worst_first])
        status.name = f'{self._node.get_fully_qualified_name().lstrip("/")}: status'
        values = {**facts, **measured, **memory_mb()}
        status.values = [KeyValue(key=key, value=_text(value)) for key, value in values.items()]
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)

    def _rates(self) -> dict[str, object]:
        now_s, (then_s, before) = time.monotonic(), self._rated
        counts = Counter(self.counts)
        self._rated = (now_s, counts)
        values: dict[str, object] = dict(counts)
        for name, count in counts.items():
            values[f'{name} per second'] = (count - before[name]) / max(now_s - then_s, 1e-3)
        return values

    def _percentiles(self) -> dict[str, object]:
        return {
            f'{name} p{percent} ms': window.percentile_ms(percent)
            for name, window in self.latencies.items()
            for percent in (50, 95, 99)
        }


def _joined(texts: Sequence[str]) -> str:
    """Return texts as one; what several say alike, such as their advice, is said once."""
    return '; '.join(dict.fromkeys(part for text in texts for part in text.split('; ')))


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f'{text[:_MOST_CHARACTERS]} ...'


def memory_mb() -> dict[str, object]:
    """Return the resident memory of this process, now and at its peak, in megabytes."""
    try:
        lines = Path('/proc/self/status').read_text().splitlines()
    except OSError:
        return {}
    fields = dict(line.split(':', 1) for line in lines if ':' in line)
    names = (('memory MB', 'VmRSS'), ('peak memory MB', 'VmHWM'))
    return {name: int(fields[key].split()[0]) / 1024 for name, key in names if key in fields}


def _text(value: object) -> str:
    return f'{value:.3f}' if isinstance(value, float) else str(value)
