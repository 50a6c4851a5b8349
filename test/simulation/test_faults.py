# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""Each fault does what it says, and nothing else."""

from dataclasses import replace

from cameras import DEPTH, PERIOD_NS, raw, RGB, START_NS, THERMAL
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from mm_robust_seg.config import InputsConfig, MonitorConfig
from mm_robust_seg.dataflow import Frame, Reason, Rejection
from mm_robust_seg.errors import ConfigError, DataError
from mm_robust_seg.modalities import KINDS
from mm_robust_seg.modality import COMPLETE, Modality, ModalitySet
from mm_robust_seg.simulation.faults import Fault, FaultInjector, FaultSpec
from mm_robust_seg.simulation.faults.spec import PARAMETERS
from mm_robust_seg.stages.sensors import decode

MONITOR = MonitorConfig()
OF_A_CAMERA = [fault for fault in Fault if not fault.is_of_rig]
RESTAMPED = {
    Fault.STALE: -1_000_000_000,
    Fault.FUTURE: 500_000_000,
    Fault.SKEW: -60_000_000,
}
UNTOUCHED = (Fault.QOS_MISMATCH, Fault.CLOCK_JUMP, Fault.LOOP)
PAIRS = [(fault, modality) for fault in OF_A_CAMERA for modality in fault.applies_to]


def images(modality, count):
    return [raw(modality, START_NS + k * PERIOD_NS, seed=k) for k in range(count)]


def play(injector, originals, fault, **values):
    """Inject a fault; return what is sent for each image."""
    spec = fault and FaultSpec(fault, values)
    return [injector.inject(image, image.stamp_ns + 1000, spec) for image in originals]


def begun(modality, seed=1):
    """An injector that has sent one image, and the image."""
    injector, first = FaultInjector(modality, seed), raw(modality, START_NS - PERIOD_NS, 99)
    injector.inject(first, START_NS, None)
    return injector, first


def flat(sent):
    return [one for some in sent for one in some]


def decoded(image):
    """Decode as the pipeline does, with its default settings."""
    return decode(image, InputsConfig(), image.stamp_ns)


def content(image):
    return bytes(image.data)


@pytest.mark.parametrize('fault', [None, *UNTOUCHED], ids=str)
@pytest.mark.parametrize('modality', Modality, ids=str)
def test_without_a_fault_of_the_camera_messages_pass_as_they_are(fault, modality):
    originals = images(modality, 4)
    for original, sent in zip(originals, play(begun(modality)[0], originals, fault), strict=True):
        assert [(one.send_ns, one.image) for one in sent] == [(original.stamp_ns + 1000, original)]
        assert sent[0].image is original


@pytest.mark.parametrize('fault', [Fault.SILENT, Fault.GONE], ids=str)
def test_a_dead_camera_sends_nothing_and_is_itself_again_afterwards(fault):
    injector, _ = begun(DEPTH)
    *during, after = images(DEPTH, 4)
    assert flat(play(injector, during, fault)) == []
    assert [one.image for one in injector.inject(after, 5, None)] == [after]


@pytest.mark.parametrize('modality', Modality, ids=str)
def test_a_frozen_camera_repeats_its_last_image_byte_for_byte_with_fresh_stamps(modality):
    injector, first = begun(modality)
    originals = images(modality, 3)
    sent = [one.image for one in flat(play(injector, originals, Fault.FROZEN))]
    assert sent == [replace(first, stamp_ns=original.stamp_ns) for original in originals]


def test_a_camera_that_starts_frozen_repeats_its_first_image():
    first, *_ = originals = images(THERMAL, 3)
    sent = flat(play(FaultInjector(THERMAL, 1), originals, Fault.FROZEN))
    assert {content(one.image) for one in sent} == {content(first)}


def test_the_shutter_closes_at_once_and_then_periodically():
    injector, first = begun(THERMAL)
    originals = images(THERMAL, 90)
    sent = play(injector, originals, Fault.FFC, closed_s=0.49, period_s=1.49)
    (sends,) = zip(*sent, strict=True)
    stamps = [one.image.stamp_ns for one in sends]
    assert stamps == [original.stamp_ns for original in originals]
    is_new = [
        content(one.image) == content(original)
        for one, original in zip(sends, originals, strict=True)
    ]
    assert is_new == 2 * ([False] * 15 + [True] * 30)
    assert {content(one.image) for one in sends[:15]} == {content(first)}
    assert {content(one.image) for one in sends[45:60]} == {content(originals[44])}


@pytest.mark.parametrize('fault', RESTAMPED, ids=str)
def test_stamp_faults_move_the_stamp_and_nothing_else(fault):
    originals = images(RGB, 4)
    sent = flat(play(begun(RGB)[0], originals, fault))
    assert [one.image for one in sent] == [
        replace(original, stamp_ns=original.stamp_ns + RESTAMPED[fault]) for original in originals
    ]
    assert [one.send_ns for one in sent] == [original.stamp_ns + 1000 for original in originals]


def test_a_stuck_stamp_stays_while_the_images_go_on():
    injector, first = begun(DEPTH)
    originals = images(DEPTH, 4)
    sent = [one.image for one in flat(play(injector, originals, Fault.STUCK_STAMP))]
    assert sent == [replace(original, stamp_ns=first.stamp_ns) for original in originals]


def test_neighbours_change_places_and_none_is_lost():
    injector, _ = begun(RGB)
    a, b, c, d, e, after = images(RGB, 6)
    sent = play(injector, [a, b, c, d, e], Fault.OUT_OF_ORDER)
    assert [[one.image for one in some] for some in sent] == [[], [b, a], [], [d, c], []]
    assert [one.image for one in injector.inject(after, 7, None)] == [e, after]


def test_what_was_held_back_is_sent_even_if_another_fault_follows():
    injector, _ = begun(RGB)
    held, following = images(RGB, 2)
    play(injector, [held], Fault.OUT_OF_ORDER)
    assert [one.image for one in flat(play(injector, [following], Fault.SILENT))] == [held]


@given(st.floats(0.01, 1.0))
def test_a_slow_camera_keeps_its_share_of_the_frames_evenly(ratio):
    sent = play(begun(DEPTH)[0], [images(DEPTH, 1)[0]] * 200, Fault.SLOW, rate_ratio=ratio)
    count = np.cumsum([len(some) for some in sent])
    assert np.abs(count - ratio * np.arange(1, 201)).max() <= 1


def test_a_lossy_camera_loses_its_share_at_random():
    originals = images(DEPTH, 1) * 2000
    sent = play(begun(DEPTH)[0], originals, Fault.LOSSY, loss_ratio=0.2)
    lost = np.array([not some for some in sent])
    assert lost.mean() == pytest.approx(0.2, abs=0.03)
    assert 0.1 < lost[1:][lost[:-1]].mean() < 0.3  # the next one is as likely as any


@pytest.mark.parametrize('modality', Modality, ids=str)
def test_truncated_data_ends_early_and_the_header_promises_all_of_it(modality):
    (original,) = images(modality, 1)
    ((sent,),) = play(begun(modality)[0], [original], Fault.TRUNCATED)
    assert content(sent.image) == content(original)[: int(0.6 * len(original.data))]
    assert replace(sent.image, data=original.data) == original
    assert decoded(sent.image).reason is Reason.TRUNCATED


@pytest.mark.parametrize('modality', Modality, ids=str)
def test_a_wrong_encoding_is_well_formed_and_refused_by_its_name(modality):
    (original,) = images(modality, 1)
    ((sent,),) = play(begun(modality)[0], [original], Fault.WRONG_ENCODING)
    rejection = decoded(sent.image)
    assert isinstance(rejection, Rejection) and 'encoding is' in rejection.detail
    other = DEPTH if modality is RGB else RGB
    assert isinstance(decoded(replace(sent.image, modality=other)), Frame)
    assert sent.image.stamp_ns == original.stamp_ns


@pytest.mark.parametrize('modality', Modality, ids=str)
def test_a_wrong_size_is_half_the_size_of_the_same_picture(modality):
    (original,) = images(modality, 1)
    ((sent,),) = play(begun(modality)[0], [original], Fault.WRONG_SIZE)
    assert np.array_equal(decoded(sent.image).image, decoded(original).image[::2, ::2])


def test_wrong_units_scale_the_raw_counts():
    (original,) = images(THERMAL, 1)
    ((sent,),) = play(begun(THERMAL)[0], [original], Fault.WRONG_UNITS)
    kelvin = np.median(decoded(sent.image).image)
    assert kelvin == pytest.approx(0.1 * np.median(decoded(original).image), rel=0.01)
    assert (sent.image.encoding, sent.image.step_bytes) == ('16UC1', original.step_bytes)


@pytest.mark.parametrize('fault', [Fault.COVER, Fault.MUD, Fault.GHOST], ids=str)
def test_what_sits_on_a_lens_stays_where_it_is(fault):
    ramp = np.tile(np.linspace(20, 220, 80), (60, 1))[..., None]
    for modality in fault.applies_to:
        scene = (ramp.repeat(3, axis=2) if modality is RGB else 28_000 + 10 * ramp).round()
        pixels = scene.astype(np.uint8 if modality is RGB else np.uint16)
        values, chance = FaultSpec(fault).values, np.random.default_rng(0)
        degrade = KINDS[modality].faults[fault.value]
        first, again = (degrade(pixels, values, chance).astype(float) for _ in range(2))
        assert np.abs(first - again).mean() < 0.1 * np.abs(first - scene).mean()


CONTENT = [Fault.DARK, Fault.SATURATED, Fault.FLAT, Fault.NO_RETURN]


@pytest.mark.parametrize('fault', CONTENT, ids=str)
def test_content_faults_keep_format_stamp_and_noise(fault):
    for modality in fault.applies_to:
        originals = images(modality, 4)
        sent = [one.image for one in flat(play(begun(modality)[0], originals, fault))]
        assert [replace(image, data=b'') for image in sent] == [
            replace(original, data=b'') for original in originals
        ]
        assert len({content(image) for image in sent}) == len(sent)


def look(fault, modality):
    ((sent,),) = play(begun(modality)[0], images(modality, 1), fault)
    return decoded(sent.image).image


def test_content_faults_are_beyond_the_monitors_limits():
    assert 0 < look(Fault.DARK, RGB).mean() < MONITOR.rgb.dark_mean / 2
    white = look(Fault.SATURATED, RGB)
    assert (white >= 250).mean() > MONITOR.rgb.saturated_ratio and white.std() > 0
    grey = look(Fault.FLAT, RGB)
    assert 0 < grey.std() < MONITOR.rgb.flat_std and 100 < grey.mean() < 150
    cold = look(Fault.FLAT, THERMAL)
    steps = cold.std() / InputsConfig().thermal.scale_k
    assert 0 < steps < MONITOR.thermal.flat_std_steps and 280 < cold.mean() < 310
    assert 0 < (look(Fault.NO_RETURN, DEPTH) > 0).mean() < MONITOR.depth.min_valid_ratio


@pytest.mark.parametrize('is_bigendian', [False, True])
@pytest.mark.parametrize(
    ('modality', 'encoding', 'kind', 'channels'),
    [
        (RGB, 'bgra8', 'u1', 4),
        (RGB, 'mono8', 'u1', 1),
        (THERMAL, '32FC1', 'f4', 1),
        (DEPTH, '32FC1', 'f4', 1),
        (DEPTH, 'mono16', 'u2', 1),
    ],
)
def test_pixels_are_found_in_every_encoding_byte_order_and_step(
    modality, encoding, kind, channels, is_bigendian
):
    dtype = np.dtype(('>' if is_bigendian else '<') + kind)
    values = np.random.default_rng(0).integers(1, 9, (12, 10, channels)).astype(dtype)
    row = np.ascontiguousarray(values).reshape(12, -1).view(np.uint8)
    padded = np.pad(row, ((0, 0), (0, 6)), constant_values=77)
    original = replace(
        raw(modality, START_NS, 0),
        height_px=12,
        width_px=10,
        encoding=encoding,
        step_bytes=padded.shape[1],
        data=padded.tobytes(),
        is_bigendian=is_bigendian,
    )
    ((sent,),) = play(begun(modality)[0], [original], Fault.WRONG_SIZE)
    assert np.array_equal(decoded(sent.image).image, decoded(original).image[::2, ::2])


def test_a_missing_depth_is_not_a_number_of_metres():
    metres = np.full((24, 32), 3.0, '<f4')
    original = replace(
        raw(DEPTH, START_NS, 0),
        height_px=24,
        width_px=32,
        encoding='32FC1',
        step_bytes=128,
        data=metres.tobytes(),
    )
    ((sent,),) = play(begun(DEPTH)[0], [original], Fault.NO_RETURN)
    values = np.frombuffer(sent.image.data, '<f4')
    assert 0.9 < np.isnan(values).mean() < 1


def test_an_encoding_whose_pixels_cannot_be_changed_is_an_error_that_says_so():
    image = replace(raw(RGB, START_NS, 0), encoding='bayer_rggb8')
    with pytest.raises(DataError, match='choose a fault that leaves the pixels alone'):
        begun(RGB)[0].inject(image, START_NS, FaultSpec(Fault.DARK))
    assert begun(RGB)[0].inject(image, START_NS, FaultSpec(Fault.STALE))


@pytest.mark.parametrize(
    'broken', [{'data': b''}, {'step_bytes': 3}, {'width_px': 0}, {'height_px': 2**32}], ids=str
)
@pytest.mark.parametrize('fault', [f for f in OF_A_CAMERA if f.needs_pixels], ids=str)
def test_a_malformed_message_stays_as_it_is(fault, broken):
    for modality in fault.applies_to:
        image = replace(raw(modality, START_NS, 0), **broken)
        ((sent,),) = play(begun(modality)[0], [image], fault)
        assert sent.image is image


@pytest.mark.parametrize(('fault', 'modality'), PAIRS, ids=str)
def test_equal_seeds_give_equal_streams_and_the_original_is_never_written_to(fault, modality):
    originals = images(modality, 12)
    before = [content(image) for image in originals]
    first, again = (flat(play(begun(modality, 1)[0], originals, fault)) for _ in range(2))
    assert [(one.send_ns, one.image.stamp_ns, content(one.image)) for one in first] == [
        (one.send_ns, one.image.stamp_ns, content(one.image)) for one in again
    ]
    assert [content(image) for image in originals] == before


@pytest.mark.parametrize('fault', [Fault.DARK, Fault.LOSSY], ids=str)
def test_other_seeds_give_other_streams(fault):
    originals = images(RGB, 40)
    first, other = (play(begun(RGB, seed)[0], originals, fault) for seed in (1, 2))
    assert [list(map(content, (one.image for one in some))) for some in first] != [
        list(map(content, (one.image for one in some))) for some in other
    ]


def test_every_fault_is_explained_and_has_a_sensor():
    assert all(fault.about.endswith('.') and fault.applies_to for fault in Fault)
    assert Fault.FROZEN.applies_to == COMPLETE
    assert Fault.WRONG_UNITS.applies_to == ModalitySet([THERMAL])


def test_defaults_are_within_their_ranges_and_can_be_changed():
    for fault in Fault:
        spec = FaultSpec(fault)
        assert dict(spec.values) == {n: o.default for n, o in PARAMETERS.get(fault, {}).items()}
        assert FaultSpec(fault, spec.values) == spec
    assert FaultSpec(Fault.SLOW, {'rate_ratio': 0.3})['rate_ratio'] == 0.3


@pytest.mark.parametrize(
    ('fault', 'values', 'named'),
    [
        (Fault.SLOW, {'rate': 0.4}, "unknown parameter 'rate' of slow (known: rate_ratio)"),
        (Fault.SILENT, {'rate': 0.4}, "unknown parameter 'rate' of silent (known: none)"),
        (
            Fault.SLOW,
            {'rate_ratio': 1.5},
            'slow.rate_ratio is 1.5: expected a value from 0.01 to 1',
        ),
        (Fault.STALE, {'age_s': float('nan')}, 'stale.age_s is nan'),
        (Fault.STALE, {'age_s': True}, 'stale.age_s is True of type bool: expected float'),
        (Fault.STALE, {'age_s': 'old'}, "stale.age_s is 'old' of type str: expected float"),
        (Fault.FFC, {'closed_s': 6}, 'a shutter that never opens'),
    ],
)
def test_wrong_numbers_are_refused_by_name(fault, values, named):
    with pytest.raises(ConfigError) as caught:
        FaultSpec(fault, values)
    assert named in str(caught.value)
