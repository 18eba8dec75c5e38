# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Where a checkpoint comes from: command, version, seed, data, settings; in a file beside it."""

from __future__ import annotations

import datetime
import json
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from hma_ros import __version__
from hma_ros.core.atomic_file import write_text
from hma_ros.core.errors import ConfigError
from hma_ros.core.short_text import quoted
from hma_ros.data.episodes import Episodes
from hma_ros.network.strict_loading import read_config

FILE_NAME = 'provenance.json'
# Of every trainer: it draws by the number of the step.
SEED = 0


def data_facts(folder: str, dataset: Episodes) -> dict[str, Any]:
    """Count the episodes and steps of a data set, with a hash of it; say what was imagined."""
    steps = [episode.steps for episode in dataset]
    # The list of beginnings stays with the episodes.
    synthetic = [
        {key: value for key, value in facts.items() if key != 'beginnings'}
        for facts in dataset.synthetic
    ]
    return {
        'folder': folder,
        'embodiment': dataset.embodiment,
        'episodes': len(steps),
        'steps': sum(steps),
        'sha256_12': dataset.fingerprint,
        **({'synthetic': synthetic} if synthetic else {}),
    }


def begin(
    folder: Path, settings: Mapping[str, Any], measured: Mapping[str, Any]
) -> dict[str, Any]:
    """
    Write the provenance of a run, or compare it with that of a run to go on with.

    :param folder: of the run.
    :param settings: what has to be the same for the run to end where another one does: data,
        initial weights, options.
    :param measured: what the first start found out, and a resumed one takes over.
    :returns: what the file says.
    :raises ConfigError: the folder holds a run with other settings; the first one is named.
    """
    path = folder / FILE_NAME
    settings = json.loads(json.dumps(settings))
    if path.exists():
        found = read_config(path)
        before = found.get('settings')
        for name, value in settings.items():
            if not isinstance(before, dict) or before.get(name) != value:
                got = before.get(name) if isinstance(before, dict) else None
                raise ConfigError(
                    f'{path}: {name}: got a run with {quoted(got)}, expected {quoted(value)}; '
                    'give the same options as before, or choose another --out'
                )
        return found
    facts = {
        'command': sys.argv,
        'version': __version__,
        'python': platform.python_version(),
        'torch': torch.__version__,
        'threads': torch.get_num_threads(),
        'begun': datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='seconds'),
        'seed': SEED,
        'settings': settings,
        'measured': dict(measured),
    }
    write_text(path, json.dumps(facts, indent=1))
    return facts


def copy_to(facts: Mapping[str, Any], checkpoint: Path) -> None:
    """Put the provenance of a run into the folder of a checkpoint."""
    write_text(checkpoint / FILE_NAME, json.dumps(facts, indent=1))
