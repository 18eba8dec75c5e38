# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the world model node can be told."""

from dataclasses import dataclass
from pathlib import Path

from hma_ros.ros.parameters import parameter
from hma_ros.runtime.providers import PROVIDERS, Execution


@dataclass(frozen=True)
class WorldModelParameters:
    """Parameters of the world model."""

    embodiment: str = parameter('', 'embodiment file, or the name of a shipped one')
    bundle: str = parameter('', 'folder of the model bundle')
    mode: str = parameter(
        'shadow',
        'what the chunks are for; execute is refused without a policy, and for a real robot '
        'with a bundle trained in simulation',
        choices=('shadow', 'execute'),
    )
    allow_simulation_bundle: bool = parameter(
        False, 'let a bundle trained in simulation command a real robot'
    )
    horizon: int = parameter(8, 'frames to imagine ahead, as far as time allows', 0, 64)
    threads: int = parameter(2, 'threads of the model', 1, 64)
    provider: str = parameter(
        'auto',
        'what runs the model; auto is cuda where onnxruntime was built for it, else cpu',
        choices=PROVIDERS,
    )
    device_id: int = parameter(0, 'GPU to use, as CUDA counts them', 0, 63)
    allow_cpu: bool = parameter(False, 'run on the CPU rather than fail without the provider')
    spin: bool = parameter(
        False, 'let threads wait busily: faster passes, where the model has cores of its own'
    )
    engine_cache: str = parameter(
        '', 'folder of TensorRT engines; empty for ~/.cache/hma_ros/engines'
    )
    executed_topic: str = parameter(
        'action_executor/executed', 'where what was really commanded is reported'
    )
    executed_timeout_s: float = parameter(
        0.05,
        'how long a frame waits for what was executed before it, reported or measured, and for '
        'its joints [s]',
        0.0,
        1.0,
    )
    camera_timeout_s: float = parameter(
        5.0, 'without a picture for so long: an error [s]', 0.1, 600.0
    )
    max_failures: int = parameter(
        50, 'so many rows in a row that fail deactivate the node', 1, 100_000
    )
    autostart: bool = parameter(False, 'configure and activate at the start')

    @property
    def execution(self) -> Execution:
        """How to run the graphs of the bundle."""
        return Execution(
            provider=self.provider,
            device_id=self.device_id,
            threads=self.threads,
            engine_cache=Path(self.engine_cache) if self.engine_cache else None,
            allow_cpu=self.allow_cpu,
            spin=self.spin,
        )
