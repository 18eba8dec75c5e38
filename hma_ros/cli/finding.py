# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""One line of ``hma doctor``."""

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
