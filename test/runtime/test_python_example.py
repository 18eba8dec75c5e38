# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""The example of docs/how-to/use-from-python.md runs as it stands there."""

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / 'docs' / 'how-to' / 'use-from-python.md'


def test_the_example_runs() -> None:
    (block,) = re.findall(r'```python\n(.*?)```', PAGE.read_text(), re.DOTALL)
    found: dict[str, Any] = {}
    exec(block, found)  # noqa: S102  our own
    assert found['rollout'].frames.shape == (4, 128, 128, 3)
    assert found['candidates'].shape == (8, 4, 128, 128, 3)
    assert found['policy'].actions.shape == (4, 1, 2)
    assert found['score'].entropy_nats < 100
    assert found['frame'].shape == (128, 128, 3)
