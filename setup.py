# Copyright 2026 the hma_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Serve pip, and name the executables of the package.

colcon builds with CMakeLists.txt, which reads the entry points from this file.
"""

import platform
from pathlib import Path

from setuptools import Extension, find_packages, setup

ROOT = Path(__file__).parent
DATA_FOLDERS = ('config', 'launch', 'models', 'rviz')
EXECUTABLES = [
    'action_executor_node = hma_ros.nodes.action_executor_node:main',
    'bag_recorder_node = hma_ros.nodes.bag_recorder_node:main',
    'hma = hma_ros.cli.main:main',
    'rollout_viewer_node = hma_ros.nodes.rollout_viewer_node:main',
    'sim_robot_node = hma_ros.nodes.sim_robot_node:main',
    'world_model_node = hma_ros.nodes.world_model_node:main',
]

# As in native/CMakeLists.txt, for all files: the one that asks the processor has nothing to gain.
ISA_FLAGS = {
    'x86_64': {
        'avx512vnni': ['-march=x86-64-v4', '-mavx512vnni'],
        'avxvnni': ['-march=x86-64-v3', '-mavxvnni'],
    },
    'aarch64': {'neon': ['-march=armv8.2-a+dotprod+fp16']},
}


def _layers(isa: str, flags: list[str]) -> Extension:
    return Extension(
        f'hma_ros._layers_{isa}',
        sorted(str(path.relative_to(ROOT)) for path in (ROOT / 'native').glob('*.cpp')),
        depends=sorted(str(path.relative_to(ROOT)) for path in (ROOT / 'native').glob('*.h')),
        define_macros=[(f'HMA_ISA_{isa.upper()}', '1')],
        extra_link_args=['-pthread'],
        extra_compile_args=[
            *('-pthread', '-O3', '-std=c++20', '-ffp-contract=fast', *flags),
            *('-Wno-uninitialized', '-Wno-maybe-uninitialized'),
        ],
        # Without it the graphs of a bundle are run.
        optional=True,
    )


def _data_files() -> list[tuple[str, list[str]]]:
    files = [('share/hma_ros', ['package.xml'])]
    for folder in DATA_FOLDERS:
        for path in sorted((ROOT / folder).rglob('*')):
            if path.is_file() and '__pycache__' not in path.parts:
                relative = path.relative_to(ROOT)
                files.append((f'share/hma_ros/{relative.parent}', [str(relative)]))
    return files


setup(
    name='hma_ros',
    version='0.1.0',
    description='HMA, a robot world model and policy, as ROS 2 nodes',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=find_packages(include=['hma_ros', 'hma_ros.*']),
    ext_modules=[
        _layers(isa, flags)
        for isa, flags in {**ISA_FLAGS.get(platform.machine(), {}), 'generic': []}.items()
    ],
    package_data={'hma_ros.sim': ['assets/**/*']},
    data_files=_data_files(),
    install_requires=['numpy>=1.21', 'onnxruntime>=1.18', 'pyyaml', 'tqdm', 'transforms3d'],
    extras_require={
        'data': [
            *('av>=12', 'google-crc32c>=1.5', 'pillow', 'protobuf>=4.22', 'pyarrow>=15'),
            'rosbags>=0.11,<0.12',
        ],
        'lpips': ['torch>=2.5', 'torchmetrics>=1.9', 'torchvision>=0.20'],
        'openvino': ['openvino>=2024.4'],
        'ray': ['ray>=2.60'],
        'record': ['rosbags>=0.11,<0.12'],
        'sim': ['mujoco>=3.9', 'pillow'],
        'svd': ['diffusers>=0.30', 'safetensors', 'torch>=2.5'],
        'tensorboard': ['tensorboard'],
        'train': ['onnx', 'onnxscript', 'safetensors', 'torch>=2.5'],
    },
    entry_points={'console_scripts': EXECUTABLES},
)
