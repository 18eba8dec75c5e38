# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Progress bars in a terminal, a plain line now and then anywhere else."""

import sys
import time
from typing import Any

from tqdm import tqdm

_PLAIN_EVERY_S = 10.0
_DONE = '{desc}: {n_fmt} of {total_fmt} {unit}s in {elapsed}'
_END_FORMAT = _DONE + '{postfix}'
_PLAIN_FORMAT = _DONE + ', {remaining} to go{postfix}'


class Progress(tqdm):  # type: ignore[misc, type-arg, unused-ignore]
    """
    A tqdm bar; in a file or a pipe, where nothing is redrawn, lines of text.

    There it writes at most every ten seconds, and at the end. It takes what tqdm takes.
    """

    _is_plain = False
    _is_closing = False
    _due_s = 0.0

    def __init__(self, *args: Any, **options: Any) -> None:
        stream = options.get('file') or sys.stderr
        if not stream.isatty():
            self._is_plain = True
            self._due_s = time.monotonic() + _PLAIN_EVERY_S
            options['bar_format'] = _PLAIN_FORMAT
        super().__init__(*args, **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Draw the bar, or write a line when one is due."""
        if not self._is_plain:
            super().display(msg, pos)
        elif self._is_closing:
            # tqdm ends this line.
            self.fp.write(str(self))
        elif time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + _PLAIN_EVERY_S
            self.fp.write(f'{self}\n')
            self.fp.flush()

    def close(self) -> None:
        """Write how it ended."""
        self._is_closing = True
        if self._is_plain:
            self.bar_format = _END_FORMAT
        super().close()
