# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What is wrong with a file of numpy arrays; numpy's own message suggests to unpickle it."""

import pickle
import zipfile
import zlib

from hma_ros.core.short_text import shortened

# What numpy.load raises of a damaged file, also later of a single array of an npz. A header may
# ask for any amount of memory, and zipfile raises RuntimeError of an encrypted member.
UNREADABLE = (
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    zlib.error,
)


def numpy_fault(error: BaseException) -> str:
    """Say what ``numpy.load(path, allow_pickle=False)`` found."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error)
    if 'pickle' in text:
        return 'no numbers, but a pickle or another kind of file'
    return f'a truncated or damaged file ({shortened(text or repr(error))})'
