# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the world model node can be told."""

from dataclasses import dataclass
from pathlib import Path

from hma_ros.core import settings
from hma_ros.core.embodiment import EmbodimentSpec
from hma_ros.core.errors import ConfigError
from hma_ros.core.generation.decoding import MOST_GUIDANCE, MOST_STEPS, UNMASKING, Decoding
from hma_ros.core.short_text import counted
from hma_ros.ros.parameters import parameter
from hma_ros.runtime.pace import MOST_DIVISOR
from hma_ros.runtime.providers import Execution


@dataclass(frozen=True)
class WorldModelParameters:
    """Parameters of the world model."""

    embodiment: str = parameter('', 'embodiment file, or the name of a shipped one')
    bundle: str = parameter('', 'folder of the model bundle')
    mode: str = settings.MODE.field()
    allow_sim_bundle: bool = settings.ALLOW_SIM_BUNDLE.field()
    horizon: int = settings.HORIZON.field()
    threads: int = settings.THREADS.field()
    provider: str = settings.PROVIDER.field()
    tokenizer_precision: str = settings.TOKENIZER_PRECISION.field()
    device_id: int = settings.DEVICE_ID.field()
    allow_cpu: bool = settings.ALLOW_CPU.field()
    spin: bool = parameter(
        False, 'let threads wait busily: faster if the model has cores of its own'
    )
    engine_cache: str = settings.ENGINE_CACHE.field()
    executed_topic: str = parameter(
        'action_executor/executed', 'topic on which the executor reports what it commanded'
    )
    executed_timeout_s: float = parameter(
        0.05,
        'how long a frame waits for what was executed before it, reported or measured, and for '
        'its joints [s]',
        0.0,
        1.0,
    )
    max_chunk_age_s: float = parameter(
        0.5,
        'in mode execute, the chunk of a step with an older image counts as too late; set it as '
        'for the executor [s]',
        0.01,
        10.0,
    )
    camera_timeout_s: float = parameter(
        5.0, 'an error is reported after this time without a camera frame [s]', 0.1, 600.0
    )
    max_failures: int = parameter(
        50, 'consecutive failures after which the node deactivates', 1, 100_000
    )
    clock_divisor: int = parameter(
        1,
        'observe every n-th step only, for a machine that is too slow; in shadow mode, with '
        'absolute actions',
        1,
        MOST_DIVISOR,
    )
    mask_steps: int = parameter(
        0,
        'MaskGIT passes per imagined frame, at most one per token; 0: as the bundle recommends',
        0,
        MOST_STEPS,
    )
    denoise_steps: int = parameter(
        0, 'denoising steps of continuous models; 0: as the bundle recommends', 0, MOST_STEPS
    )
    temperature: float = parameter(
        -1.0, 'temperature of tokens, or of the noise; -1: as the bundle recommends', -1.0, 10.0
    )
    unmasking: str = parameter(
        'bundle',
        'tokens that a pass keeps: the most confident, random ones, or as the bundle recommends',
        choices=('bundle', *UNMASKING),
    )
    guidance: float = parameter(
        0.0,
        'scale of classifier-free guidance by the actions: 1 (none) to 10, at up to twice the '
        'work per imagined frame; 0: as the bundle recommends',
        0.0,
        MOST_GUIDANCE,
    )
    autostart: bool = parameter(False, 'configure and activate at the start')

    def summary(self, spec: EmbodimentSpec, provider: str) -> str:
        """Say in one line what runs."""
        return (
            f'{self.mode} on {spec.name}: bundle {self.bundle}, stem {spec.stem}, '
            f'provider {provider}, up to {counted(self.horizon, "frame")} ahead'
        )

    @property
    def decoding(self) -> Decoding:
        """What is to be other than the bundle recommends; raises ConfigError."""
        if -1.0 < self.temperature < 0.0:
            raise ConfigError(
                f'temperature: got {self.temperature:g}, expected 0 or more, or -1 for what the '
                'bundle recommends'
            )
        return Decoding(
            self.mask_steps or None,
            self.denoise_steps or None,
            None if self.temperature < 0.0 else self.temperature,
            None if self.unmasking == 'bundle' else self.unmasking,
            self.guidance or None,
        )

    @property
    def execution(self) -> Execution:
        """How to run the graphs of the bundle."""
        return Execution(
            provider=self.provider,
            tokenizer_precision=self.tokenizer_precision,
            device_id=self.device_id,
            threads=self.threads,
            engine_cache=Path(self.engine_cache) if self.engine_cache else None,
            allow_cpu=self.allow_cpu,
            spin=self.spin,
        )
