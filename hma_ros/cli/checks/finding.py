# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""One line of ``hma doctor`` and ``hma check``."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """How bad it is; the value is what is printed."""

    OK = 'ok'
    WARN = 'WARN'
    FAIL = 'FAIL'


@dataclass(frozen=True)
class Finding:
    """What was checked, how it came out, and what to do about it (empty when all is well)."""

    level: Level
    subject: str
    text: str
    remedy: str = ''


def ok(subject: str, text: str) -> Finding:
    """Report that all is well."""
    return Finding(Level.OK, subject, text)


def warn(subject: str, text: str, remedy: str) -> Finding:
    """Report what will run, but not as it should."""
    return Finding(Level.WARN, subject, text, remedy)


def fail(subject: str, text: str, remedy: str) -> Finding:
    """Report what will not run."""
    return Finding(Level.FAIL, subject, text, remedy)


def print_findings(findings: Sequence[Finding]) -> None:
    """Print one line for each finding, and its remedy below it."""
    for finding in findings:
        print(f'{finding.level.value:<5}{finding.subject}: {finding.text}', flush=True)
        if finding.remedy:
            print(f'     -> {finding.remedy}', flush=True)


def conclude(findings: Sequence[Finding]) -> int:
    """Print how many findings there are of each level; 1 when one fails, else 0."""
    count = {level: sum(finding.level is level for finding in findings) for level in Level}
    print(f'{count[Level.OK]} ok, {count[Level.WARN]} WARN, {count[Level.FAIL]} FAIL')
    return 1 if count[Level.FAIL] else 0
