# Copyright 2026 mm_robust_seg maintainers
# SPDX-License-Identifier: Apache-2.0

"""What holds for every adapter."""

import copy
import io
from itertools import chain
import warnings

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from random_inputs import perturbed, random_inputs, warmed_up  # noqa: E402
from safetensors.torch import load, save  # noqa: E402

from mm_robust_seg.modality import all_combinations, ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.base import (  # noqa: E402
    Adapted,
    adapted,
    fold,
    is_within,
    parameter_count,
    runs_for,
)
from mm_robust_seg.network.adapters.placement import blocks_of  # noqa: E402
from mm_robust_seg.network.adapters.registry import ADAPTERS  # noqa: E402
from mm_robust_seg.network.segmenter import Segmenter  # noqa: E402

pytestmark = pytest.mark.torch
NETWORKS = {
    'three sensors': ('mobilenetv2', 'rgb+thermal+depth'),
    'two sensors': ('mobilenetv2', 'rgb+depth'),
    'transformer': ('mit_b0', 'rgb+depth'),
    'deeper encoders': ('efficientnet_lite0', 'rgb+depth'),
}
CASES = [
    ('two sensors', 'rgb'),
    ('three sensors', 'thermal+depth'),
    ('transformer', 'depth'),
    ('deeper encoders', 'depth'),
]
NO_TRANSFORMER, ONLY_TRANSFORMER = {'prompt_concat'}, {'prompt_input', 'prompt_attention'}

NOT_FOLDED = [ADAPTERS['prompt_concat']]


def suits(adapter, network):
    unsuited = NO_TRANSFORMER if network == 'transformer' else ONLY_TRANSFORMER
    return adapter not in unsuited


def first_suited(adapter):
    return next(case for case in CASES if suits(adapter, case[0]))


@pytest.fixture(scope='module')
def networks():
    torch.manual_seed(3)
    return {
        name: warmed_up(Segmenter(32, ModalitySet.parse(modalities), backbone))
        for name, (backbone, modalities) in NETWORKS.items()
    }


@pytest.fixture(
    params=[(name, *case) for name in ADAPTERS for case in CASES if suits(name, case[0])],
    ids=' '.join,
)
def case(request, networks):
    """A network, an incomplete combination and what makes an adapter, as they suit each other."""
    adapter, network, combination = request.param
    return networks[network], ModalitySet.parse(combination), ADAPTERS[adapter]


@pytest.fixture(params=ADAPTERS)
def one_case(request, networks):
    """One such case of each adapter."""
    network, combination = first_suited(request.param)
    return networks[network], ModalitySet.parse(combination), ADAPTERS[request.param]


def changed_sites(network, adapter):
    state = network.state_dict()
    return {*adapter.overrides(state), *adapter.hooks()}


def assert_same_logits(one, other):
    assert (one - other).abs().max() <= 1e-5 * other.abs().max()


@torch.no_grad()
def test_a_new_adapter_changes_nothing(case):
    network, combination, make = case
    given = random_inputs(combination)
    adapter = make(network, combination, None)
    assert parameter_count(adapter) > 0
    assert torch.equal(adapted(network, adapter, given), network(given))
    assert torch.equal(fold(network, adapter)(given), network(given))


def test_only_what_runs_is_changed(case):
    network, combination, make = case
    ran = set()
    handles = [
        module.register_forward_hook(lambda *_, name=name: ran.add(name))
        for name, module in network.named_modules()
    ]
    network(random_inputs(combination))
    for handle in handles:
        handle.remove()
    state = {name for name, _ in chain(network.named_parameters(), network.named_buffers())}
    for site in changed_sites(network, make(network, combination, None)):
        assert runs_for(site, combination)
        assert (site.rpartition('.')[0] if site in state else site) in ran


def test_every_parameter_learns(case):
    network, combination, make = case
    adapter = make(network, combination, None)
    before = copy.deepcopy(adapter.state_dict())
    optimizer = torch.optim.Adam(adapter.parameters(), 1e-3)
    for _ in range(2):  # of a product that starts with a zero, one factor moves a step later
        optimizer.zero_grad()
        logits = Adapted(network, adapter)(random_inputs(combination))
        torch.nn.functional.cross_entropy(logits, logits.argmin(1)).backward()
        optimizer.step()
    still = [name for name, value in adapter.state_dict().items() if value.equal(before[name])]
    assert still == []
    assert all(parameter.grad is None for parameter in network.parameters())


@torch.no_grad()
def test_folding_changes_no_logits(case):
    network, combination, make = case
    given = random_inputs(combination)
    adapter = perturbed(make(network, combination, None))
    logits = adapted(network, adapter, given)
    assert (logits - network(given)).abs().max() > 1e-3 * logits.abs().max()
    folded = fold(network, adapter)
    assert_same_logits(folded(given), logits)
    perturbed(adapter)
    assert_same_logits(folded(given), logits)
    assert_same_logits(copy.deepcopy(folded)(given), logits)


def test_what_folds_has_the_structure_of_the_base(case):
    network, combination, make = case
    adapter = perturbed(make(network, combination, None))
    folded = fold(network, adapter)
    assert (structure(folded) == structure(network)) == (make not in NOT_FOLDED)


def structure(network):
    modules = [(name, type(module)) for name, module in network.named_modules()]
    return modules, {name: value.shape for name, value in network.state_dict().items()}


@torch.no_grad()
def test_complete_input_is_bit_identical_whatever_adapters_exist(one_case):
    network, combination, make = one_case
    given = random_inputs(network.modalities)
    before = network(given)
    adapter = perturbed(make(network, combination, None))
    adapted(network, adapter, random_inputs(combination))
    fold(network, adapter)(random_inputs(combination))
    assert torch.equal(network(given), before)


def test_an_adapter_is_under_one_percent(case):
    network, _, make = case
    for combination in all_combinations(network.modalities)[1:]:
        size = parameter_count(make(network, combination, None))
        assert 0 < size < 0.01 * parameter_count(network)


@torch.no_grad()
def test_the_state_can_be_saved_and_loaded(case):
    network, combination, make = case
    adapter = perturbed(make(network, combination, None))
    other = make(network, combination, None)
    other.load_state_dict(load(save(adapter.state_dict())))
    given = random_inputs(combination)
    assert torch.equal(adapted(network, other, given), adapted(network, adapter, given))


def test_blocks_restrict_the_sites(case):
    network, combination, make = case
    for blocks in [blocks_of(network)[::2], ('fusion.2', 'decoder.smooth.1'), ()]:
        sites = changed_sites(network, make(network, combination, blocks))
        assert all(is_within(site, blocks) for site in sites)
    everywhere = parameter_count(make(network, combination, ('encoders', 'fusion', 'decoder')))
    assert everywhere >= parameter_count(make(network, combination, None))


class Positional(torch.nn.Module):
    def __init__(self, network, combination):
        super().__init__()
        self.network, self.combination = network, combination

    def forward(self, *images):
        return self.network(dict(zip(self.combination, images, strict=True)))


@torch.no_grad()
def test_the_exported_graph_gives_the_same_logits(one_case):
    onnxruntime = pytest.importorskip('onnxruntime')
    base, combination, make = one_case
    given = random_inputs(combination)
    adapter = perturbed(make(base, combination, None))
    network = Positional(fold(base, adapter), combination).eval()
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            network,
            tuple(given.values()),
            stream,
            input_names=[m.value for m in combination],
            opset_version=17,
            dynamo=False,
        )
    session = onnxruntime.InferenceSession(stream.getvalue(), providers=['CPUExecutionProvider'])
    (logits,) = session.run(None, {m.value: x.numpy() for m, x in given.items()})
    expected = network(*given.values())
    torch.testing.assert_close(
        torch.from_numpy(logits), expected, rtol=0, atol=1e-4 * float(expected.abs().max())
    )
