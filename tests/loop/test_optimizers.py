from __future__ import annotations

import pytest
import torch
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import ChainedScheduler, ReduceLROnPlateau, StepLR

from leyden.core.warnings import LeydenWarning
from leyden.errors import ModuleError
from leyden.loop.optimizers import NoOptimizer, SchedulerConfig, check_monitors, read_configuration


class Own:
    """A scheduler that torch knows nothing of."""

    def step(self, metric=None):
        pass

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


def optimizer(kind=SGD):
    return kind([torch.nn.Parameter(torch.ones(1))], lr=0.1)


FIRST, SECOND = optimizer(), optimizer(Adam)
STEP, PLATEAU, OF_SECOND, OWN = StepLR(FIRST, 1), ReduceLROnPlateau(FIRST), StepLR(SECOND, 1), Own()


def refused(returned):
    with pytest.raises(ModuleError) as caught:
        read_configuration(returned)
    return str(caught.value)


def schedulers(*returned):
    """The configurations of what stands in the second place of ([optimizer], [schedulers])."""
    return read_configuration(([FIRST], list(returned)))[1]


@pytest.mark.parametrize(
    ("returned", "optimizers", "configured"),
    [
        (FIRST, [FIRST], []),
        ([FIRST], [FIRST], []),
        ((FIRST,), [FIRST], []),
        ([FIRST, SECOND], [FIRST, SECOND], []),
        ((FIRST, SECOND), [FIRST, SECOND], []),
        (([FIRST], []), [FIRST], []),
        (([FIRST], [STEP]), [FIRST], [STEP]),
        ([[FIRST], [STEP]], [FIRST], [STEP]),
        (((FIRST,), (STEP,)), [FIRST], [STEP]),
        (([FIRST], STEP), [FIRST], [STEP]),
        (([FIRST, SECOND], [STEP, OF_SECOND]), [FIRST, SECOND], [STEP, OF_SECOND]),
        (([FIRST], [{"scheduler": STEP}]), [FIRST], [STEP]),
        (([FIRST], {"scheduler": STEP}), [FIRST], [STEP]),
        ({"optimizer": FIRST}, [FIRST], []),
        ({"optimizer": FIRST, "lr_scheduler": STEP}, [FIRST], [STEP]),
        ({"optimizer": FIRST, "lr_scheduler": {"scheduler": STEP}}, [FIRST], [STEP]),
        ({"optimizer": FIRST, "lr_scheduler": None}, [FIRST], []),
        (({"optimizer": FIRST}, {"optimizer": SECOND, "lr_scheduler": OF_SECOND}), [FIRST, SECOND], [OF_SECOND]),
        ([{"optimizer": FIRST}], [FIRST], []),
        (([FIRST], [OWN]), [FIRST], [OWN]),
    ],
)
def test_every_form_of_lightnings_is_read(returned, optimizers, configured):
    read, configs = read_configuration(returned)
    assert (read, [config.scheduler for config in configs]) == (optimizers, configured)


def test_a_scheduler_steps_after_every_epoch_unless_told_otherwise():
    assert schedulers(STEP) == schedulers({"scheduler": STEP}) == [SchedulerConfig(STEP, None, "epoch", 1, False, None)]


def test_a_dictionary_says_when_a_scheduler_steps():
    config = {"scheduler": STEP, "interval": "step", "frequency": 3, "name": "lr", "strict": False, "monitor": "loss"}
    assert schedulers(config) == [SchedulerConfig(STEP, "lr", "step", 3, False, "loss", False)]


@pytest.mark.parametrize(
    "returned",
    [
        {"optimizer": FIRST, "lr_scheduler": PLATEAU, "monitor": "val"},
        {"optimizer": FIRST, "lr_scheduler": {"scheduler": PLATEAU, "monitor": "val"}},
        {"optimizer": FIRST, "lr_scheduler": {"scheduler": PLATEAU}, "monitor": "val"},
        ([FIRST], [{"scheduler": PLATEAU, "monitor": "val"}]),
        ([FIRST], [{"scheduler": PLATEAU, "monitor": "val", "reduce_on_plateau": False}]),
    ],
)
def test_a_plateau_scheduler_steps_on_the_metric_that_is_named(returned):
    (config,) = read_configuration(returned)[1]
    assert (config.reduce_on_plateau, config.monitor, config.strict) == (True, "val", True)


def test_any_scheduler_may_be_stepped_with_a_metric():
    (config,) = schedulers({"scheduler": OWN, "monitor": "val", "reduce_on_plateau": True})
    assert config.reduce_on_plateau


@pytest.mark.parametrize(
    "returned",
    [
        ([FIRST], [PLATEAU]),
        {"optimizer": FIRST, "lr_scheduler": PLATEAU},
        {"optimizer": FIRST, "lr_scheduler": {"scheduler": PLATEAU}},
    ],
)
def test_a_plateau_scheduler_without_a_metric_is_refused_with_the_form_that_names_one(returned):
    configs = read_configuration(returned)[1]
    with pytest.raises(ModuleError) as caught:
        check_monitors(configs)
    message = str(caught.value)
    assert message.startswith("the lr_scheduler ReduceLROnPlateau steps on a metric, but none is named.")
    assert "'monitor'" in message


@pytest.mark.parametrize(
    ("returned", "described"),
    [
        (3, "returned an int,"),
        ("adam", "returned a str,"),
        (SGD, "returned the class SGD and not an object of it,"),
        ((FIRST, [STEP]), "returned a tuple of (SGD, list),"),
        ((FIRST, STEP), "returned a tuple of (SGD, StepLR),"),
        ((FIRST, None), "returned a tuple of (SGD, NoneType),"),
        ([FIRST, 3], "returned a list of (SGD, int),"),
        (([FIRST], [STEP], 1), "returned a tuple of (list, list, int),"),
        (iter([FIRST]), "returned a list_iterator,"),
        ([], "returned no optimizer."),
        (([], []), "returned no optimizer."),
        ({}, "'optimizer' is None."),
        ({"lr_scheduler": STEP}, "'optimizer' is None."),
        ({"optimizer": "adam"}, "'optimizer' is a str."),
        ({"optimizer": [FIRST]}, "'optimizer' is a list of (SGD)."),
    ],
)
def test_what_has_no_meaning_is_described_together_with_the_forms_that_have(returned, described):
    message = refused(returned)
    assert message.startswith("configure_optimizers() returned")
    assert described in message
    assert "Return an optimizer, a list of optimizers" in message


@pytest.mark.parametrize(
    ("scheduler", "described"),
    [
        (3, "an int as lr_scheduler"),
        (None, "None as lr_scheduler"),
        (StepLR, "the class StepLR and not an object of it as lr_scheduler"),
        ([STEP], "a list of (StepLR) as lr_scheduler"),
        (SECOND, "an Adam as lr_scheduler"),
    ],
)
def test_what_is_no_scheduler_is_described(scheduler, described):
    assert described in refused(([FIRST], [scheduler]))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"interval": "step"}, "without 'scheduler'"),
        ({"scheduler": STEP, "interval": "batch"}, "StepLR has interval='batch'. Use 'epoch' or 'step'."),
        ({"scheduler": STEP, "frequency": 0}, "StepLR has frequency=0. Use a whole number"),
        ({"scheduler": STEP, "frequency": 1.5}, "frequency=1.5"),
        ({"scheduler": STEP, "frequency": True}, "frequency=True"),
        ({"scheduler": STEP, "frequency": "2"}, "frequency='2'"),
        ({"scheduler": OF_SECOND}, "StepLR changes an optimizer that configure_optimizers() does not return with it"),
    ],
)
def test_a_wrong_entry_of_a_scheduler_is_named(config, said):
    assert said in refused(([FIRST], [config]))


def test_a_scheduler_of_the_other_dictionary_s_optimizer_is_refused():
    assert "does not return with it" in refused(
        ({"optimizer": FIRST, "lr_scheduler": OF_SECOND}, {"optimizer": SECOND})
    )


def test_a_chain_of_schedulers_is_one():
    chain = ChainedScheduler([STEP])
    assert [config.scheduler for config in schedulers(chain)] == [chain]


def test_keys_without_a_meaning_are_reported_and_dropped():
    with pytest.warns(LeydenWarning, match=r"a dict with keys that have no meaning: extra, frequency\."):
        assert read_configuration({"optimizer": FIRST, "frequency": 1, "extra": 2})[0] == [FIRST]
    with pytest.warns(LeydenWarning, match=r"no meaning: intervall\. Known are scheduler, interval"):
        assert schedulers({"scheduler": STEP, "intervall": "step"})[0].interval == "epoch"


def test_none_is_an_optimizer_that_changes_nothing():
    with pytest.warns(LeydenWarning, match="changes no weights"):
        (made,), configs = read_configuration(None)
    assert isinstance(made, NoOptimizer)
    assert configs == []
    assert (made.step(), made.step(lambda: 3)) == (None, 3)
    made.zero_grad()
    made.load_state_dict(made.state_dict())
