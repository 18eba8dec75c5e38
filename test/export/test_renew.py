# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Bundles of format 3 are read by the names that they have on disk."""

import json

import pytest

from hma_ros.core.errors import BundleError
from hma_ros.export.renew import read_old

# As `hma train` wrote it, without stems.
OLD = {
    'format': 3,
    'stems': {},
    'image_size': 64,
    'image_tokens': 64,
    'factors': 6,
    'levels': 8,
    'layers': 6,
    'row_tokens': 68,
    'heads': 4,
    'head_width': 32,
    'window': 2,
    'mask_steps': 2,
}


def test_the_manifest_of_format_3_is_understood(tmp_path):
    (tmp_path / 'manifest.json').write_text(json.dumps(OLD))
    # What is missing is a graph, not a key.
    with pytest.raises(BundleError, match='got No such file or directory'):
        read_old(tmp_path)


def test_a_bundle_of_today_needs_no_renewal(tmp_path):
    (tmp_path / 'manifest.json').write_text(json.dumps({**OLD, 'format': 4}))
    with pytest.raises(BundleError, match='format: got 4, expected 3; this one needs no renewal'):
        read_old(tmp_path)
