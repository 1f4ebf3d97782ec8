from __future__ import annotations

import pytest
import torch

from leyden.callbacks.checkpoint_names import check_template, last_names, render
from leyden.errors import PathError, SettingsError

METRICS = {
    "epoch": torch.tensor(3),
    "step": torch.tensor(17),
    "val/loss": torch.tensor(0.12345),
    "val_loss": torch.tensor(0.5),
    "acc": torch.tensor(0.98765),
    "a-b": torch.tensor(1.5),
    "nan": torch.tensor(float("nan")),
    "inf": torch.tensor(float("inf")),
    "big": torch.tensor(1e20),
    "a.b": torch.tensor(2.5),
    "a b": torch.tensor(3.0),
    "a=b": torch.tensor(3.0),
    "é": torch.tensor(1.0),
    "double": torch.tensor(0.1, dtype=torch.float64),
    "flag": torch.tensor(True),
    "float": 0.25,
    "int": 4,
}

# As pytorch-lightning 2.6.6 names them, with and without the names of the metrics.
LIGHTNING = [
    ("{epoch}-{step}", "epoch=3-step=17", "3-17"),
    ("{epoch:02d}-{step:05}", "epoch=03-step=00017", "03-00017"),
    ("{val/loss:.2f}", "val/loss=0.12", "0.12"),
    ("{val_loss:.2f}-{acc:.3f}", "val_loss=0.50-acc=0.988", "0.50-0.988"),
    ("plain", "plain", "plain"),
    ("{missing}", "missing=0", "0"),
    ("{missing:.2f}", "missing=0.00", "0.00"),
    ("{val/loss}", "val/loss=0.12345000356435776", "0.12345000356435776"),
    ("{a-b:.1f}", "a-b=1.5", "1.5"),
    ("{nan:.2f}_{inf}", "nan=nan_inf=inf", "nan_inf"),
    ("{big:.2f}", "big=100000002004087734272.00", "100000002004087734272.00"),
    ("{a.b:.2f}{a b}{a=b}{é}", "a.b=2.50a b=3.0a=b=3.0é=1.0", "2.503.03.01.0"),
    ("{double}", "double=0.1", "0.1"),
    ("{flag}", "flag=True", "True"),
    ("{float:.2f}-{int}", "float=0.25-int=4", "0.25-4"),
    ("x{epoch}y{step}", "xepoch=3ystep=17", "x3y17"),
    ("{epoch}{step}", "epoch=3step=17", "317"),
    ("sub/{epoch}", "sub/epoch=3", "sub/3"),
    ("{epoch:>5}", "epoch=    3", "    3"),
    ("{epoch.__class__}", "epoch.__class__=0", "0"),
    ("loss={val_loss:.2f}", "loss=val_loss=0.50", "loss=0.50"),
    ("{epoch:03d}-{epoch:02d}", "epoch=003-epoch=03", "003-03"),
    ("{val/loss:.2f}_{val_loss:.1f}", "val/loss=0.12_val_loss=0.5", "0.12_0.5"),
    ("{acc:.2%}-{acc:e}", "acc=98.76%-acc=9.876500e-01", "98.76%-9.876500e-01"),
    ("{epoch:02d}.ckpt", "epoch=03.ckpt", "03.ckpt"),
]


@pytest.mark.parametrize(("template", "with_names", "without"), LIGHTNING)
def test_names_are_lightnings(template, with_names, without):
    check_template("filename", template)
    assert render(template, METRICS, "=") == with_names
    assert render(template, METRICS, None) == without


def test_another_character_may_stand_for_the_equals_sign():
    assert render("{epoch}-{val/loss:.1f}", METRICS, ":") == "epoch:3-val/loss:0.1"


def test_rendering_leaves_the_metrics_alone():
    metrics = {"epoch": 1}
    render("{epoch}{missing}", metrics, "=")
    assert metrics == {"epoch": 1}


@pytest.mark.parametrize("template", ["{epoch", "epoch}", "{{epoch}}", "{}", "{:.2f}", "{acc:{n}}", "{epoch:.{n}f}"])
def test_braces_that_are_no_field_are_refused_at_once(template):
    with pytest.raises(SettingsError, match="braces that are not a field"):
        check_template("filename", template)


@pytest.mark.parametrize("spec", ["%Y", ".2q", "s"])
def test_a_format_for_no_number_is_refused_at_once(spec):
    with pytest.raises(SettingsError, match="no format for a number"):
        check_template("filename", f"{{epoch:{spec}}}")


def test_a_format_that_does_not_fit_its_value_names_the_metric():
    check_template("filename", "{val_loss:02d}")  # could be a whole number
    with pytest.raises(SettingsError, match=r"val_loss=0\.5: the format '02d'"):
        render("{val_loss:02d}", METRICS, "=")


@pytest.mark.parametrize(
    "template", ["../{epoch}", "a/../../{epoch}", "/tmp/{epoch}", "..", "a/..", "C:/{epoch}", "a\\{epoch}", "a\0b"]
)
def test_a_template_that_leaves_its_directory_is_refused_at_once(template):
    with pytest.raises(SettingsError, match="leads out of the directory"):
        check_template("filename", template)


@pytest.mark.parametrize(
    ("template", "equals"),
    [
        ("{../../x}", "="),  # the name of the metric leads out
        ("{/etc/x}", "="),
        ("{epoch:/>3}", None),  # its value does, by the format's fill character
    ],
)
def test_a_name_that_turns_out_to_leave_its_directory_is_refused(template, equals):
    check_template("filename", template)
    with pytest.raises(PathError, match="leads out of its directory"):
        render(template, METRICS, equals)


def test_last_checkpoints_are_told_by_their_names():
    names = last_names("last", "-", ".ckpt")
    for name in ("last.ckpt", "last-v1.ckpt", "last-v22.ckpt"):
        assert names.fullmatch(name)
    for name in ("lastx.ckpt", "xlast.ckpt", "last.txt", "last-v.ckpt", "last-v1.ckpt.tmp", "sub/last.ckpt"):
        assert not names.fullmatch(name)


def test_last_checkpoints_may_have_metrics_in_their_names():
    names = last_names("{epoch:02d}.x-last", "-", ".ckpt")
    assert names.fullmatch("epoch=03.x-last.ckpt")
    assert names.fullmatch("03.x-last-v2.ckpt")
    assert not names.fullmatch("03-x-last.ckpt")
