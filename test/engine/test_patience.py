# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""A runtime that never returns holds nobody up: it is given up, and the process still ends."""

import subprocess
import sys
import threading
import time

import pytest
from scripted_engine import ScriptedEngine

from mm_robust_seg.engine.patience import is_any_abandoned, loaded_within
from mm_robust_seg.errors import EngineError


def never() -> bool:
    return False


class Closing(ScriptedEngine):
    def __init__(self) -> None:
        super().__init__()
        self.closed = threading.Event()

    def close(self) -> None:
        self.closed.set()


def test_what_is_loaded_in_time_is_returned():
    engine = Closing()
    assert loaded_within(5.0, lambda: engine, never) is engine
    assert not engine.closed.is_set() and not is_any_abandoned()


def test_what_fails_in_time_fails_as_it_did():
    def load():
        raise EngineError('no graph')

    with pytest.raises(EngineError, match='no graph'):
        loaded_within(5.0, load, never)


@pytest.mark.parametrize('is_cancelled', [False, True])
def test_what_takes_too_long_is_given_up_and_closed_when_it_comes(is_cancelled):
    engine, may_end = Closing(), threading.Event()

    def load():
        may_end.wait()
        return engine

    start_s = time.monotonic()
    reason = (
        'was cancelled' if is_cancelled else r'given up: .* in 0\.3 s; .* engine\.load_limit_s'
    )
    with pytest.raises(EngineError, match=reason):
        loaded_within(60.0 if is_cancelled else 0.3, load, lambda: is_cancelled)
    assert time.monotonic() - start_s < 30.0
    assert is_any_abandoned()
    may_end.set()
    assert engine.closed.wait(10.0)
    while is_any_abandoned():
        time.sleep(0.01)


ENDLESS = """
import sys, numpy as np, onnx
from onnx import helper, numpy_helper, TensorProto
from mm_robust_seg import bundle_files, cli
path, bundle, bag = sys.argv[1:]
model = onnx.load(f'{bundle}/rgb.onnx', load_external_data=False)
value = helper.make_tensor_value_info
body = helper.make_graph(
    [helper.make_node('Identity', ['c'], ['d']), helper.make_node('Identity', ['x'], ['y'])], 'b',
    [value('i', TensorProto.INT64, []), value('c', TensorProto.BOOL, []),
     value('x', TensorProto.FLOAT, [1, 3, 48, 64])],
    [value('d', TensorProto.BOOL, []), value('y', TensorProto.FLOAT, [1, 3, 48, 64])])
for node in model.graph.node:
    node.input[:] = ['slow' if name == 'rgb' else name for name in node.input]
model.graph.node.insert(0, helper.make_node('Loop', ['n', 't', 'rgb'], ['slow'], body=body))
model.graph.initializer.extend([numpy_helper.from_array(np.array(2**62), 'n'),
                                numpy_helper.from_array(np.array(True), 't')])
onnx.save(model, f'{bundle}/rgb.onnx')
import json
manifest = json.load(open(f'{bundle}/manifest.json'))
from pathlib import Path
manifest['sha256']['rgb.onnx'] = bundle_files.sha256(Path(bundle, 'rgb.onnx'))
json.dump(manifest, open(f'{bundle}/manifest.json', 'w'))
bundle_files._ENDLESS.clear()
sys.exit(cli.main(['replay', bag, '--bundle', bundle, '--out', path, '--backend', 'onnxruntime',
                   '--set', 'engine.load_limit_s=2']))
"""


def test_a_command_ends_with_its_sentence_while_the_runtime_still_runs(tiny_bundle, tmp_path):
    """With a loop that the check of the bundle would have refused."""
    pytest.importorskip('onnx', reason='needs onnx')
    pytest.importorskip('onnxruntime', reason='needs ONNX Runtime')
    import shutil

    from bag_making import write_bag

    bundle = shutil.copytree(tiny_bundle, tmp_path / 'bundle')
    bag = write_bag(tmp_path / 'bag', count=2)
    words = [sys.executable, '-c', ENDLESS, *map(str, (tmp_path / 'out', bundle, bag))]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2, done.stderr
    assert 'the engine was given up' in done.stderr and 'Traceback' not in done.stderr
    assert not (tmp_path / 'out').exists()
