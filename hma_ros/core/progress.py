# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Progress bars in a terminal, a plain line now and then anywhere else."""

import sys
import threading
import time
from collections.abc import Generator, Sequence
from typing import Any, TypeVar

from tqdm import tqdm

T = TypeVar('T')

_PLAIN_EVERY_S = 10.0
_REDRAWN_EVERY_S = 1.0
_DONE = '{desc}: {n_fmt} of {total_fmt} {unit} in {elapsed}'
_END_FORMAT = _DONE + '{postfix}'
_PLAIN_FORMAT = _DONE + ', {remaining} to go{postfix}'
_UNEVEN_FORMAT = '{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]'


class Progress(tqdm):  # type: ignore[misc, type-arg, unused-ignore]
    """
    A tqdm bar; in a file or a pipe, where nothing is redrawn, lines of text.

    There it writes at most every ten seconds, and at the end. It takes what tqdm takes. The
    remaining time leaves out the first item, during which a network may be compiled.

    :param is_even: whether all items take about equally long; else the remaining time is left out.
    """

    _is_plain = False
    _is_closing = False
    smoothing: float
    _has_begun = False
    _due_s = 0.0

    def __init__(self, *args: Any, is_even: bool = True, **options: Any) -> None:
        if not is_even:
            options['bar_format'] = _UNEVEN_FORMAT
        stream = options.get('file') or sys.stderr
        if not stream.isatty():
            unit = options.get('unit', 'it')
            options['unit'] = f'{unit}es' if unit.endswith('ch') else f'{unit}s'
            self._is_plain = True
            self._due_s = time.monotonic() + _PLAIN_EVERY_S
            options['bar_format'] = _PLAIN_FORMAT if is_even else _END_FORMAT
        super().__init__(*args, **options)

    def update(self, n: float | None = 1) -> bool | None:
        """Count items; the speed is measured from the second time on."""
        if self.disable:
            return None
        smoothing = self.smoothing
        if not self._has_begun:
            self.smoothing = 0  # Keeps the average of the speed as it is.
        shown: bool | None = super().update(n)
        self.smoothing, self._has_begun = smoothing, True
        return shown

    @property
    def format_dict(self) -> Any:
        """What is shown; the speed is unknown, not an average, while only the first item is."""
        facts = super().format_dict
        if facts.get('rate') is None and not self._is_closing:
            facts['rate'] = 0
        return facts

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

    def clear(self, nolock: bool = False) -> None:
        """Clear the bar while something else is printed; lines of text stay."""
        if not self._is_plain:
            super().clear(nolock)

    def close(self) -> None:
        """Write how it ended."""
        self._is_closing = True
        if self._is_plain:
            self.bar_format = _END_FORMAT
        super().close()


def moving(items: Sequence[T], title: str, unit: str) -> Generator[T, None, None]:
    """
    Yield items with a bar that shows the time also while one of them takes minutes; none for none.

    The items may take very different times, as an encoder and a decoder do.

    :param title: in front of the bar.
    :param unit: what an item is; one of a ``name`` is named while it is worked on.
    """
    if not items:
        return
    with Progress(total=len(items), desc=title, unit=unit, is_even=False) as bar:
        is_done = threading.Event()
        clock = threading.Thread(target=_redraw, args=(bar, is_done), daemon=True)
        clock.start()
        try:
            for item in items:
                bar.set_postfix_str(getattr(item, 'name', ''))
                yield item
                bar.update()
        finally:
            is_done.set()
            clock.join()


def _redraw(bar: Progress, is_done: threading.Event) -> None:
    while not is_done.wait(_REDRAWN_EVERY_S):
        bar.refresh()
