from __future__ import annotations

import errno
import gzip
import io
import stat
from collections import OrderedDict

import pytest
import safetensors.torch
import torch
from tests.checkpoint.same import same
from torch import nn

from leyden.checkpoint.load import load, load_weights, verify
from leyden.checkpoint.save import check, save, save_weights
from leyden.errors import EncodeError, FormatError, SettingsError


def test_a_checkpoint_comes_back_equal_and_of_the_same_types(tmp_path):
    tree = {
        "epoch": 3,
        "pytorch-lightning_version": "2.6.6",
        "state_dict": nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).state_dict(),
        "loops": {"fit_loop": {"epoch_progress": {"total": {"ready": 1}}, "state_dict": {}}},
        "callbacks": {"EarlyStopping{'monitor': 'loss'}": {"best_score": torch.tensor(0.5), "wait_count": 0}},
        "lr_schedulers": [],
        "leyden": {"rng": torch.get_rng_state()},
    }
    save(tree, tmp_path / "x.ckpt")
    assert same(load(tmp_path / "x.ckpt"), tree)


@pytest.mark.parametrize(
    "kind",
    [
        torch.optim.Adam,
        torch.optim.AdamW,
        torch.optim.Adagrad,
        torch.optim.RMSprop,
        torch.optim.LBFGS,
        torch.optim.Muon,
    ],
)
def test_the_state_of_an_optimizer_goes_on_where_it_was(tmp_path, kind):
    def train(model, optimizer, steps):
        for _ in range(steps):

            def closure():
                optimizer.zero_grad()
                loss = model(torch.ones(2, 3)).square().sum()
                loss.backward()
                return loss

            optimizer.step(closure)

    torch.manual_seed(1)
    model = nn.Linear(3, 2, bias=False)
    optimizer = kind(model.parameters())
    train(model, optimizer, 2)
    save({"state_dict": model.state_dict(), "optimizer_states": [optimizer.state_dict()]}, tmp_path / "x.ckpt")
    train(model, optimizer, 2)

    again = nn.Linear(3, 2, bias=False)
    checkpoint = load(tmp_path / "x.ckpt")
    again.load_state_dict(checkpoint["state_dict"])
    resumed = kind(again.parameters())
    resumed.load_state_dict(checkpoint["optimizer_states"][0])
    train(again, resumed, 2)
    assert torch.equal(again.weight, model.weight)
    assert same(resumed.state_dict(), optimizer.state_dict())


def schedulers():
    from torch.optim import lr_scheduler as s

    return {
        "StepLR": lambda o: s.StepLR(o, 2),
        "MultiStepLR": lambda o: s.MultiStepLR(o, [2, 2, 5]),
        "ExponentialLR": lambda o: s.ExponentialLR(o, 0.5),
        "CosineAnnealingLR": lambda o: s.CosineAnnealingLR(o, 5),
        "CosineAnnealingWarmRestarts": lambda o: s.CosineAnnealingWarmRestarts(o, 2),
        "OneCycleLR": lambda o: s.OneCycleLR(o, 0.1, total_steps=10),
        "CyclicLR": lambda o: s.CyclicLR(o, 0.01, 0.1),
        "LambdaLR": lambda o: s.LambdaLR(o, lambda epoch: 0.5),
        "PolynomialLR": lambda o: s.PolynomialLR(o),
        "SequentialLR": lambda o: s.SequentialLR(o, [s.ConstantLR(o), s.ExponentialLR(o, 0.9)], [1]),
        "ChainedScheduler": lambda o: s.ChainedScheduler([s.ConstantLR(o), s.ExponentialLR(o, 0.9)]),
        "ReduceLROnPlateau": lambda o: s.ReduceLROnPlateau(o),
    }


@pytest.mark.parametrize("name", schedulers())
def test_the_state_of_a_scheduler_comes_back(tmp_path, name):
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1, momentum=0.9)
    scheduler = schedulers()[name](optimizer)
    optimizer.step()
    scheduler.step(*([torch.tensor(1.0)] if name == "ReduceLROnPlateau" else []))
    tree = {"lr_schedulers": [scheduler.state_dict()]}
    save(tree, tmp_path / "x.ckpt")
    assert same(load(tmp_path / "x.ckpt"), tree)


def test_tensors_are_named_by_their_path_and_any_safetensors_program_reads_them(tmp_path):
    model = nn.Sequential(OrderedDict(net=nn.Sequential(nn.Linear(2, 2))))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    save({"state_dict": model.state_dict(), "optimizer_states": [optimizer.state_dict()]}, tmp_path / "x.ckpt")
    read = safetensors.torch.load_file(tmp_path / "x.ckpt")
    assert {"state_dict.net.0.weight", "optimizer_states.0.state.0.exp_avg", "optimizer_states.0.state.1.step"} <= set(
        read
    )
    assert torch.equal(read["state_dict.net.0.weight"], model.net[0].weight)


def test_a_file_of_weights_has_plain_names_and_ties(tmp_path):
    embedding, head = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
    head.weight = embedding.weight
    model = nn.ModuleDict({"embedding": embedding, "head": head})
    save_weights(model.state_dict(), tmp_path / "x.safetensors")
    assert list(safetensors.torch.load_file(tmp_path / "x.safetensors")) == ["embedding.weight"]
    weights = load_weights(tmp_path / "x.safetensors")
    assert list(weights) == ["embedding.weight", "head.weight"]
    assert weights["embedding.weight"].data_ptr() == weights["head.weight"].data_ptr()
    assert verify(tmp_path / "x.safetensors").tensors == 1


def test_a_file_of_weights_holds_nothing_else(tmp_path):
    with pytest.raises(EncodeError, match="lr is not a tensor"):
        save_weights({"w": torch.ones(1), "lr": 0.1}, tmp_path / "x")
    save({"w": torch.ones(1), "lr": 0.1}, tmp_path / "x")
    with pytest.raises(FormatError, match="is a checkpoint: it holds 'lr'.*Read it with load"):
        load_weights(tmp_path / "x")


def test_a_file_and_its_new_directories_are_private(tmp_path):
    path = tmp_path / "runs" / "1" / "x.ckpt"
    save({}, path)
    assert [stat.S_IMODE(here.stat().st_mode) for here in (path, path.parent, path.parent.parent)] == [
        0o600,
        0o700,
        0o700,
    ]


def test_what_cannot_be_saved_leaves_the_previous_file_whole(tmp_path):
    path = tmp_path / "x.ckpt"
    save({"epoch": 1}, path)
    with pytest.raises(EncodeError, match=r"^callbacks\.Mine\.model is a .*SGD.*Save its state_dict\(\)"):
        save({"epoch": 2, "callbacks": {"Mine": {"model": torch.optim.SGD([torch.ones(1)])}}}, path)
    assert load(path) == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_before_the_file_takes_its_name_leaves_the_previous_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "x.ckpt"
    save({"epoch": 1}, path)

    def fails(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fails)
    with pytest.raises(OSError, match="No space left"):
        save({"epoch": 2, "w": torch.ones(1000)}, path)
    assert load(path) == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_check_finds_what_a_save_would_refuse_and_writes_nothing(tmp_path):
    check({"hyper_parameters": {"lr": 0.1, "shape": torch.Size([1])}})
    with pytest.raises(EncodeError, match=r"^hyper_parameters\.activation is .*<lambda>, which cannot be found"):
        check({"hyper_parameters": {"activation": lambda x: x}})


def test_the_digest_is_that_of_the_content_alone(tmp_path):
    tree = {"w": torch.arange(5), "s": {"a", "b", "c"}}
    digests = {save(tree, tmp_path / "x"), save(tree, tmp_path / "y"), verify(tmp_path / "x").digest}
    assert len(digests) == 1
    assert save(tree | {"w": torch.arange(5) + 1}, tmp_path / "z") not in digests


TREE = {"state_dict": {"w": torch.arange(6.0).reshape(2, 3), "flag": torch.tensor(True)}, "epoch": 3}


class Pipe(io.RawIOBase):
    """Takes bytes a few at a time, and cannot seek."""

    def __init__(self):
        self.taken = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.taken += data[:100]
        return min(len(data), 100)


def test_a_checkpoint_in_a_stream_is_the_file_byte_for_byte(tmp_path):
    save(TREE, tmp_path / "a.ckpt")
    memory, pipe = io.BytesIO(), Pipe()
    assert save(TREE, memory) == save(TREE, pipe) == verify(tmp_path / "a.ckpt").digest
    assert memory.getvalue() == bytes(pipe.taken) == (tmp_path / "a.ckpt").read_bytes()
    assert same(load(io.BytesIO(pipe.taken), policy="strict"), TREE)  # sealed


def test_weights_alone_can_go_to_a_stream(tmp_path):
    memory = io.BytesIO()
    save_weights({"w": torch.ones(2)}, memory)
    assert safetensors.torch.load(memory.getvalue())["w"].tolist() == [1, 1]


@pytest.mark.parametrize("mode", ["r+b", "ab"])
def test_a_stream_is_written_to_from_where_it_stands_and_stands_behind_it_then(tmp_path, mode):
    (tmp_path / "a").write_bytes(b"before")
    with (tmp_path / "a").open(mode) as file:
        file.seek(0, io.SEEK_END)
        save(TREE, file)
        file.write(b"after")
    content = (tmp_path / "a").read_bytes()
    assert (content[:6], content[-5:]) == (b"before", b"after")
    assert same(load(io.BytesIO(content[6:-5])), TREE)


def test_a_stream_that_compresses_says_that_it_can_seek_and_gets_the_bytes_in_order(tmp_path):
    with gzip.open(tmp_path / "a.gz", "wb") as file:
        save(TREE, file)
    with gzip.open(tmp_path / "a.gz") as file:
        assert same(load(file), TREE)


def test_a_stream_that_fails_holds_no_checkpoint(tmp_path):
    class Full(io.BytesIO):
        def write(self, data):
            if self.tell() == 0:  # the header, which comes last
                raise OSError(errno.ENOSPC, "full")
            return super().write(data)

    stream = Full()
    with pytest.raises(OSError, match="full"):
        save(TREE, stream)
    with pytest.raises(FormatError):
        load(io.BytesIO(stream.getvalue()))


@pytest.mark.parametrize("answer", [None, 0])
def test_a_stream_that_takes_nothing_is_an_error_and_no_endless_loop(answer):
    class Stuck(Pipe):
        def write(self, data):
            return answer

    with pytest.raises(BlockingIOError, match="how many it has taken"):
        save(TREE, Stuck())


@pytest.mark.parametrize(("target", "said"), [(io.StringIO(), "takes text"), (3, "neither a path"), (Pipe, "neither")])
def test_what_no_bytes_can_be_written_to_is_refused(target, said):
    with pytest.raises(SettingsError, match=said):
        save(TREE, target)
