# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The arrays of a golden folder."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hma_ros.core.errors import ConfigError
from hma_ros.core.numpy_file import UNREADABLE, numpy_fault

if TYPE_CHECKING:
    from hma_ros.network.config import HmaConfig

GOLDEN_FILE = 'golden.npz'


def at(group: str, domain: str) -> str:
    """Name an array of a domain; that of no domain has the name of the group."""
    return f'{group}/{domain}' if domain else group


class GoldenArrays(Mapping[str, np.ndarray]):
    """
    Read ``golden.npz`` array by array, and remember which were asked for.

    :param folder: the folder that holds it.
    :raises ConfigError: it is missing or unreadable; later, an array is missing or unreadable.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / GOLDEN_FILE
        expected = 'expected arrays of numpy.savez'
        # Else numpy would take it for a pickle, or leave a truncated one open.
        if self.path.is_file() and not zipfile.is_zipfile(self.path):
            raise ConfigError(f'{self.path}: got another file, or a part of one, {expected}')
        try:
            self._file: np.lib.npyio.NpzFile = np.load(self.path, allow_pickle=False)
        except UNREADABLE as error:
            raise ConfigError(f'{self.path}: got {numpy_fault(error)}, {expected}') from error
        self._read: set[str] = set()

    def __getitem__(self, name: str) -> np.ndarray:
        """Return an array; :class:`ConfigError` when there is none of that name."""
        if name not in self._file.files:
            raise ConfigError(f"{self.path}: got no array '{name}', expected one")
        self._read.add(name)
        try:
            array: np.ndarray = self._file[name]
        except UNREADABLE as error:
            self._file.close()
            raise ConfigError(
                f"{self.path}: array '{name}': got {numpy_fault(error)}, expected one of numbers"
            ) from error
        return array

    def __contains__(self, name: object) -> bool:
        """Say whether there is an array of that name, without reading it."""
        return name in self._file.files

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._file.files)

    def __len__(self) -> int:
        """Count the arrays."""
        return len(self._file.files)

    def domains(self, config: HmaConfig, group: str) -> list[str]:
        """
        Return the action spaces that there are arrays of.

        :param config: of the model; one without any was asked under a name of its own, or none.
        :param group: of arrays that each of them has, as in ``{group}/{domain}``.
        """
        if config.domains:
            return [domain.name for domain in config.domains]
        return sorted({key.split('/')[1] for key in self if key.startswith(f'{group}/')}) or ['']

    def check_all_read(self, inputs: str = '') -> None:
        """
        Raise :class:`ConfigError` when some array was never asked for, so never verified.

        :param inputs: pattern of names that others are computed from, which need not be asked for.
        """
        known = re.compile(inputs)
        unread = [name for name in self if name not in self._read and not known.fullmatch(name)]
        if unread:
            raise ConfigError(f'{self.path}: nothing verifies {unread}, expected only known names')
