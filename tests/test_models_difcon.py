# Generated from nbs/34_difcon.ipynb; edit the notebook, then run make export.
from difcon.models.cnn import NetworkSettings
from difcon.models.difcon import DifconNetwork, barlow_twins, contrastive_loss, cross_correlation, invariance_loss, joint_loss, nt_xent
from difcon.project import InputError
from torch.nn import functional
import json
import numpy as np
import os
import subprocess
import sys
import tempfile
import torch


def test_heads_see_the_representation():
    torch.manual_seed(0)
    network = DifconNetwork(NetworkSettings(bins=600, widths=(8, 16), tail=4, features=24), representation=40).eval()
    patterns = torch.rand(3, 600)
    output = network(patterns)
    assert output.representation.shape == (3, 40) and output.space_group.shape == (3, 230)
    assert torch.equal(network.heads(output.representation).space_group, output.space_group)
    assert torch.equal(network.representation(network.backbone(patterns)), output.representation)


def two_views(count=12, features=8, noise=0.5):
    "Representations of two views of some crystals."
    generator = torch.Generator().manual_seed(3)
    first = torch.randn(count, features, generator=generator)
    return first, first + noise * torch.randn(count, features, generator=generator)


def test_nt_xent_equals_a_plain_loop():
    first, second = two_views()
    views = np.concatenate([first.numpy(), second.numpy()]).astype(float)
    for temperature in (0.1, 0.7):
        losses = []
        for i in range(24):
            cosines = [views[i] @ views[k] / np.sqrt((views[i] @ views[i]) * (views[k] @ views[k])) for k in range(24)]
            others = sum(np.exp(cosines[k] / temperature) for k in range(24) if k != i)
            losses.append(-np.log(np.exp(cosines[(i + 12) % 24] / temperature) / others))
        assert np.isclose(nt_xent(first, second, temperature).item(), np.mean(losses), rtol=1e-5)


def test_nt_xent_invariances():
    first, second = two_views()
    loss = nt_xent(first, second)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    lengths = torch.rand(12, 1, generator=torch.Generator().manual_seed(1)) + 0.1
    rotation = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(2)))[0]
    assert torch.isclose(loss, nt_xent(7.0 * first, lengths * second))
    assert torch.isclose(loss, nt_xent(first[order], second[order]))
    assert torch.isclose(loss, nt_xent(second, first))
    assert torch.isclose(loss, nt_xent(first @ rotation, second @ rotation))
    assert nt_xent(first, second[order]) > loss


def test_nt_xent_limits():
    orthogonal = torch.eye(6)
    assert torch.isclose(nt_xent(orthogonal, orthogonal, 0.5), torch.log1p(10 * torch.exp(torch.tensor(-2.0))))
    same = torch.ones(6, 4)
    assert torch.isclose(nt_xent(same, same), torch.log(torch.tensor(11.0)))
    assert nt_xent(torch.eye(1), torch.eye(1)) == 0


def test_barlow_twins_equals_a_plain_loop():
    first, second = (view.numpy().astype(float) for view in two_views())
    expected = 0.0
    for i in range(8):
        for j in range(8):
            one, other = first[:, i] - first[:, i].mean(), second[:, j] - second[:, j].mean()
            correlation = (one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum())
            expected += (1 - correlation) ** 2 if i == j else 0.3 * correlation**2
    loss = barlow_twins(*two_views(), off_diagonal_weight=0.3)
    assert np.isclose(loss.item(), expected, rtol=1e-5)


def test_barlow_twins_invariances():
    first, second = two_views()
    loss = barlow_twins(first, second)
    scale = torch.linspace(0.2, 5, 8)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    columns = torch.randperm(8, generator=torch.Generator().manual_seed(1))
    assert torch.isclose(loss, barlow_twins(scale * first - 3, second / scale + scale), rtol=1e-4)
    assert torch.isclose(loss, barlow_twins(first[order], second[order]), rtol=1e-4)
    assert torch.isclose(loss, barlow_twins(first[:, columns], second[:, columns]), rtol=1e-4)
    assert torch.isclose(loss, barlow_twins(second, first), rtol=1e-4)
    assert barlow_twins(first, second[order]) > loss


def test_barlow_twins_limits():
    hadamard = torch.tensor([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1.0]])
    assert barlow_twins(hadamard, hadamard) < 1e-10
    assert torch.isclose(invariance_loss(cross_correlation(hadamard, -hadamard)), torch.tensor(12.0))
    constant = torch.ones(4, 3, requires_grad=True)
    loss = barlow_twins(constant, hadamard)
    loss.backward()
    assert torch.isclose(loss, torch.tensor(3.0)) and constant.grad.isfinite().all()


PART = """
import json, sys
import torch
from torch import distributed
from difcon.models.difcon import contrastive_loss

rank, store = int(sys.argv[1]), sys.argv[2]
distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
views = torch.randn(2, 6, 5, generator=torch.Generator().manual_seed(0))
own = views[:, 3 * rank : 3 * rank + 3].clone().requires_grad_()
found = {}
for objective in ("nt_xent", "barlow_twins"):
    own.grad = None
    loss = contrastive_loss(own.flatten(0, 1), objective)
    loss.backward()
    found[objective] = [loss.item(), own.grad.tolist()]
print(json.dumps(found))
"""


def in_two_processes(script):
    "What two processes of a group print as JSON."
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"GLOO_SOCKET_IFNAME": "lo"}
        started = [subprocess.Popen([sys.executable, "-c", script, str(rank), f"{folder}/store"], stdout=subprocess.PIPE, text=True, env=environment) for rank in range(2)]
        return [json.loads(process.communicate(timeout=300)[0]) for process in started]


def test_two_processes_have_the_gradient_of_the_whole_batch():
    parts = in_two_processes(PART)
    views = torch.randn(2, 6, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    for objective in ("nt_xent", "barlow_twins"):
        views.grad = None
        loss = contrastive_loss(views.flatten(0, 1), objective)
        loss.backward()
        assert all(np.isclose(part[objective][0], loss.item(), rtol=1e-5) for part in parts)
        together = torch.cat([torch.tensor(part[objective][1]) for part in parts], dim=1) / 2
        assert torch.allclose(together, views.grad, atol=1e-6)


def test_autocast_does_not_round_the_objectives():
    views = torch.randn(32, 16, generator=torch.Generator().manual_seed(0))
    for objective in ("nt_xent", "barlow_twins"):
        plain = contrastive_loss(views, objective)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(contrastive_loss(views, objective), plain)


def test_joint_loss_is_the_sum_of_its_parts():
    torch.manual_seed(0)
    network = DifconNetwork(NetworkSettings(bins=600, widths=(8, 16), tail=4, features=24), representation=40)
    space_groups = torch.tensor([2, 14, 62, 225, 2, 14, 62, 225])
    for objective in ("nt_xent", "barlow_twins"):
        loss, parts = joint_loss(network(torch.rand(8, 600)), space_groups, objective, contrastive_weight=0.5)
        tasks = (parts["crystal_system"] + parts["extinction_group"] + parts["space_group"]) / 3
        assert torch.isclose(loss, tasks + 0.5 * parts["contrastive"])
        network.zero_grad()
        loss.backward()
        assert all(weight.grad.isfinite().all() and weight.grad.abs().max() > 0 for weight in network.parameters())


def test_impossible_contrastive_settings():
    for pairs, objective in ((torch.rand(3, 4), "nt_xent"), (torch.rand(4, 4), "triplet")):
        try:
            contrastive_loss(pairs, objective)
        except InputError:
            continue
        raise AssertionError(f"{objective} with {len(pairs)} patterns was taken")


def optimised(objective, steps=200):
    "Cosine of partners minus mean cosine of the others, before and after descent on one objective."
    generator = torch.Generator().manual_seed(0)
    views = torch.randn(40, 12, generator=generator).requires_grad_()
    optimizer = torch.optim.Adam([views], lr=0.05)
    contrasts = []
    for _ in range(steps):
        cosine = functional.cosine_similarity(views[:20, None], views[None, 20:], dim=2).detach()
        contrasts.append((cosine.diagonal().mean() - cosine.mean()).item())
        loss = contrastive_loss(views, objective)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return contrasts


def test_both_objectives_pull_partners_together():
    for objective in ("nt_xent", "barlow_twins"):
        contrasts = optimised(objective)
        assert abs(contrasts[0]) < 0.2 and contrasts[-1] > 0.8
