# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Walk a fourth kind of sensor through every place; run by test/modalities/test_fourth_kind.py.

It runs in a copy of the package that has the kind of ``nir.py``. Every place serves it, or refuses
it by its name; the other kinds are as they were.
"""

import argparse
import json
from pathlib import Path
import re

import cv2
import numpy as np
import pytest
from tiny_bundle import TINY_CLASSES, TINY_INPUTS, write_tiny_bundle

from mm_robust_seg.build import build_pipeline
from mm_robust_seg.bundle import load_bundle, SegmentationClass
from mm_robust_seg.commands import options
from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import Frame, RawImage, Reason, Rejection
from mm_robust_seg.datasets.load import load_split
from mm_robust_seg.datasets.samples import Sample
from mm_robust_seg.datasets.survey import lines, survey
from mm_robust_seg.errors import BundleError, ConfigError, DataError
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modalities.input_spec import InputSpec
from mm_robust_seg.modality import all_combinations, COMPLETE, Modality, ModalitySet
from mm_robust_seg.observation.record import PhaseRecord, RunRecord
from mm_robust_seg.observation.record import Sample as Sampled
from mm_robust_seg.recordings.bag import open_bag
from mm_robust_seg.recordings.faults import FaultyBag
from mm_robust_seg.recordings.make_bag import find_images, make_bag
from mm_robust_seg.recordings.topics import TOPICS
from mm_robust_seg.replay.silence import Silence
from mm_robust_seg.report.run.sheet import draw_contact_sheet
from mm_robust_seg.report.views import (
    camera_view,
    caption,
    false_color_view,
    short_name,
    span_name,
    span_of,
)
from mm_robust_seg.schema import flatten, with_values
from mm_robust_seg.simulation import MODALITIES, SimulatedCameras, World
from mm_robust_seg.simulation.faults import Fault, FaultInjector, FaultSpec
from mm_robust_seg.simulation.scenario import load_scenario
from mm_robust_seg.simulation.world.conditions import Conditions
from mm_robust_seg.stages.health import HealthMonitor
from mm_robust_seg.stages.preprocess import network_input
from mm_robust_seg.stages.sensors import decode

RGB, THERMAL, DEPTH, NIR = Modality
ON = with_values(Config(), {'inputs.nir.enabled': True})
STORED = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) % 900 + 1
TRIO = ModalitySet.parse('rgb+thermal+depth')
KNOWN = InputSpec.parse({**TINY_INPUTS, 'nir_mean': 500.0, 'nir_std': 250.0})
UNKNOWN = InputSpec.parse(TINY_INPUTS)


def message(stored=STORED, encoding='mono16', stamp_ns=0):
    height, width = stored.shape[:2]
    return RawImage(
        NIR, stamp_ns, height, width, encoding, stored.nbytes // height, stored.tobytes()
    )


def write(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


@pytest.fixture
def folder(tmp_path):
    """A data folder of RGB and near infrared."""
    rng = np.random.default_rng(0)
    for name in range(5):
        write(tmp_path / f'rgb/{name}.png', rng.integers(0, 255, (48, 64, 3), np.uint8))
        write(tmp_path / f'nir/{name}.png', STORED)
        write(tmp_path / f'labels/{name}.png', (99 + name < STORED).astype(np.uint8))
    (tmp_path / 'classes.json').write_text('["ground", "thing"]')
    return tmp_path


def test_names_order_and_sets():
    assert [str(m) for m in Modality] == ['rgb', 'thermal', 'depth', 'nir']
    assert str(ModalitySet.parse('nir + rgb')) == 'rgb+nir'
    with pytest.raises(ConfigError, match='rgb, thermal, depth, nir'):
        ModalitySet.parse('lidar')


def test_decoding():
    frame = decode(message(), ON.inputs, 9)
    assert isinstance(frame, Frame)
    np.testing.assert_array_equal(frame.image, STORED.astype(np.float32))
    refused = decode(message(np.zeros((4, 4, 3), np.uint8), 'rgb8'), ON.inputs, 9)
    assert isinstance(refused, Rejection)
    assert refused.detail.startswith("encoding is 'rgb8'; expected one of mono8, mono16: ")


def test_compressed_images():
    png = cv2.imencode('.png', STORED)[1].tobytes()
    jpeg = cv2.imencode('.jpg', STORED.astype(np.uint8))[1].tobytes()
    frame = decode(RawImage(NIR, 0, 0, 0, 'compressed png', 0, png), ON.inputs, 9)
    np.testing.assert_array_equal(frame.image, STORED.astype(np.float32))
    refused = decode(RawImage(NIR, 0, 0, 0, 'compressed jpeg', 0, jpeg), ON.inputs, 9)
    assert 'JPEG alters nir values' in refused.detail


def test_a_frame_of_another_layout_is_refused_by_name():
    with pytest.raises(ValueError, match='nir frame has shape'):
        Frame(NIR, 0, 0, np.zeros((4, 4, 3), np.uint8))


def test_health():
    monitor, now_ns, period_ns = HealthMonitor(ON, 0), 0, 33_333_333
    reasons = []
    for number in range(60):
        now_ns += period_ns
        stored = STORED + number % 7 if number < 30 else STORED % 2 + number % 3
        monitor.observe(decode(message(stored, stamp_ns=now_ns), ON.inputs, now_ns), now_ns)
        reasons.append(monitor.assess(now_ns).sensors[NIR].reason)
    assert (reasons[29], reasons[-1]) == (Reason.OK, Reason.DARK)
    assert 'mean' in monitor.assess(now_ns).sensors[NIR].evidence


def test_a_sensor_that_is_not_enabled_says_so():
    assert NIR not in Config().inputs.enabled
    assert HealthMonitor(Config(), 0).assess(0).sensors[NIR].reason is Reason.DISABLED


def test_preprocessing():
    image = decode(message(), ON.inputs, 9).image
    out = network_input(NIR, image, KNOWN)
    assert (out.shape, KINDS[NIR].channels) == ((1, 48, 64), 1)
    assert out[0, 0, 0] == pytest.approx((1 - 500) / 250)
    with pytest.raises(BundleError, match='no numbers for nir, only for rgb, thermal, depth'):
        network_input(NIR, image, UNKNOWN)
    assert InputSpec.parse(KNOWN.numbers()) == KNOWN


def test_views():
    image = decode(message(), ON.inputs, 9).image
    view = camera_view(NIR, image)
    assert view.shape == (48, 64, 3) and view[-1, -1, 0] != view[0, 0, 0]
    span = span_of(NIR, [image])
    assert false_color_view(NIR, image, span).shape == (48, 64, 3)
    assert re.fullmatch(r'nir \d+ to \d+ ‰', span_name(NIR, span))
    assert short_name(ModalitySet([RGB, NIR])) == 'RGB+NIR'
    report = HealthMonitor(ON, 0).assess(0)
    assert 'nir: WAITING' in caption(ModalitySet([RGB]), report)


def test_the_sheet_of_a_run_has_a_column_for_it(tmp_path):
    images = {RGB: np.zeros((48, 64, 3), np.uint8), NIR: STORED}
    classes = (SegmentationClass('ground', (1, 2, 3)),)
    blank = np.zeros((48, 64), np.uint8)
    sizes = []
    for shown in (images, {RGB: images[RGB]}):
        sample = Sampled(500, shown, blank, None)
        phases = [PhaseRecord('all', 0, 1000, 0, {NIR: Fault.DARK})]
        draw_contact_sheet(RunRecord(classes, phases, samples={0: sample}), tmp_path / 'sheet.png')
        sizes.append(cv2.imread(str(tmp_path / 'sheet.png')))
    assert sizes[0].shape[1] >= 6 * 320
    assert not np.array_equal(*sizes)


def test_only_sensors_that_take_part_count_as_working():
    faults = dict.fromkeys(TRIO, Fault.SILENT)
    assert not PhaseRecord('none', 0, 1, 0, faults).live
    assert PhaseRecord('nir', 0, 1, 0, faults, sensors=COMPLETE).live == ModalitySet([NIR])


def test_a_data_folder(folder):
    dataset = load_split('folder', folder, 'train', inputs=KNOWN)
    assert dataset.modalities == ModalitySet([RGB, NIR])
    expected = decode(message(), ON.inputs, 0).image
    np.testing.assert_array_equal(dataset[0].images[NIR], expected)
    found = survey({'train': dataset, 'val': load_split('folder', folder, 'val')})
    assert found.problems == ()
    assert any(re.fullmatch(r'train: nir \d+ to \d+ ‰', line) for line in lines(found))


def test_a_data_folder_states_the_unit(folder):
    (folder / 'dataset.json').write_text(json.dumps({'nir_scale': 0.5}))
    assert load_split('folder', folder, 'train')[0].images[NIR][0, 0] == 0.5
    for name in range(5):
        write(folder / f'nir/{name}.png', STORED.astype(np.uint8))
    assert load_split('folder', folder, 'train')[0].images[NIR][0, 0] == 0.5
    (folder / 'dataset.json').write_text('{}')
    with pytest.raises(DataError, match=r'8 bit and no unit: .* state nir_scale in'):
        load_split('folder', folder, 'train')


def test_data_sets_without_it_do_not_claim_it():
    sim = load_split('sim', Path(), 'train', count=1, size_px=(32, 32))
    assert (sim.modalities, set(sim[0].images)) == (TRIO, set(TRIO))


def test_augmentation():
    from mm_robust_seg.training.data.augment import augmented, plain

    image = np.full((48, 64), 700, np.float32)
    sample = Sample('0', {NIR: image}, np.zeros((48, 64), np.uint8))
    before, _ = plain(sample, KNOWN)
    after, _ = augmented(sample, KNOWN, (48, 64), (1.0, 1.0), np.random.default_rng(0))
    assert (after[NIR] < before[NIR] - 0.1).all(), 'exposed less'
    with pytest.raises(BundleError, match='no numbers for nir'):
        plain(sample, UNKNOWN)


def test_a_recording(folder):
    images = find_images(folder)
    counts = make_bag(images, images.names, folder / 'bag', 'mcap', 30.0, 1)
    assert counts[TOPICS[NIR]] == 5
    with open_bag(folder / 'bag') as bag:
        assert bag.sensors == ModalitySet([RGB, NIR])
        raws = [i.image for i in bag.images() if getattr(i, 'image', None)]
    frames = [decode(raw, ON.inputs, 0) for raw in raws if raw.modality is NIR]
    assert all(np.array_equal(f.image, STORED) for f in frames) and len(frames) == 5


def test_options_of_commands():
    parser = argparse.ArgumentParser()
    options.add_topics(parser)
    assert parser.parse_args(['--nir-topic', '/a']).nir_topic == '/a'
    assert Silence.parse('nir@1:2').modality is NIR


def test_faults(tmp_path):
    assert [f.value for f in Fault if NIR in f.applies_to and f.needs_pixels] == [
        'dark',
        'wrong_encoding',
        'wrong_size',
    ]
    for kind in (Fault.DARK, Fault.WRONG_ENCODING, Fault.WRONG_SIZE):
        ((_, sent),) = FaultInjector(NIR, 0).inject(message(), 0, FaultSpec(kind))
        is_refused = isinstance(decode(sent, ON.inputs, 0), Rejection)
        assert is_refused == (kind is Fault.WRONG_ENCODING)
    with pytest.raises(ConfigError, match='nir cannot have the fault flat: expected one of dark'):
        FaultInjector(NIR, 0).inject(message(), 0, FaultSpec(Fault.FLAT))
    path = tmp_path / 'scenario.yaml'
    path.write_text('phases: [{name: a, duration_s: 1, faults: {nir: no_return}}]')
    with pytest.raises(ConfigError, match=r"faults\.nir is 'no_return'"):
        load_scenario(path)
    path.write_text('phases: [{name: a, duration_s: 1, faults: {nir: dark}}]')
    scenario = load_scenario(path)
    assert scenario.phases[0].faults[NIR].kind is Fault.DARK
    FaultyBag(scenario, ModalitySet([RGB, NIR]), 0)


def test_no_camera_of_it_is_simulated():
    assert MODALITIES == TRIO
    (capture,) = [SimulatedCameras(World(1), Conditions(), 32, 32, 1).capture(1.0)]
    with pytest.raises(ConfigError, match='no nir camera is simulated'):
        capture[NIR]


def tiny(folder, **changes):
    """Serve all four kinds, with a manifest that says so unless it is changed."""
    write_tiny_bundle(folder)
    path = folder / 'manifest.json'
    manifest = json.loads(path.read_text())
    manifest['inputs'] = {**KNOWN.numbers(), **changes.pop('inputs', {})}
    manifest['units']['nir'] = 'thousandth'
    path.write_text(json.dumps({**manifest, **changes}))
    return folder


def test_a_bundle_serves_it_and_a_pipeline_runs(tmp_path):
    bundle = load_bundle(tiny(tmp_path / 'tiny'))
    assert bundle.combinations[0] == COMPLETE and len(bundle.combinations) == 15
    only = {f'inputs.{m}.enabled': m is NIR for m in Modality}
    config = with_values(Config(), {**only, 'engine.backend': 'onnxruntime'})
    pipeline, engine = build_pipeline(config, bundle, 0)
    masks, now_ns = [], 0
    for number in range(20):
        now_ns += 33_333_333
        pipeline.offer(message(STORED + number, stamp_ns=now_ns), now_ns)
        masks.append(pipeline.step(now_ns))
    engine.close()
    last = [mask for mask in masks if mask is not None][-1]
    assert last.combination == ModalitySet([NIR]) and last.labels.max() < len(TINY_CLASSES)


def test_bundles_that_say_too_little_of_it_are_refused_by_name(tmp_path):
    with pytest.raises(BundleError, match='no numbers for nir'):
        load_bundle(write_tiny_bundle(tmp_path / 'plain'))
    with pytest.raises(BundleError, match=r"units are .*expected .*'nir': 'thousandth'"):
        load_bundle(tiny(tmp_path / 'units', units={'rgb': 'grey level', 'nir': 'kelvin'}))
    with pytest.raises(BundleError, match=r'nir_std .* more than 0'):
        load_bundle(tiny(tmp_path / 'scale', inputs={'nir_std': 0.0}))


def test_bundles_of_before_are_what_they_were(tmp_path):
    bundle = load_bundle(write_tiny_bundle(tmp_path / 'trio', all_combinations(TRIO)))
    assert bundle.combinations[0] == TRIO
    with pytest.raises(ConfigError, match=r'cannot serve .*nir'):
        build_pipeline(ON, bundle, 0)
    for name in ('sim', 'mm5', 'nyuv2'):
        shipped = load_bundle(Path('models') / name)
        assert NIR not in shipped.combinations[0] and NIR not in shipped.inputs.normalizations


def test_configuration():
    names = {name for name, _, _ in flatten(Config())}
    assert {'inputs.nir.scale', 'inputs.nir.enabled', 'monitor.nir.dark_mean'} <= names
    assert Config().sync.reference_order == (RGB, THERMAL, DEPTH, NIR)
    changed = with_values(Config(), {'sync.reference': 'nir'})
    assert changed.sync.reference_order[0] is NIR
    off = {f'inputs.{m}.enabled': False for m in Modality}
    with pytest.raises(ConfigError, match=r'<rgb\|thermal\|depth\|nir>'):
        with_values(Config(), off)


def test_networks(tmp_path):
    torch = pytest.importorskip('torch', reason='PyTorch is not installed')
    from mm_robust_seg.network.segmenter import Segmenter
    from mm_robust_seg.training.base_network import load_network, save_network
    from mm_robust_seg.training.loop import checkpoint

    pair = ModalitySet([RGB, NIR])
    network = Segmenter(3, pair, channels=16).eval()
    images = {m: torch.zeros(1, KINDS[m].channels, 32, 64) for m in pair}
    assert network(images).shape == (1, 3, 8, 16)
    save_network(tmp_path / 'pair', network)
    assert load_network(tmp_path / 'pair').modalities == pair
    old = Segmenter(3, TRIO, channels=16)
    save_network(tmp_path / 'trio', old)
    state, facts = checkpoint.load(tmp_path / 'trio')
    facts.pop('modalities')
    checkpoint.save(tmp_path / 'old', state, facts)
    assert load_network(tmp_path / 'old').modalities == TRIO


def test_the_node():
    rclpy = pytest.importorskip('rclpy', reason='rclpy is not installed')
    from rclpy.node import Node

    from mm_robust_seg.ros.node.parameters import Parameters

    context = rclpy.context.Context()
    rclpy.init(context=context)
    node = Node('walk', context=context)
    try:
        declared = Parameters(node)
        assert (
            node.describe_parameter('inputs.nir.scale').description == 'Thousandths per raw step.'
        )
        assert NIR not in declared.config().inputs.enabled
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)


def test_the_self_check():
    pytest.importorskip('rclpy', reason='rclpy is not installed')
    from mm_robust_seg.dataflow import HealthLevel, SensorHealth
    from mm_robust_seg.ros.node.self_check import Facts, IMAGE, remappings

    def hints(modality):
        health = SensorHealth(modality, HealthLevel.ERROR, Reason.ABSENT, False, '', 0)
        facts = Facts(
            f'{modality}/image', f'/{modality}/image', IMAGE, [], 5, 0, 0, 0, None, 30, health
        )
        return remappings(facts, {'/cam/nir_raw': [IMAGE]})

    assert hints(NIR) == ['-r nir/image:=/cam/nir_raw']
    assert hints(THERMAL) == []


def test_the_rig_refuses_a_scenario_about_it(tmp_path):
    pytest.importorskip('rclpy', reason='rclpy is not installed')
    from mm_robust_seg.ros.rig import node

    path = tmp_path / 'scenario.yaml'
    path.write_text('phases: [{name: a, duration_s: 1, faults: {nir: dark}}]')
    with pytest.raises(ConfigError, match='is about nir, of which no camera is simulated'):
        node._scenario(str(path))
