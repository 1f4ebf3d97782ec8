from __future__ import annotations

import pytest
import torch
from torch import nn

import leyden as L
from leyden.callbacks.summarize import human_readable_count, summarize
from leyden.errors import SettingsError


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(3, 4)
        self.b = nn.Sequential(nn.Linear(4, 4), nn.ReLU())

    def forward(self, x):
        return self.b(self.a(x))


class Model(L.Module):
    def __init__(self, example: object = None) -> None:
        super().__init__()
        self.block = Block()
        self.head = nn.Linear(4, 2, bias=False).requires_grad_(False)
        self.own = nn.Parameter(torch.zeros(5))
        self.drop = nn.Dropout().eval()
        self.register_buffer("seen", torch.zeros(7))
        self.unused = nn.Identity()
        self.example_input_array = example

    def forward(self, x):
        return self.drop(self.head(self.block(x)))


# Names, types, counts, sizes and FLOPs are those that pytorch-lightning 2.6.6 gives for the same modules.


def test_the_children_of_a_module_are_its_layers():
    summary = summarize(Model())
    assert summary.layer_names == ["block", "head", "drop", "unused"]
    assert summary.layer_types == ["Block", "Linear", "Dropout", "Identity"]
    assert summary.param_nums == [36, 8, 0, 0]
    assert summary.training_modes == [True, True, False, True]


@pytest.mark.parametrize(
    ("depth", "names"),
    [
        (0, []),
        (2, ["block", "block.a", "block.b", "head", "drop", "unused"]),
        (-1, ["block", "block.a", "block.b", "block.b.0", "block.b.1", "head", "drop", "unused"]),
    ],
)
def test_depth_says_how_far_down_layers_are_shown(depth, names):
    assert summarize(Model(), max_depth=depth).layer_names == names


@pytest.mark.parametrize("depth", [-1, 0, 1, 2])
def test_totals_are_those_of_the_whole_model_at_any_depth(depth):
    summary = summarize(Model(torch.zeros(2, 3)), max_depth=depth)
    assert (summary.total_parameters, summary.trainable_parameters) == (49, 41)
    assert summary.model_size == pytest.approx(49 * 4 / 1e6)
    assert summary.total_training_modes == {"train": 7, "eval": 1}
    assert summary.total_flops == 144


def test_an_example_makes_sizes_and_flops_known():
    summary = summarize(Model(torch.zeros(2, 3)))
    assert summary.in_sizes == [[2, 3], [2, 4], [2, 2], "?"]
    assert summary.out_sizes == [[2, 4], [2, 2], [2, 2], "?"]
    assert dict(summary.columns())["FLOPs"] == ["112  ", "32  ", "0  ", "0  ", "n/a"]


def test_without_an_example_the_table_has_no_columns_for_them():
    assert [name for name, _ in summarize(Model()).columns()] == [" ", "Name", "Type", "Params", "Mode"]


def test_sizes_look_into_tuples_and_lists_and_not_into_other_things():
    class Recurrent(L.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.LSTM(3, 4)
            self.last = Pick()
            self.example_input_array = torch.zeros(5, 2, 3)

        def forward(self, x):
            return self.last(self.cell(x)[0], 3)

    class Pick(nn.Module):
        def forward(self, x, index):
            return {"picked": x[index]}

    summary = summarize(Recurrent())
    assert summary.in_sizes == [[5, 2, 3], [[5, 2, 4], "?"]]
    assert summary.out_sizes == [[[5, 2, 4], [[1, 2, 4], [1, 2, 4]]], "?"]


@pytest.mark.parametrize(
    "example",
    [torch.ones(1, 3), (torch.ones(1, 3), 2.0), [torch.ones(1, 3), 2.0], {"x": torch.ones(1, 3), "scale": 2.0}],
)
def test_an_example_is_called_as_forward_wants_it(example):
    class Scaled(L.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 4)
            self.example_input_array = example

        def forward(self, x, scale=2.0):
            assert scale == 2.0
            return self.layer(x * scale)

    assert summarize(Scaled()).in_sizes == [[1, 3]]


def test_an_example_goes_through_the_hooks_of_a_batch():
    class Cast(Model):
        def on_before_batch_transfer(self, batch, dataloader_idx):
            return batch[:1]

        def on_after_batch_transfer(self, batch, dataloader_idx):
            return batch.float()

    assert summarize(Cast(torch.zeros(2, 3, dtype=torch.int64))).in_sizes[0] == [1, 3]


def test_sending_the_example_leaves_the_model_as_it_was():
    class Watches(L.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(3)
            self.frozen = nn.Dropout().eval()
            self.example_input_array = torch.randn(4, 3)
            self.seen: list[tuple[bool, bool]] = []

        def forward(self, x):
            self.seen.append((self.training, torch.is_grad_enabled()))
            return self.frozen(self.norm(x))

    model = Watches()
    summarize(model)
    assert model.seen == [(False, False)]
    assert model.norm.running_mean.eq(0).all()
    assert (model.training, model.norm.training, model.frozen.training) == (True, True, False)
    assert not model.norm._forward_hooks


def test_hooks_are_gone_after_an_example_that_does_not_fit():
    model = Model(torch.zeros(2, 30))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        summarize(model)
    assert not model.head._forward_hooks


def test_shared_parameters_count_once_in_the_total():
    class Tied(L.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
            self.b.weight = self.a.weight

    summary = summarize(Tied())
    assert summary.param_nums == [20, 20]
    assert summary.total_layer_params == 40
    assert summary.total_parameters == 24


@pytest.mark.parametrize(("depth", "other"), [(0, 49), (1, 5), (2, 5), (-1, 5)])
def test_parameters_of_no_layer_shown_have_a_line_of_their_own(depth, other):
    columns = dict(summarize(Model(), max_depth=depth).columns())
    assert columns["Name"][-1] == "other params"
    assert columns["Params"][-1].strip() == str(other)
    assert columns["Mode"][-1] == "n/a"


def test_the_size_is_what_the_parameters_really_take():
    class Mixed(L.Module):
        def __init__(self) -> None:
            super().__init__()
            self.half = nn.Linear(1000, 1000, bias=False).half()
            self.double = nn.Linear(1000, 1000, bias=False).double()

    assert summarize(Mixed()).model_size == pytest.approx(2 + 8)


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_lazy_parameters_are_not_counted_and_said_so():
    class Lazy(L.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lazy = nn.LazyLinear(3)

    summary = summarize(Lazy())
    assert (summary.total_parameters, summary.model_size) == (0, 0)
    assert "lazy parameters are not counted" in str(summary)


def test_the_table_as_text():
    assert str(summarize(Model(torch.zeros(2, 3)))) == "\n".join(
        [
            "   Name          Type      Params  Mode   FLOPs  In sizes  Out sizes",
            "-  ------------  --------  ------  -----  -----  --------  ---------",
            "0  block         Block       36    train  112    [2, 3]    [2, 4]",
            "1  head          Linear       8    train   32    [2, 4]    [2, 2]",
            "2  drop          Dropout      0    eval     0    [2, 2]    [2, 2]",
            "3  unused        Identity     0    train    0    ?         ?",
            "   other params  n/a          5    n/a      n/a  n/a       n/a",
            "--------------------------------------------------------------------",
            "   41   trainable parameters",
            "    8   non-trainable parameters",
            "   49   parameters in total",
            "0.000   MB of parameters",
            "    7   modules in train mode",
            "    1   modules in eval mode",
            "  144   FLOPs for the example input",
        ]
    )


def test_a_module_without_layers_has_a_table_too():
    assert "0   parameters in total" in str(summarize(L.Module()))


def test_a_depth_below_minus_one_is_refused():
    with pytest.raises(SettingsError, match="max_depth=-2 is no depth"):
        summarize(Model(), max_depth=-2)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0  "),
        (999, "999  "),
        (1000, "1.0 K"),
        (1234, "1.2 K"),
        (12345, "12.3 K"),
        (999_999, "999 K"),
        (1_234_567, "1.2 M"),
        (123_456_789, "123 M"),
        (10**9, "1.0 B"),
        (2 * 10**12, "2.0 T"),
        (10**15, "1,000 T"),
    ],
)
def test_large_counts_get_a_unit(number, text):
    assert human_readable_count(number) == text
