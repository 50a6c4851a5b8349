# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Replay: recorded images in, the masks a robot would have made out."""

from __future__ import annotations

import json
from pathlib import Path

from bag_making import (
    header,
    HEIGHT_PX,
    only_file,
    PERIOD_NS,
    picture,
    START_NS,
    truth,
    WIDTH_PX,
    write_bag,
    write_messages,
    write_split_bag,
)
import cv2
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from mm_robust_seg.cli import main
from mm_robust_seg.config import Config
from mm_robust_seg.dataflow import RawImage
from mm_robust_seg.errors import ConfigError
from mm_robust_seg.modality import COMPLETE, Modality
from mm_robust_seg.recordings.bag import BagImage, open_bag
from mm_robust_seg.recordings.topics import COMPRESSED, IMAGE
from mm_robust_seg.recordings.writer import BagWriter
from mm_robust_seg.replay.notes import unused
from mm_robust_seg.replay.player import Player, TICK_NS
from mm_robust_seg.replay.silence import Silence
from mm_robust_seg.schema import with_values
from mm_robust_seg.scores.metrics import ConfusionMatrix

RGB, THERMAL, DEPTH = Modality


@pytest.fixture
def replayed(tiny_bundle, tmp_path):
    """Run the command; return its exit code and the folder of the results."""

    def run(bag: Path, *options: str) -> tuple[int, Path]:
        out = tmp_path / 'out'
        args = [str(bag), '--bundle', str(tiny_bundle), '--backend', 'onnxruntime']
        return main(['replay', *args, '--out', str(out), *options]), out

    return run


def summary_of(out: Path) -> dict:
    return json.loads((out / 'summary.json').read_text())


def images(folder: Path) -> list[np.ndarray]:
    return [cv2.imread(str(p), cv2.IMREAD_UNCHANGED) for p in sorted(folder.glob('*.png'))]


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_every_reference_frame_becomes_a_mask_an_overlay_and_a_score(replayed, tmp_path, storage):
    code, out = replayed(write_bag(tmp_path / 'bag', storage, count=12, with_truth=True))
    assert code == 0
    summary = summary_of(out)
    assert summary['masks'] == summary['reference_frames'] == summary['scored_masks'] == 12
    assert summary['availability'] == 1.0
    assert summary['frames'] == {'rgb': 12, 'thermal': 12, 'depth': 12}
    assert summary['complete']
    masks = images(out / 'masks')
    assert len(masks) == len(images(out / 'overlays')) == 12
    scores = ConfusionMatrix(5)
    for number, mask in enumerate(masks):
        assert mask.shape == (HEIGHT_PX, WIDTH_PX)
        scores.add(mask, truth(number))
    assert summary['miou'] == pytest.approx(scores.miou(), abs=1e-4)
    assert cv2.imread(str(out / 'contact_sheet.png')) is not None


def test_a_silence_switches_after_the_timeout_and_loses_no_mask(replayed, tmp_path):
    code, out = replayed(write_bag(tmp_path / 'bag', count=60), '--drop', 'thermal@0.5:1.0')
    assert code == 0
    summary = summary_of(out)
    assert summary['masks'] == 60
    assert summary['availability'] == 1.0
    assert summary['withheld'] == {'thermal': 15}
    left = [s for s in summary['switches'] if s['from'] == 'rgb+thermal+depth']
    assert left[0]['to'] == 'rgb+depth'
    assert left[0]['time_s'] == pytest.approx(0.5, abs=0.05)
    states = [s for s in summary['sensor_states'] if s['sensor'] == 'thermal']
    silent = next(s for s in states if s['reason'] == 'SILENT')
    last_frame_s, timeout_s = 0.467 + 0.002, 0.1334
    assert silent['time_s'] == pytest.approx(last_frame_s + timeout_s, abs=0.015)


def test_detection_does_not_depend_on_messages_of_others(replayed, tmp_path):
    """Only the ticks between messages can see that the sole sensor stopped."""
    bag = write_bag(tmp_path / 'bag', count=60, sensors=[RGB], skip=lambda m, n: 20 <= n < 50)
    code, out = replayed(bag)
    assert code == 0
    states = summary_of(out)['sensor_states']
    silent = next(s for s in states if s['reason'] == 'SILENT')
    assert silent['time_s'] == pytest.approx(19 * 0.0333 + 0.1334, abs=0.015)


def test_the_reference_moves_on_when_its_sensor_is_silent(replayed, tmp_path):
    code, out = replayed(write_bag(tmp_path / 'bag', count=40), '--drop', 'rgb@0.3:')
    assert code == 0
    summary = summary_of(out)
    assert summary['reference_frames'] == 40
    assert summary['availability'] == 1.0
    assert summary['combinations']['thermal+depth']['masks'] > 25


def test_a_lack_of_masks_lowers_the_availability(replayed, tmp_path):
    options = ('--set', 'output.max_rate_hz=10')
    code, out = replayed(write_bag(tmp_path / 'bag', count=30), *options)
    assert code == 0
    assert 0.25 < summary_of(out)['availability'] < 0.5


def test_sensors_that_the_bag_lacks_are_disabled_and_rates_are_measured(replayed, tmp_path):
    bag = write_bag(tmp_path / 'bag', count=20, sensors=[RGB, DEPTH])
    code, out = replayed(bag)
    assert code == 0
    summary = summary_of(out)
    assert summary['rates_hz'] == {'rgb': 30.0, 'depth': 30.0}
    assert {s['sensor'] for s in summary['sensor_states']} == {'rgb', 'depth'}


def test_a_rate_that_changes_within_the_bag_is_judged_as_on_the_robot(replayed, tmp_path):
    """The first second has 30 Hz, the others 15: slow for one who has seen the first."""
    bag = write_bag(tmp_path / 'bag', count=120, skip=lambda m, n: n > 30 and n % 2 and m is RGB)
    code, out = replayed(bag)
    assert code == 0
    summary = summary_of(out)
    assert summary['rates_hz'] == {'rgb': 15.0, 'thermal': 30.0, 'depth': 30.0}
    rgb = [s['reason'] for s in summary['sensor_states'] if s['sensor'] == 'rgb']
    assert 'SLOW' in rgb
    assert 'SURPLUS' not in rgb


def test_settings_win_over_what_was_measured(replayed, tmp_path):
    options = ('--set', 'inputs.rgb.expected_rate_hz=7', '--set', 'policy.force_set=depth')
    code, out = replayed(write_bag(tmp_path / 'bag', count=10), *options)
    assert code == 0
    summary = summary_of(out)
    assert summary['rates_hz']['rgb'] == 7.0
    assert set(summary['combinations']) == {'depth'}


def test_the_masks_can_be_written_as_a_bag(replayed, tmp_path):
    masks = tmp_path / 'masks_bag'
    code, out = replayed(write_bag(tmp_path / 'bag', count=5), '--write-bag', str(masks))
    assert code == 0
    with open_bag(masks, {RGB: '/segmentation/mask'}) as bag:
        recorded = [item.image for item in bag.images() if isinstance(item, BagImage)]
    assert [raw.stamp_ns for raw in recorded] == [START_NS + n * PERIOD_NS for n in range(5)]
    assert {(raw.encoding, raw.frame_id) for raw in recorded} == {('mono8', 'rgb_camera')}
    for raw, mask in zip(recorded, images(out / 'masks'), strict=True):
        np.testing.assert_array_equal(np.frombuffer(raw.data, np.uint8), mask.reshape(-1))


def test_results_up_to_the_damage_are_kept_and_the_error_is_reported(replayed, tmp_path, capsys):
    path = write_bag(tmp_path / 'bag', count=250)
    file = only_file(path, '.mcap')
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    code, out = replayed(path, '--write-bag', str(tmp_path / 'masks_bag'))
    assert code == 2
    summary = summary_of(out)
    assert not summary['complete']
    assert 0 < summary['masks'] < 250
    assert len(images(out / 'masks')) == summary['masks']
    assert (tmp_path / 'masks_bag' / 'metadata.yaml').is_file()
    error = capsys.readouterr().err
    assert 'is cut off' in error
    assert 'Traceback' not in error


def test_truth_of_another_model_gives_no_score_but_masks(tmp_path, tiny_bundle, capsys):
    bag = write_bag(tmp_path / 'bag', count=4, with_truth=True)
    from tiny_bundle import write_tiny_bundle

    small = write_tiny_bundle(tmp_path / 'small', classes={'a': (1, 2, 3), 'b': (4, 5, 6)})
    out = tmp_path / 'out'
    args = ['replay', str(bag), '--bundle', str(small), '--out', str(out)]
    assert main([*args, '--json', '--backend', 'onnxruntime']) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary == summary_of(out)
    assert summary['miou'] is None
    assert summary['masks'] == 4
    assert 'no mIoU' in summary['notes'][0]


def test_a_sensor_with_wrong_units_is_pointed_out(replayed, tmp_path):
    bag = write_bag(tmp_path / 'bag', count=10)
    code, out = replayed(bag, '--set', 'inputs.thermal.scale_k=0.5')
    assert code == 0
    (note,) = summary_of(out)['notes']
    assert note.startswith('thermal was never usable: UNITS')


def as_drivers_send(path: Path, count: int) -> Path:
    """Write a bag of 8UC3 colours, thermal as JPEG, and depth as image_transport packs it."""
    messages = []
    for number in range(count):
        stamp_ns = START_NS + number * PERIOD_NS
        colours = {
            'height': HEIGHT_PX,
            'width': WIDTH_PX,
            'encoding': '8UC3',
            'is_bigendian': 0,
            'step': 3 * WIDTH_PX,
            'data': picture(RGB, number).reshape(-1),
        }
        grey = (picture(THERMAL, number) // 128).astype(np.uint8)
        _, jpeg = cv2.imencode('.jpg', grey)
        _, png = cv2.imencode('.png', picture(DEPTH, number))
        depth = np.concatenate([np.zeros(12, np.uint8), png.reshape(-1)])
        packed = {
            '/thermal/image/compressed': ('mono8; jpeg compressed ', jpeg.reshape(-1)),
            '/depth/image/compressedDepth': ('16UC1; compressedDepth png', depth),
        }
        head = {'header': header(stamp_ns)}
        messages.append(('/rgb/image', IMAGE, stamp_ns + 1_000_000, {**head, **colours}))
        for topic, (text, data) in packed.items():
            fields = {**head, 'format': text, 'data': data}
            messages.append((topic, COMPRESSED, stamp_ns + 2_000_000, fields))
    return write_messages(path, messages)


def test_endless_texts_in_a_bag_leave_a_short_summary(replayed, tmp_path):
    size = {'height': HEIGHT_PX, 'width': WIDTH_PX, 'is_bigendian': 0, 'step': 3 * WIDTH_PX}
    messages = []
    for number in range(12):
        stamp_ns = START_NS + number * PERIOD_NS
        fields = {
            **size,
            'header': header(stamp_ns, 'y' * 500_000),
            'encoding': f'\x1b{number}' * 100_000 if number % 2 else 'rgb8',
            'data': picture(RGB, number).reshape(-1),
        }
        messages.append(('/rgb/image', IMAGE, stamp_ns, fields))
    code, out = replayed(write_messages(tmp_path / 'bag', messages))
    assert code == 0
    assert sum(summary_of(out)['rejected'].values()) == 6
    assert sum(path.stat().st_size for path in out.glob('*.*')) < 300_000


def test_images_are_read_as_drivers_send_them(replayed, tmp_path):
    bag = as_drivers_send(tmp_path / 'bag', count=12)
    code, out = replayed(bag, '--set', 'inputs.thermal.kind=relative')
    assert code == 0
    summary = summary_of(out)
    assert summary['combinations']['rgb+thermal+depth']['masks'] >= 11
    assert not summary['rejected']
    assert 'rgb comes as 8UC3: taken as bgr8, the order of OpenCV' in summary['notes']


def foreign(time_ns):
    """Bag time of what was recorded a year later."""
    return time_ns + 31_536_000_000_000_000


def slow(time_ns):
    """Bag time of a simulation that takes two seconds for one, years after its stamps."""
    return foreign(START_NS) + 2 * (time_ns - START_NS)


@pytest.mark.parametrize('recorded_ns', [foreign, slow])
def test_a_bag_with_stamps_of_another_time_replays_as_it_was(replayed, tmp_path, recorded_ns):
    bag = write_bag(tmp_path / 'bag', count=30, with_truth=True, recorded_ns=recorded_ns)
    code, out = replayed(bag)
    assert code == 0
    summary = summary_of(out)
    assert summary['clock'] == 'stamps'
    assert (
        summary['combinations']['rgb+thermal+depth']['masks'] >= 29
    )  # the first mask waits for none
    assert summary['scored_masks'] == 30
    assert {row['reason'] for row in summary['sensor_states']} <= {'OK', 'WAITING'}
    assert summary['duration_s'] == pytest.approx(29 / 30, abs=0.1)
    (note,) = summary['notes']
    assert note.startswith('stamps lie 315')


def test_a_replay_without_a_labelled_mask_fails_with_the_reasons(replayed, tmp_path, capsys):
    bag = write_bag(tmp_path / 'bag', count=10, recorded_ns=foreign)
    code, out = replayed(bag, '--clock', 'bag', '--set', 'policy.degraded=refuse')
    assert code == 2
    error = capsys.readouterr().err
    assert 'none of the 10 masks is labelled' in error
    assert error.count('STALE') == 3
    summary = summary_of(out)
    assert summary['complete']
    assert (summary['clock'], summary['unlabeled_masks']) == ('bag', 10)
    assert summary['notes'][-1] in error


def test_a_replay_without_any_mask_fails(replayed, tmp_path, capsys):
    bag = write_bag(tmp_path / 'bag', count=10)
    code, _ = replayed(bag, '--drop', 'rgb@0:', '--drop', 'thermal@0:', '--drop', 'depth@0:')
    assert code == 2
    assert 'no mask was made' in capsys.readouterr().err


def test_a_section_of_a_bag_counts_from_its_first_image(replayed, tmp_path):
    bag = write_bag(tmp_path / 'bag', count=60, with_truth=True)
    code, out = replayed(bag, '--start', '0.5', '--end', '1.5', '--drop', 'depth@1.0:1.2')
    assert code == 0
    summary = summary_of(out)
    assert summary['section_s'] == [pytest.approx(0.5, abs=0.02), pytest.approx(1.5, abs=0.02)]
    assert summary['frames']['rgb'] == 30
    assert summary['masks'] == 30
    assert summary['withheld'] == {'depth': 6}
    first = min((out / 'masks').iterdir()).stem.split('_')[1]
    assert int(first) == START_NS + 15 * PERIOD_NS
    assert summary['complete']


@pytest.mark.parametrize(
    ('options', 'count'),
    [([], 30), (['--every', '10'], 3), (['--limit', '7'], 7), (['--no-pictures'], 0)],
)
def test_pictures_are_as_many_as_wanted_and_figures_count_every_mask(
    replayed, tmp_path, options, count
):
    code, out = replayed(write_bag(tmp_path / 'bag', count=30), *options)
    assert code == 0
    assert summary_of(out)['masks'] == (7 if '--limit' in options else 30)
    names = [sorted(p.name for p in (out / kind).glob('*')) for kind in ('masks', 'overlays')]
    assert names[0] == names[1]
    assert len(names[0]) == count
    assert (out / 'contact_sheet.png').exists() == (count > 0)
    if '--every' in options:
        assert [name[:6] for name in names[0]] == ['000000', '000010', '000020']


def test_topics_are_guessed_and_said_before_the_replay(replayed, tmp_path, capsys):
    pixels = picture(RGB, 0)
    with BagWriter(tmp_path / 'bag') as bag:
        for number in range(9):
            stamp_ns = START_NS + number * PERIOD_NS
            bag.write('/zed/left/image', pixels + np.uint8(number), 'rgb8', stamp_ns, 'cam')
    code, out = replayed(tmp_path / 'bag')
    assert code == 0
    line = 'using /zed/left/image as rgb; name others with --rgb-topic and so on'
    assert line in capsys.readouterr().err
    summary = summary_of(out)
    assert summary['topics'] == {'rgb': '/zed/left/image'}
    assert summary['notes'] == [line]


def test_a_missing_file_of_a_bag_makes_the_replay_incomplete(replayed, tmp_path):
    bag = write_split_bag(tmp_path / 'bag', parts=3, count=5)
    (bag / 'part_1.mcap').unlink()
    code, out = replayed(bag)
    assert code == 0
    summary = summary_of(out)
    assert not summary['complete']
    assert summary['masks'] == 10
    assert 'part_1.mcap of 3 files' in summary['notes'][0]


def test_messages_that_are_counted_and_not_there_make_the_replay_incomplete(replayed, tmp_path):
    bag = write_bag(tmp_path / 'bag', count=10)
    metadata = bag / 'metadata.yaml'
    metadata.write_text(metadata.read_text().replace('message_count: 10', 'message_count: 12'))
    code, out = replayed(bag)
    assert code == 0
    summary = summary_of(out)
    assert not summary['complete']
    assert summary['notes'] == ['6 messages that metadata.yaml counts are not in the files']


def test_faults_beyond_the_bag_are_notes(replayed, tmp_path):
    bag = write_bag(tmp_path / 'bag', count=30, sensors=[RGB, THERMAL])
    (tmp_path / 'scenario.yaml').write_text(
        'phases:\n'
        '- {name: clean, duration_s: 5}\n'
        '- {name: broken, duration_s: 5, faults: {rgb: dark, depth: silent}}\n'
    )
    options = ['--drop', 'thermal@5:6', '--drop', 'depth@0:1', '--drop', 'rgb@0.5:0.55']
    code, out = replayed(bag, *options, '--scenario', str(tmp_path / 'scenario.yaml'))
    assert code == 0
    notes = summary_of(out)['notes']
    assert notes == [
        'thermal@5:6 leaves out nothing: what is replayed of thermal is from 0.00 to 0.97 s',
        'depth@0:1 leaves out nothing: the bag has no depth',
        "the images end after 0.97 s, before these phases of the scenario, from 5 s on: 'broken'",
        'the scenario has faults of depth, of which the bag has no images',
    ]


def test_a_sensor_that_could_be_used_and_was_not_is_a_note():
    config = with_values(Config(), {})
    figures = {'masks': 4, 'combinations': {'rgb': {}, 'rgb+depth': {}}}
    assert unused(figures, config, COMPLETE) == [
        'thermal was usable, but took part in none of the 4 masks'
    ]
    assert unused(figures, config, COMPLETE - {THERMAL}) == []
    forced = with_values(Config(), {'policy.force_set': 'rgb'})
    assert unused(figures, forced, COMPLETE) == []


def test_an_earlier_replay_leaves_no_pictures_behind(replayed, tmp_path):
    replayed(write_bag(tmp_path / 'long', count=9))
    code, out = replayed(write_bag(tmp_path / 'short', count=3))
    assert code == 0
    assert len(images(out / 'masks')) == len(images(out / 'overlays')) == 3


def test_pictures_that_are_not_of_a_replay_are_kept(replayed, tmp_path):
    masks = tmp_path / 'out' / 'masks'
    mine = [masks / name for name in ('street_007.png', '000001_mine.png', '000002_.png')]
    masks.mkdir(parents=True)
    for path in mine:
        path.write_bytes(b'mine')
    replayed(write_bag(tmp_path / 'bag', count=3))
    assert [path.read_bytes() for path in mine] == [b'mine'] * 3


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def test_earlier_results_stay_where_the_engine_cannot_be_built(replayed, tmp_path, capsys):
    bag = write_bag(tmp_path / 'bag', count=3)
    before = contents(replayed(bag)[1])
    assert replayed(bag, '--backend', 'tensorrt')[0] == 2
    assert contents(tmp_path / 'out') == before
    assert replayed(bag, '--write-bag', str(bag))[0] == 2
    assert contents(tmp_path / 'out') == before


def test_a_full_disk_leaves_an_earlier_replay_as_it_was(replayed, tmp_path, monkeypatch, capsys):
    """Unlike a damaged bag, whose masks up to the damage are results."""
    bag = write_bag(tmp_path / 'bag', count=5)
    before = contents(replayed(bag)[1])
    written, original = [], cv2.imwrite

    def full(*args):
        written.append(args)
        return len(written) < 4 and original(*args)

    monkeypatch.setattr(cv2, 'imwrite', full)
    assert replayed(bag)[0] == 2
    assert 'cannot be written: is the disk full' in capsys.readouterr().err
    assert contents(tmp_path / 'out') == before


def test_ctrl_c_leaves_an_earlier_replay_as_it_was(replayed, tmp_path, monkeypatch):
    bag = write_bag(tmp_path / 'bag', count=3)
    code, out = replayed(bag)
    before = contents(out)
    assert code == 0 and out / 'summary.json' in before

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(cv2, 'imwrite', interrupted)
    assert replayed(bag)[0] == 130
    assert contents(out) == before


def test_ctrl_c_leaves_no_half_written_file(replayed, tmp_path, monkeypatch, capsys):
    calls = []
    original = cv2.imwrite

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(cv2, 'imwrite', interrupted)
    masks = tmp_path / 'masks_bag'
    code, out = replayed(write_bag(tmp_path / 'bag', count=5), '--write-bag', str(masks))
    assert code == 130
    assert 'Traceback' not in capsys.readouterr().err
    assert not list(tmp_path.rglob('.*'))
    assert not masks.exists()
    assert not (out / 'summary.json').exists()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--drop', 'therm@1:2'], "'therm' is no sensor; expected one of rgb, thermal, depth"),
        (['--drop', 'rgb@2:1'], 'it lasts from 2 to 1 s: expected an end after the start'),
        (['--drop', 'rgb@-1:1'], 'it lasts from -1 to 1 s'),
        (['--drop', 'rgb@a:1'], "'a' is no time"),
        (['--drop', 'rgb@1:b'], "'b' is no time"),
        (['--drop', 'rgb'], "'' is no time, after an @"),
        (['--start', '5'], 'no image is from --start 5 to --end inf'),
        (['--start', '1', '--end', '0'], 'within the bag, which has 0.04 s'),
        (['--set', 'sync.nothing=1'], 'unknown parameter'),
        (['--thermal-topic', '/lwir'], 'no topic /lwir'),
        (['--bundle', 'nowhere'], 'no model bundle'),
    ],
)
def test_wrong_options_are_explained(replayed, tmp_path, capsys, options, message):
    code, out = replayed(write_bag(tmp_path / 'bag', count=2), *options)
    assert code == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_silences_are_parsed():
    assert Silence.parse('thermal@2.5:5') == Silence(THERMAL, 2.5, 5.0)
    assert Silence.parse('rgb@1').covers(RGB, 1e6)
    assert not Silence.parse('rgb@1').covers(DEPTH, 2)
    with pytest.raises(ConfigError, match='sensor@start:end'):
        Silence.parse('rgb@a:b')


def test_rates_are_the_median_of_the_spacing(tmp_path):
    bag = write_bag(tmp_path / 'bag', count=30, skip=lambda m, n: m is DEPTH and n % 3 != 0)
    with open_bag(bag) as opened:
        assert opened.timeline().rates_hz() == {RGB: 30.0, THERMAL: 30.0, DEPTH: 10.0}


class Clock:
    """Stands in for pipeline and log, and writes down when it is called."""

    def __init__(self, deadlines_ns):
        self.deadlines_ns = sorted(deadlines_ns)
        self.steps_ns, self.events = [], []
        self.active = None

    @property
    def next_deadline_ns(self):
        return next(iter(self.deadlines_ns), None)

    def step(self, now_ns):
        self.steps_ns.append(now_ns)
        self.deadlines_ns = [due for due in self.deadlines_ns if due > now_ns]

    def offer(self, raw, now_ns):
        self.events.append(now_ns)

    def assess(self, now_ns):
        assert self.steps_ns[-1] == now_ns

    def frame(self, item):
        pass

    def report(self, report, active):
        pass


TIMES = st.lists(st.integers(0, 300_000_000), min_size=1, max_size=20).map(sorted)


@given(TIMES, st.lists(st.integers(0, 400_000_000), max_size=20))
def test_time_passes_in_order_by_ticks_and_stops_at_every_deadline(times_ns, deadlines_ns):
    clock = Clock(deadlines_ns)
    items = [BagImage(t, RawImage(RGB, t, 1, 1, 'rgb8', 3, b'abc')) for t in times_ns]
    player = Player(clock, clock, [], times_ns[0])  # type: ignore[arg-type]
    assert not list(player.play(items))
    assert clock.events == times_ns
    assert clock.steps_ns == sorted(clock.steps_ns)
    assert set(times_ns) <= set(clock.steps_ns)
    assert {due for due in deadlines_ns if due > times_ns[0]} <= set(clock.steps_ns)
    gaps_ns = np.diff([times_ns[0], *clock.steps_ns])
    assert gaps_ns.max(initial=0) <= TICK_NS


def test_a_long_pause_is_jumped_over():
    clock = Clock([])
    hour_ns = 3_600_000_000_000
    raw = RawImage(RGB, 0, 1, 1, 'rgb8', 3, b'abc')
    player = Player(clock, clock, [], 0)  # type: ignore[arg-type]
    list(player.play([BagImage(0, raw), BagImage(hour_ns, raw)]))
    assert clock.steps_ns == [0, hour_ns]
