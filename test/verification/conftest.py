# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Sums are taken in one order, as ``hma verify`` does."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
