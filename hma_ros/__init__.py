# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""HMA, a robot world model and policy, on the robot."""

import os
import pkgutil

# The messages are generated into another folder of the same name: join both.
__path__ = pkgutil.extend_path(__path__, __name__)
__version__ = '0.1.0'

# onnxruntime reads it when it is imported; without it, some versions send telemetry.
os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')
