# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""The public surface: exactly what is documented, and cheap to have."""

from pathlib import Path
import re
import subprocess
import sys
from types import ModuleType

from mm_robust_seg import api, errors

ROOT = Path(__file__).parents[1]


def test_the_members_are_those_of_the_docstring():
    rows = re.findall(r'^[a-z, ]{23}(.+)$', api.__doc__.split('=\n')[1], re.MULTILINE)
    documented = [name for row in rows for name in re.findall(r'\w+', row)]
    assert sorted(documented) == sorted(api.__all__)
    visible = {name for name, value in vars(api).items() if not isinstance(value, ModuleType)}
    assert {name for name in visible if not name.startswith('_')} == set(api.__all__)


def test_every_member_is_documented():
    for name in set(api.__all__) - {'UNLABELED', 'TransportNote'}:
        member = getattr(api, name)
        assert member.__module__.startswith('mm_robust_seg.')
        assert member.__doc__ and not member.__doc__.startswith(f'{name}('), name


def test_every_error_of_the_robot_is_a_member():
    kinds = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert kinds - set(api.__all__) == {'TrainingError'}


def test_it_can_be_imported_without_torch_and_ros():
    code = (
        'import sys\n'
        'sys.modules.update(dict.fromkeys(["torch", "onnx", "safetensors", "rclpy"]))\n'
        'import mm_robust_seg.api\n'
        'print(*{"matplotlib", "onnxruntime", "openvino"} & set(sys.modules))'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == '\n', 'slow to import, and not used by most'
