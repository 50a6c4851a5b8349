"""What holds for every adapter."""

import copy
import io
import warnings

import pytest

torch = pytest.importorskip('torch', reason='needs PyTorch')

from random_inputs import perturbed, random_inputs, warmed_up  # noqa: E402
from safetensors.torch import load, save  # noqa: E402

from mm_robust_seg.modality import all_combinations, COMPLETE, ModalitySet  # noqa: E402
from mm_robust_seg.network.adapters.base import (  # noqa: E402
    Adapted,
    adapted,
    fold,
    is_within,
    parameter_count,
    runs_for,
)
from mm_robust_seg.network.adapters.methods import ADAPTERS  # noqa: E402
from mm_robust_seg.network.segmenter import Segmenter  # noqa: E402

pytestmark = pytest.mark.torch
PAIR = ModalitySet.parse('thermal+depth')
CASES = [('rgb+thermal+depth', 'rgb'), ('rgb+thermal+depth', str(PAIR)), ('rgb+depth', 'depth')]


@pytest.fixture(scope='module')
def networks():
    torch.manual_seed(3)
    sets = ModalitySet.parse('rgb+thermal+depth'), ModalitySet.parse('rgb+depth')
    return {str(modalities): warmed_up(Segmenter(32, modalities)) for modalities in sets}


@pytest.fixture(scope='module')
def segmenter(networks):
    return networks[str(COMPLETE)]


@pytest.fixture(params=CASES, ids=lambda case: f'{case[1]} of {case[0]}')
def case(request, networks):
    modalities, combination = request.param
    return networks[modalities], ModalitySet.parse(combination)


@pytest.fixture(params=ADAPTERS)
def make(request):
    return ADAPTERS[request.param]


def changed_sites(network, adapter):
    state = network.state_dict()
    return {*adapter.overrides(state), *adapter.hooks()}


def assert_same_logits(one, other):
    assert (one - other).abs().max() <= 1e-5 * other.abs().max()


@torch.no_grad()
def test_a_new_adapter_changes_nothing(case, make):
    network, combination = case
    given = random_inputs(combination)
    adapter = make(network, combination, None)
    assert parameter_count(adapter) > 0
    assert torch.equal(adapted(network, adapter, given), network(given))
    assert torch.equal(fold(network, adapter)(given), network(given))


def test_only_what_runs_is_changed(case, make):
    network, combination = case
    ran = set()
    handles = [
        module.register_forward_hook(lambda *_, name=name: ran.add(name))
        for name, module in network.named_modules()
    ]
    network(random_inputs(combination))
    for handle in handles:
        handle.remove()
    parameters = dict(network.named_parameters())
    for site in changed_sites(network, make(network, combination, None)):
        assert runs_for(site, combination)
        assert (site.rpartition('.')[0] if site in parameters else site) in ran


def test_every_parameter_learns(case, make):
    network, combination = case
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
def test_folding_changes_no_logits(case, make):
    network, combination = case
    given = random_inputs(combination)
    adapter = perturbed(make(network, combination, None))
    logits = adapted(network, adapter, given)
    assert (logits - network(given)).abs().max() > 1e-3 * logits.abs().max()
    folded = fold(network, adapter)
    assert_same_logits(folded(given), logits)
    perturbed(adapter)
    assert_same_logits(folded(given), logits)
    assert_same_logits(copy.deepcopy(folded)(given), logits)


def test_what_folds_has_the_structure_of_the_base(case, make):
    network, combination = case
    adapter = perturbed(make(network, combination, None))
    folded = fold(network, adapter)
    same_modules = [n for n, _ in folded.named_modules()] == [
        n for n, _ in network.named_modules()
    ]
    assert same_modules == adapter.folds
    assert (adapter.hooks() == {}) == adapter.folds
    shapes = {name: value.shape for name, value in folded.state_dict().items()}
    for name, value in network.state_dict().items():
        assert shapes[name] == value.shape


@torch.no_grad()
def test_complete_input_is_bit_identical_whatever_adapters_exist(segmenter, make):
    given = random_inputs(COMPLETE)
    before = segmenter(given)
    for combination in (ModalitySet.parse('rgb'), PAIR):
        adapter = perturbed(make(segmenter, combination, None))
        adapted(segmenter, adapter, random_inputs(combination))
        fold(segmenter, adapter)(random_inputs(combination))
    assert torch.equal(segmenter(given), before)


def test_an_adapter_is_under_one_percent(networks, make):
    for network in networks.values():
        for combination in all_combinations(network.modalities)[1:]:
            size = parameter_count(make(network, combination, None))
            assert 0 < size < 0.01 * parameter_count(network)


@torch.no_grad()
def test_the_state_can_be_saved_and_loaded(case, make):
    network, combination = case
    adapter = perturbed(make(network, combination, None))
    other = make(network, combination, None)
    other.load_state_dict(load(save(adapter.state_dict())))
    given = random_inputs(combination)
    assert torch.equal(adapted(network, other, given), adapted(network, adapter, given))


def test_blocks_restrict_the_sites(segmenter, make):
    for blocks in [('fusion.2', 'decoder.smooth.1'), ('encoders.depth.features.0',), ()]:
        sites = changed_sites(segmenter, make(segmenter, PAIR, blocks))
        assert all(is_within(site, blocks) for site in sites)
    everything = ('encoders', 'fusion', 'decoder')
    whole = parameter_count(make(segmenter, PAIR, everything))
    assert whole >= parameter_count(make(segmenter, PAIR, None))


class Positional(torch.nn.Module):
    def __init__(self, network, combination):
        super().__init__()
        self.network, self.combination = network, combination

    def forward(self, *images):
        return self.network(dict(zip(self.combination, images, strict=True)))


@torch.no_grad()
def test_the_exported_graph_gives_the_same_logits(networks, make):
    onnxruntime = pytest.importorskip('onnxruntime')
    segmenter, depth = networks['rgb+depth'], ModalitySet.parse('depth')
    given = random_inputs(depth)
    network = Positional(fold(segmenter, perturbed(make(segmenter, depth, None))), depth).eval()
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            network,
            tuple(given.values()),
            stream,
            input_names=[m.value for m in depth],
            opset_version=17,
            dynamo=False,
        )
    session = onnxruntime.InferenceSession(stream.getvalue(), providers=['CPUExecutionProvider'])
    (logits,) = session.run(None, {m.value: x.numpy() for m, x in given.items()})
    expected = network(*given.values())
    torch.testing.assert_close(
        torch.from_numpy(logits), expected, rtol=0, atol=1e-4 * float(expected.abs().max())
    )
