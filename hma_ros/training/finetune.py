# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""Fine-tuning of a trained model to a new robot, from its demonstrations."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from hma_ros.network.checkpoint import Hma
from hma_ros.network.config import Compat, Domain, HmaConfig
from hma_ros.network.initial import initialised
from hma_ros.network.low_rank import adapt
from hma_ros.network.new_stem import extended_config, is_of_stem, with_stem
from hma_ros.training.recordings import read_by
from hma_ros.training.trainer import SCRATCH_RATE, Start, hidden_matrices
from hma_ros.training.twin import TwinConfig

# Peak learning rate by what of the trunk is trained. That of `all` was measured: with a sixth of
# it, perplexity after 300 steps on 43 demonstrations was 17 instead of 7.
_RATES = {'frozen': 2e-3, 'lora': 1e-3, 'all': SCRATCH_RATE, 'scratch': SCRATCH_RATE}


@dataclass(frozen=True)
class FineTuning:
    """
    How a model is adapted.

    :param trunk: one of :data:`hma_ros.core.settings.TRUNKS`.
    :param rank: of the change of each matrix with ``lora``.
    :param rate: peak learning rate; None takes that of the trunk.
    :param masked_history: share of windows whose past actions are masked, of models that are
        conditioned on the action that led to a step.
    """

    trunk: str = 'lora'
    rank: int = 8
    rate: float | None = None
    masked_history: float = TwinConfig.masked_history


def kept_stems(config: HmaConfig, trunk: str) -> tuple[str, ...]:
    """
    Return the stems of a trained model that go on to compute what they did.

    None do once the trunk changes, or where the model was trained as upstream does or without a
    policy.
    """
    is_same = trunk == 'frozen' and config.compat is Compat.CORRECTED and config.predict_actions
    return tuple(domain.name for domain in config.domains) if is_same else ()


def start(model: Hma, domain: Domain, tuning: FineTuning) -> Start:
    """
    Put a new stem beside the weights of a model, and freeze what is not to be learned.

    :param model: trained.
    :param domain: of the new robot, with the statistics of its demonstrations.
    :raises ConfigError: see :func:`extended_config`.
    """
    torch.manual_seed(0)
    config = extended_config(model.config, domain, kept_stems(model.config, tuning.trunk))
    config = replace(config, domains=(*config.domains[:-1], read_by(config, domain)))
    is_whole = tuning.trunk in ('all', 'scratch')
    extended = initialised(config) if tuning.trunk == 'scratch' else with_stem(model, config)
    if not is_whole:
        for name, parameter in extended.named_parameters():
            parameter.requires_grad_(is_of_stem(name, domain.name))
    if tuning.trunk == 'lora':
        adapt(extended, tuning.rank)
    return Start(
        extended,
        (domain.name,),
        tuning.rate or _RATES[tuning.trunk],
        hidden_matrices(config) if is_whole else (),
        TwinConfig(masked_history=tuning.masked_history),
    )
