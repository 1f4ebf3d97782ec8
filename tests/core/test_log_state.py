import pytest
import torch

from leyden.core.metrics import Log
from leyden.core.stage import RunningStage
from leyden.errors import FormatError

VALUES = torch.randn(40, generator=torch.Generator().manual_seed(0))


def train(log, values):
    for index, value in enumerate(values):
        log.begin_batch(torch.zeros(1 + index % 3, 2))
        log.hook = "training_step"
        log.log("mean", value, on_epoch=True)
        log.log("sum", value, on_step=False, on_epoch=True, reduce_fx=torch.sum)
        log.log("max", value.double(), on_step=False, on_epoch=True, reduce_fx="max", prog_bar=True)
        if torch.equal(value, VALUES[0]):
            log.log("first", 1.0)
    return log


def opened():
    log = Log()
    log.open(RunningStage.TRAINING)
    return log


def validated(log, value):
    log.open(RunningStage.VALIDATING)
    log.begin_batch(torch.zeros(2))
    log.hook = "validation_step"
    log.log("val", value)
    log.end_batches()
    log.close()
    return log


def seen(log):
    log.end_batches()
    epoch = log.epoch_metrics()
    bar = log.progress_bar_metrics
    return {"epoch": epoch, "callback": dict(log.callback_metrics), "logged": dict(log.logged_metrics), "bar": bar}


@pytest.mark.parametrize("stop", [3, 18, 39])
def test_an_epoch_that_is_resumed_in_the_middle_ends_with_the_same_bits(stop):
    split = stop - stop % 3  # the sizes of the batches repeat by three
    whole = train(validated(train(opened(), VALUES[:split]), 7.0), VALUES[split:])
    state = validated(train(opened(), VALUES[:split]), 7.0).state_dict()
    resumed = Log()
    resumed.load_state_dict(state)
    assert seen(train(resumed, VALUES[split:])) == seen(whole)


def test_a_resumed_row_still_holds_the_values_of_earlier_batches():
    resumed = Log()
    resumed.load_state_dict(train(opened(), VALUES[:3]).state_dict())
    assert resumed.step_metrics() == {"mean_step": VALUES[2], "first": torch.tensor(1.0)}


def test_a_state_taken_inside_a_validation_is_that_of_the_epoch_around_it():
    log = train(opened(), VALUES[:3])
    before = log.state_dict()
    log.open(RunningStage.VALIDATING)
    log.begin_batch(torch.zeros(2))
    log.hook = "validation_step"
    log.log("val", 1.0)
    assert log.state_dict() == {**before, "batch_size": 1}  # no batch of the epoch is worked on


def test_a_state_taken_after_the_last_batch_shows_the_epoch():
    log = train(opened(), VALUES[:3])
    log.end_batches()
    resumed = Log()
    resumed.load_state_dict(log.state_dict())
    assert resumed.callback_metrics == log.callback_metrics
    assert "mean_epoch" in resumed.callback_metrics


def test_between_epochs_there_is_nothing_but_what_was_published():
    log = train(opened(), VALUES[:3])
    log.close()
    state = log.state_dict()
    assert state["epoch"] is None
    resumed = Log()
    resumed.load_state_dict(state)
    assert resumed.callback_metrics == log.callback_metrics
    resumed.open(RunningStage.TRAINING)
    assert resumed.epoch_metrics() == {}


def test_a_new_epoch_does_not_go_on_with_the_loaded_one():
    resumed = Log()
    resumed.load_state_dict(train(opened(), VALUES[:3]).state_dict())
    resumed.open(RunningStage.TRAINING)
    assert resumed.epoch_metrics() == {}


def test_a_state_is_plain_data_and_tensors():
    def leaves(tree):
        if isinstance(tree, dict):
            assert all(type(key) is str for key in tree)
            tree = list(tree.values())
        if type(tree) is list:
            return [leaf for part in tree for leaf in leaves(part)]
        return [tree]

    kinds = {type(leaf) for leaf in leaves(train(opened(), VALUES[:3]).state_dict())}
    assert kinds <= {torch.Tensor, bool, int, float, str, type(None)}


def test_an_empty_log_has_a_state_too():
    resumed = Log()
    resumed.load_state_dict(Log().state_dict())
    assert resumed.callback_metrics == {}


def entry(state, **changes):
    state["epoch"][0].update(changes)


def drop(mapping, name):
    del mapping[name]


MALFORMED = {
    "no mapping": lambda state: [],
    "an entry too few": lambda state: drop(state, "epoch"),
    "an entry too many": lambda state: state.update(more=1),
    "no list of values": lambda state: state.update(epoch={}),
    "a value that is no mapping": lambda state: state["epoch"].append(3),
    "a value with an entry too few": lambda state: drop(state["epoch"][0], "weight"),
    "an unknown hook": lambda state: entry(state, hook="teardown"),
    "no hook": lambda state: entry(state, hook=None),
    "a hook that cannot be a key": lambda state: entry(state, hook=["training_step"]),
    "a name that is no text": lambda state: entry(state, name=3),
    "two values of one name": lambda state: state["epoch"].append(dict(state["epoch"][0])),
    "a flag that is no bool": lambda state: entry(state, prog_bar=1),
    "a flag left open": lambda state: entry(state, on_step=None),
    "flags that go nowhere": lambda state: entry(state, on_step=False, on_epoch=False),
    "an unknown reduction": lambda state: entry(state, reduce_fx="median"),
    "a reduction that is no text": lambda state: entry(state, reduce_fx=torch.mean),
    "a reduction spelled otherwise": lambda state: entry(state, reduce_fx="avg"),
    "a weight that is no number": lambda state: entry(state, weight="1"),
    "a sum that is no tensor": lambda state: entry(state, total=1.0),
    "a sum of several numbers": lambda state: entry(state, total=torch.zeros(2)),
    "a sum of whole numbers": lambda state: entry(state, total=torch.tensor(1)),
    "a last value that is no tensor": lambda state: entry(state, last="x"),
    "published values that are no mapping": lambda state: state["published"].update(callback=[]),
    "a published value that is no number": lambda state: state["published"]["callback"].update(x="x"),
    "a published name that is no text": lambda state: state["published"]["logged"].update({3: torch.tensor(1.0)}),
    "published values of another kind": lambda state: state["published"].update(more={}),
    "no size of the batch": lambda state: state.update(batch_size=-1),
    "no word about the batches": lambda state: state.update(batches_over="no"),
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_a_malformed_state_is_refused_and_changes_nothing(fault):
    state = train(opened(), VALUES[:3]).state_dict()
    changed = MALFORMED[fault](state)
    log = train(opened(), VALUES[:2])
    before = log.state_dict()
    with pytest.raises(FormatError):
        log.load_state_dict(state if changed is None else changed)
    assert log.state_dict() == before


class Counted:
    """Stands in the place of a metric object."""

    _forward_cache = torch.tensor(2.0)

    def compute(self):
        return torch.tensor(5.0)

    def reset(self):
        pass


def with_metric(metric):
    log = opened()
    log.begin_batch(torch.zeros(1))
    log.hook = "training_step"
    log.log("counted", 1.0, on_epoch=True)
    slot = log._slots["training_step", "counted"]
    slot.metric, slot.last, slot.total = metric, None, None
    return log


def test_a_metric_object_is_found_again_by_its_name():
    saved = with_metric(first := Counted()).state_dict({"parts.counted": first})
    other = Log()
    other.load_state_dict(saved, {"parts.counted": Counted()})
    other.end_batches()
    assert {name: value.item() for name, value in other.epoch_metrics().items()} == {"counted_epoch": 5.0}


def test_a_metric_object_without_a_name_is_left_out():
    assert with_metric(Counted()).state_dict()["epoch"] == []


def test_the_name_of_a_metric_object_that_is_not_there_is_refused():
    saved = with_metric(first := Counted()).state_dict({"counted": first})
    with pytest.raises(FormatError, match="'counted', which the module does not have"):
        Log().load_state_dict(saved, {})
