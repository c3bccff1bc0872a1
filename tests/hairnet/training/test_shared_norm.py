import multiprocessing

import torch
import torch.distributed as dist
from torch import nn

from hairnet.training.shared_norm import share_statistics
from tests.hairnet.trainings import PATIENCE


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 3))


def loss_of(net, x):
    return (net(x) - x[:, :2, 2:-2, 2:-2]).square().mean()


def learn(rank, size, meeting, folder, x):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=size)
    net = network()
    names = list(net.state_dict())
    share_statistics(net)
    assert list(net.state_dict()) == names
    loss_of(net, x[rank::size]).backward()
    for parameter in net.parameters():
        dist.all_reduce(parameter.grad)
    gradients = {f"gradient of {name}": p.grad / size for name, p in net.named_parameters()}
    torch.save(gradients | net.state_dict(), folder / f"{rank}.pt")
    dist.destroy_process_group()


def test_statistics_and_gradients_are_those_of_the_whole_batch(tmp_path):
    x = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(1)) + torch.arange(6.0)[:, None, None, None]
    torch.set_num_threads(1)
    fork = multiprocessing.get_context("fork").Process
    processes = [fork(target=learn, args=(rank, 2, tmp_path / "meeting", tmp_path, x)) for rank in (0, 1)]
    for process in processes:
        process.start()
    net = network()
    loss_of(net, x).backward()
    whole = {f"gradient of {name}": p.grad for name, p in net.named_parameters()} | net.state_dict()
    for rank, process in enumerate(processes):
        process.join(PATIENCE)
        process.kill()  # does nothing to one that has ended
        assert process.exitcode == 0
        for name, value in torch.load(tmp_path / f"{rank}.pt", weights_only=True).items():
            assert torch.allclose(value, whole[name], rtol=1e-4, atol=1e-6), name
    before = net.eval()(x)
    share_statistics(net)
    assert torch.equal(net(x), before)
