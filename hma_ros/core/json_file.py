# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Files of one JSON object, such as metadata and configurations."""

import json
from pathlib import Path
from typing import Any

from hma_ros.core.errors import ConfigError
from hma_ros.core.lfs_pointer import refuse_lfs_pointer
from hma_ros.core.short_text import shortened


def read_json(path: Path) -> dict[str, Any]:
    """
    Read a file of one JSON object.

    :raises ConfigError: missing, unreadable, a Git LFS pointer, or not an object.
    """
    refuse_lfs_pointer(path, ConfigError)
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (FileNotFoundError, NotADirectoryError) as error:
        there = 'file' if path.parent.is_dir() else 'folder'
        raise ConfigError(f'{path}: got no such {there}, expected a JSON object') from error
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f'{path}: got {json_fault(error)}, expected a JSON object') from error
    if not isinstance(content, dict):
        raise ConfigError(f'{path}: got {type(content).__name__}, expected a JSON object')
    return content


def json_fault(error: Exception) -> str:
    """Say what is wrong with a file of JSON, and whether it looks truncated or damaged."""
    if isinstance(error, json.JSONDecodeError):
        return f'no JSON from line {error.lineno} on ({error.msg}): it is truncated or damaged'
    if isinstance(error, UnicodeDecodeError):
        return 'no text in UTF-8: it is damaged'
    if isinstance(error, RecursionError):
        return 'JSON nested too deeply: it is damaged'
    if isinstance(error, OSError):
        return error.strerror or shortened(error)
    return shortened(repr(error))
