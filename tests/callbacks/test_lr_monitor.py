from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.callbacks.scripted import batches
from torch.optim import SGD, Adagrad, Adam, AdamW
from torch.optim.lr_scheduler import ExponentialLR, OneCycleLR, StepLR

import leyden as L
from leyden.callbacks.lr_monitor import LearningRateMonitor
from leyden.errors import ModuleError, SettingsError
from leyden.loggers import Logger


class Rows(Logger):
    """Keeps what it is told."""

    name = version = "rows"

    def __init__(self) -> None:
        self.rows: list[tuple[int, dict[str, float]]] = []

    def log_metrics(self, metrics, step=None):
        self.rows.append((step, dict(metrics)))

    def log_hyperparams(self, params, *args, **kwargs):
        pass


class Two(L.Module):
    """Two layers, and what ``configure`` makes of them."""

    def __init__(self, configure: Any) -> None:
        super().__init__()
        self.configure = configure
        self.a, self.b = torch.nn.Linear(2, 1), torch.nn.Linear(1, 1)

    def training_step(self, batch, batch_idx):
        return self.b(self.a(batch[0])).sum()

    def configure_optimizers(self):
        return self.configure(self)


class Manual(Two):
    automatic_optimization = False

    def training_step(self, batch, batch_idx):
        for optimizer in self.optimizers():
            optimizer.step()


def fit(module: L.Module, monitor: LearningRateMonitor, **settings: Any) -> tuple[L.Trainer, Any]:
    logger = Rows()
    quiet = {"enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = L.Trainer(
        accelerator="cpu",
        logger=logger,
        callbacks=[monitor],
        **(quiet | {"max_epochs": 2, "log_every_n_steps": 2} | settings),
    )
    trainer.fit(module, batches(4))
    return trainer, logger.rows


def rows(configure: Any, kind: type = Two, **arguments: Any) -> Any:
    return fit(kind(configure), LearningRateMonitor(**arguments))[1]


def names(configure: Any, kind: type = Two, **arguments: Any) -> list[str]:
    """The names of the first row."""
    return list(rows(configure, kind, **arguments)[0][1])


def sgd(module: Two, **arguments: Any) -> SGD:
    return SGD(module.parameters(), lr=0.1, **arguments)


def halved(module: Two, **config: Any) -> Any:
    optimizer = sgd(module)
    return [optimizer], [{"scheduler": StepLR(optimizer, 1, 0.5), **config}]


def groups(module: Two, *labels: str | None) -> SGD:
    layers = zip((module.a, module.b), labels, strict=True)
    return SGD([{"params": p.parameters(), "lr": 0.1} | ({"name": n} if n else {}) for p, n in layers])


def test_without_a_scheduler_epochs_and_steps_are_logged():
    assert [step for step, _ in rows(sgd)] == [0, 1, 3, 4, 5, 7]
    assert rows(sgd)[0] == (0, {"lr-SGD": 0.1})


def test_an_interval_may_be_chosen():
    assert [step for step, _ in rows(sgd, logging_interval="step")] == [1, 3, 5, 7]
    assert [step for step, _ in rows(sgd, logging_interval="epoch")] == [0, 4]


def test_with_a_scheduler_its_interval_counts():
    assert rows(halved) == [(0, {"lr-SGD": 0.1}), (4, {"lr-SGD": 0.05})]
    by_step = rows(lambda module: halved(module, interval="step"))
    assert [(step, row["lr-SGD"]) for step, row in by_step] == [(1, 0.05), (3, 0.0125), (5, 0.003125), (7, 0.00078125)]


def test_a_chosen_interval_counts_more_than_that_of_the_scheduler():
    assert [step for step, _ in rows(halved, logging_interval="step")] == [1, 3, 5, 7]


def test_two_schedulers_of_different_intervals_have_rows_of_their_own():
    def configure(module):
        optimizer = sgd(module)
        return [optimizer], [{"scheduler": StepLR(optimizer, 9), "interval": "step"}, ExponentialLR(optimizer, 0.9)]

    first, second = rows(configure)[:2]
    assert (first, second) == ((0, {"lr-SGD-1": 0.1}), (1, {"lr-SGD": 0.1}))


def test_no_row_is_logged_where_no_step_is():
    monitor = LearningRateMonitor("step")
    assert fit(Two(sgd), monitor, log_every_n_steps=0)[1] == []
    assert monitor.lrs == {"lr-SGD": []}


def test_steps_are_those_of_the_loggers_axis():
    _, logged = fit(Two(sgd), LearningRateMonitor("step"), accumulate_grad_batches=2, log_every_n_steps=1)
    assert [step for step, _ in logged] == [0, 0, 1, 1, 2, 2, 3, 3]


def test_groups_are_numbered_or_have_names():
    assert names(lambda m: groups(m, None, None)) == ["lr-SGD/pg1", "lr-SGD/pg2"]
    assert names(lambda m: groups(m, "body", "head")) == ["lr-SGD/body", "lr-SGD/head"]
    assert names(lambda m: groups(m, "body", None)) == ["lr-SGD/body", "lr-SGD/pg2"]
    assert names(lambda m: SGD([{"params": m.parameters(), "name": "all"}], lr=0.1)) == ["lr-SGD/all"]


def test_the_name_of_a_scheduler_takes_the_place_of_the_optimizers():
    assert names(lambda m: halved(m, name="rate")) == ["rate"]


def test_a_named_scheduler_is_not_counted_among_the_optimizers():
    def configure(module):
        first, second = SGD(module.a.parameters(), lr=0.1), SGD(module.b.parameters(), lr=0.2)
        return [first, second], [{"scheduler": StepLR(first, 1), "name": "mine"}]

    assert names(configure, Manual) == ["mine", "lr-SGD"]


def test_optimizers_of_one_type_are_numbered():
    def configure(module):
        return [SGD(module.a.parameters(), lr=0.1), SGD(module.b.parameters(), lr=0.2)]

    assert rows(configure, Manual, logging_interval="epoch")[0] == (0, {"lr-SGD": 0.1, "lr-SGD-1": 0.2})


def test_optimizers_with_a_scheduler_come_first():
    def configure(module):
        first, second = SGD(module.a.parameters(), lr=0.1), SGD(module.b.parameters(), lr=0.2)
        return [first, second], [StepLR(second, 1)]

    assert rows(configure, Manual)[0] == (0, {"lr-SGD": 0.2, "lr-SGD-1": 0.1})


def test_a_scheduler_that_does_not_tell_its_optimizer_is_passed_over():
    class Blind:
        def step(self, *_):
            pass

        def state_dict(self):
            return {}

        def load_state_dict(self, state):
            pass

    class Stepped(Two):
        def lr_scheduler_step(self, scheduler, metric):
            scheduler.step()

    assert names(lambda m: ([sgd(m)], [Blind()]), Stepped) == ["lr-SGD"]


@pytest.mark.parametrize(
    ("make", "momentum"),
    [
        (lambda p: SGD(p, lr=0.1, momentum=0.7), 0.7),
        (lambda p: Adam(p, lr=0.1, betas=(0.8, 0.9)), 0.8),
        (lambda p: Adagrad(p, lr=0.1), 0),
    ],
)
def test_the_momentum_may_be_logged(make, momentum):
    monitor = LearningRateMonitor(log_momentum=True)
    _, logged = fit(Two(lambda m: make(m.parameters())), monitor)
    name = f"lr-{type(make(Two(None).parameters())).__name__}"
    assert logged[0] == (0, {name: 0.1, f"{name}-momentum": momentum})
    assert monitor.last_momentum_values == {f"{name}-momentum": momentum}
    assert monitor.last_weight_decay_values == {}


def test_a_momentum_that_a_scheduler_changes_is_followed():
    def configure(module):
        optimizer = Adam(module.parameters(), lr=0.1)
        return [optimizer], [{"scheduler": OneCycleLR(optimizer, 0.1, total_steps=9), "interval": "step"}]

    logged = [row["lr-Adam-momentum"] for _, row in rows(configure, log_momentum=True)]
    assert len(set(logged)) == 4


def test_the_weight_decay_may_be_logged():
    monitor = LearningRateMonitor(log_weight_decay=True)
    _, logged = fit(Two(lambda m: AdamW(m.parameters(), lr=0.1, weight_decay=0.3)), monitor)
    assert logged[0][1] == {"lr-AdamW": 0.1, "lr-AdamW-weight_decay": 0.3}
    assert monitor.last_weight_decay_values == {"lr-AdamW-weight_decay": 0.3}


def test_the_rates_are_kept_and_shown_to_callbacks():
    monitor = LearningRateMonitor()
    trainer, _ = fit(Two(halved), monitor)
    assert monitor.lrs == {"lr-SGD": [0.1, 0.05]}
    assert trainer.callback_metrics["lr-SGD"] == torch.tensor(0.05)


def test_a_second_fit_keeps_its_own_rates():
    monitor = LearningRateMonitor()
    trainer, _ = fit(Two(halved), monitor)
    trainer.fit_loop.max_epochs = 3
    trainer.fit(Two(sgd), batches(4))
    assert monitor.lrs == {"lr-SGD": [0.1, 0.1, 0.1]}


def test_a_rate_that_is_a_tensor_is_logged_as_it_was():
    monitor = LearningRateMonitor()
    _, logged = fit(Two(lambda m: Adam(m.parameters(), lr=torch.tensor(0.5))), monitor)
    assert all(type(row["lr-Adam"]) is float for _, row in logged)


@pytest.mark.parametrize("name", [None, "late"])
def test_a_group_that_is_added_takes_its_own_name_from_there_on(name):
    class Late(Two):
        def on_train_epoch_start(self):
            if self.current_epoch == 1:
                group = {"params": self.b.parameters(), "lr": 0.5} | ({"name": name} if name else {})
                self.trainer.optimizers[0].add_param_group(group)

    monitor = LearningRateMonitor("step")
    fit(Late(lambda m: SGD(m.a.parameters(), lr=0.1)), monitor)
    assert monitor.lrs == {"lr-SGD/pg1": [0.1] * 4, f"lr-SGD/{name or 'pg2'}": [0.5] * 2}


def test_a_run_without_an_optimizer_has_no_rates():
    monitor = LearningRateMonitor()
    with pytest.warns(UserWarning, match="changes no weights"):
        _, logged = fit(Two(lambda m: None), monitor)
    assert (logged, monitor.lrs) == ([], {})


def test_groups_that_share_a_name_are_refused():
    with pytest.raises(ModuleError, match=r"lr-SGD has several parameter groups with the name 'same'"):
        rows(lambda m: groups(m, "same", "same"))


@pytest.mark.parametrize("interval", ["batch", 1, True])
def test_an_unknown_interval_is_refused(interval):
    with pytest.raises(SettingsError, match=r"LearningRateMonitor\(logging_interval=.*'step', 'epoch'"):
        LearningRateMonitor(interval)


def test_it_needs_a_logger():
    with pytest.raises(SettingsError, match=r"LearningRateMonitor, but logger=False"):
        L.Trainer(accelerator="cpu", logger=False, callbacks=[LearningRateMonitor()])


def test_a_logger_that_is_taken_away_is_missed_before_the_run():
    trainer = L.Trainer(accelerator="cpu", callbacks=[LearningRateMonitor()], enable_progress_bar=False)
    trainer.logger = None
    with pytest.raises(SettingsError, match="nowhere to log to"):
        trainer.fit(Two(sgd), batches(1))
