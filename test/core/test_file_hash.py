# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Hashes of files are those of their bytes."""

import hashlib

from hma_ros.core.file_hash import sha256


def test_a_file_of_several_blocks_has_the_hash_of_its_bytes(tmp_path):
    content = bytes(range(256)) * 10_000
    (tmp_path / 'weights').write_bytes(content)
    assert sha256(tmp_path / 'weights') == hashlib.sha256(content).hexdigest()
