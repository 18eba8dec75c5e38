# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The models of the paper, whole: discrete (MaskGIT) and continuous (MAR), every conditioning.

Parameters carry the names of the released checkpoints, which so load without a key map. See
``docs/explanation/model.md`` for where the authors' code departs from what it means to do, and
:class:`~hma_ros.network.paper.config.Meaning` for how each model says which of the two it follows.
"""
