# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the oldest supported distribution lacks is not imported."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ('hma_ros', 'test', 'benchmarks', 'launch', 'scripts')
# Humble has these classes in rclpy.clock and rclpy.publisher, and no modules of these names.
LACKING = re.compile(r'^\s*(?:from|import)\s+rclpy\.(?:clock_type|event_handler)\b', re.MULTILINE)


def test_no_module_that_humble_lacks_is_imported() -> None:
    files = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob('*.py'))]
    assert len(files) > 200
    assert [path.name for path in files if LACKING.search(path.read_text())] == []
