# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The data sets that HMA was trained on: frame rates by domain name, and stems of the checkpoints.

Facts of the research code (github.com/liruiw/HMA at e3c8908, ``datasets/encode_openx_dataset.py``,
``DATA_FREQ_TABLE``). They decide how many low-level actions go into a step, so a released
checkpoint is used with these, right or wrong:

- Training looked domains up by other names than the table has for ``bridge_data_v2`` (here
  ``bridge``) and ``imperial_wrist_dataset`` (``imperialcollege_sawyer_wrist_cam``), and for eleven
  more that it has not at all. Their checkpoints take one action per step.
- ``language_table`` and ``kuka`` are recorded faster; the table was changed to get one action.
  :func:`recorded_hz` returns what the data have.
"""

from __future__ import annotations

# Steps per second that the strides aim for.
STEP_HZ = 2

RATE_HZ = {
    '1x_humanoid': 30,
    'aloha_mobile': 30,
    'asu_table_top_converted_externally_to_rlds': 12,
    'austin_buds_dataset_converted_externally_to_rlds': 20,
    'austin_sailor_dataset_converted_externally_to_rlds': 20,
    'austin_sirius_dataset_converted_externally_to_rlds': 20,
    'bc_z': 10,
    'berkeley_autolab_ur5': 5,
    'berkeley_cable_routing': 10,
    'berkeley_gnm_sac_son': 10,
    'berkeley_mvp_converted_externally_to_rlds': 5,
    'berkeley_rpt_converted_externally_to_rlds': 30,
    'bridge': 5,
    'cmu_play_fusion': 5,
    'columbia_cairlab_pusht_real': 10,
    'conq_hose_manipulation': 30,
    'dlr_edan_shared_control_converted_externally_to_rlds': 5,
    'dlr_sara_pour_converted_externally_to_rlds': 10,
    'droid': 15,
    'ego4d': 1,
    'epic_kitchen': 30,
    'epic_kitchen_originalres': 30,
    'exoego4d': 30,
    'fractal20220817_data': 3,
    'frodobot': 30,
    'furniture_bench_dataset_converted_externally_to_rlds': 10,
    'iamlab_cmu_pickup_insert_converted_externally_to_rlds': 20,
    'imperialcollege_sawyer_wrist_cam': 10,
    'kaist_nonprehensile_converted_externally_to_rlds': 10,
    'kuka': 2,
    'language_table': 2,
    'maniskill_dataset_converted_externally_to_rlds': 20,
    'metaworld': 6,
    'mimic_play': 15,
    'nyu_door_opening_surprising_effectiveness': 3,
    'nyu_franka_play_dataset_converted_externally_to_rlds': 3,
    'robo_net': 1,
    'robo_set': 5,
    'robomimic': 6,
    'robomimic_multitask_new': 6,
    'robomimic_multitask_new_perturb': 6,
    'robomimic_new': 6,
    'robomimic_new_perturb': 6,
    'roboturk': 10,
    'stanford_hydra_dataset_converted_externally_to_rlds': 10,
    'stanford_kuka_multimodal_dataset_converted_externally_to_rlds': 20,
    'stanford_robocook_converted_externally_to_rlds': 5,
    'toto': 30,
    'ucsd_kitchen_dataset_converted_externally_to_rlds': 2,
    'ucsd_pick_and_place_dataset_converted_externally_to_rlds': 3,
    'uiuc_d3field': 1,
    'usc_cloth_sim_converted_externally_to_rlds': 10,
    'utaustin_mutex': 20,
    'utokyo_xarm_pick_and_place_converted_externally_to_rlds': 10,
}
# Names in the checkpoints that the table spells differently.
_OTHER_NAMES = {
    'bridge_data_v2': 'bridge',
    'imperial_wrist_dataset': 'imperialcollege_sawyer_wrist_cam',
}
# Where the table was changed: what the data were recorded at, None where nobody says it.
_CHANGED_HZ = {'kuka': None, 'language_table': 10}


def stride_of(rate_hz: int) -> int:
    """Return the frames (and low-level actions) per step of a recording of that rate."""
    return max(rate_hz // STEP_HZ, 1)


def upstream_stride(domain: str) -> int:
    """Return the stride that the research code uses: 1 for names that its table lacks."""
    return stride_of(RATE_HZ.get(domain, 1))


def recorded_hz(domain: str) -> int | None:
    """Return the rate [Hz] at which the data were recorded; None where it is not known."""
    if domain in _CHANGED_HZ:
        return _CHANGED_HZ[domain]
    return RATE_HZ.get(_OTHER_NAMES.get(domain, domain))


def stem_remedy(stem: str) -> str:
    """Say where to get a stem that a bundle lacks: from a checkpoint, or by fine-tuning."""
    if stem in RATE_HZ or stem in _OTHER_NAMES:
        return (
            'it is a stem of the released checkpoints: import one that has it with '
            f'`hma import-checkpoint SRC DST --stem {stem}`'
        )
    return 'fine-tune a model to this robot with `hma finetune`'
