# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the world model node can be told."""

from dataclasses import dataclass
from pathlib import Path

from hma_ros.core import settings
from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.generation.decoding import MOST_STEPS, UNMASKING, Decoding
from hma_ros.ros.parameters import parameter
from hma_ros.runtime.pace import MOST_DIVISOR
from hma_ros.runtime.providers import Execution


@dataclass(frozen=True)
class WorldModelParameters:
    """Parameters of the world model."""

    embodiment: str = parameter('', 'embodiment file, or the name of a shipped one')
    bundle: str = parameter('', 'folder of the model bundle')
    mode: str = settings.MODE.field()
    allow_simulation_bundle: bool = settings.ALLOW_SIM_BUNDLE.field()
    horizon: int = settings.HORIZON.field()
    threads: int = settings.THREADS.field()
    provider: str = settings.PROVIDER.field()
    device_id: int = settings.DEVICE_ID.field()
    allow_cpu: bool = settings.ALLOW_CPU.field()
    spin: bool = parameter(
        False, 'let threads wait busily: faster passes, where the model has cores of its own'
    )
    engine_cache: str = settings.ENGINE_CACHE.field()
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
        50, 'so many consecutive failures deactivate the node', 1, 100_000
    )
    clock_divisor: int = parameter(
        1,
        'observe every n-th step only, where a machine is too slow; only in shadow mode, with '
        'absolute actions',
        1,
        MOST_DIVISOR,
    )
    mask_steps: int = parameter(
        0, 'masked passes per imagined frame; 0 for those of the bundle', 0, MOST_STEPS
    )
    denoise_steps: int = parameter(
        0, 'steps of the denoiser, of continuous models; 0 for those of the bundle', 0, MOST_STEPS
    )
    temperature: float = parameter(
        -1.0, 'of the choice among tokens, or of the noise; -1 for that of the bundle', -1.0, 10.0
    )
    unmasking: str = parameter(
        'bundle',
        'which tokens a pass keeps: the surest, any, or as the bundle says',
        choices=('bundle', *UNMASKING),
    )
    autostart: bool = parameter(False, 'configure and activate at the start')

    def summary(self, spec: EmbodimentSpec, provider: str) -> str:
        """Say in one line what runs."""
        return (
            f'{self.mode} on {spec.name}: bundle {self.bundle}, stem {spec.stem}, '
            f'provider {provider}, up to {self.horizon} frames ahead'
        )

    @property
    def decoding(self) -> Decoding:
        """What is to be other than the bundle recommends."""
        return Decoding(
            self.mask_steps or None,
            self.denoise_steps or None,
            None if self.temperature < 0.0 else self.temperature,
            None if self.unmasking == 'bundle' else self.unmasking,
        )

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
