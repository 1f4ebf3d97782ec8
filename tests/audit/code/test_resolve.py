"""What expressions stand for, through imports, aliases, attributes and simple data flow."""

from __future__ import annotations

import ast

import pytest

from leyden.audit.code.resolve import NOTHING, Resolver, starts
from leyden.audit.code.scopes import scoped
from leyden.audit.finding import Budget


def paths(program: str) -> tuple[str, ...]:
    """What the argument of the first ``show(...)`` in a program stands for."""
    call = next(
        used
        for used in scoped(ast.parse(program), "package", Budget())
        if isinstance(used.node, ast.Call) and isinstance(used.node.func, ast.Name) and used.node.func.id == "show"
    )
    return Resolver().paths(call.node.args[0], call.scope)


@pytest.mark.parametrize(
    ("program", "path"),
    [
        ("import torch\nshow(torch.load)", "torch.load"),
        ("import torch as t\nshow(t.load)", "torch.load"),
        ("import os.path\nshow(os.path.join)", "os.path.join"),
        ("import torch.utils.data as d\nshow(d.DataLoader)", "torch.utils.data.DataLoader"),
        ("from torch import load as read\nshow(read)", "torch.load"),
        ("from torch import *\nshow(load)", "torch.load"),
        ("from torch.serialization import load\nshow(load)", "torch.load"),
        ("from . import helper\nshow(helper)", "package.helper"),
        ("show(eval)", "builtins.eval"),
        ("import torch\nread = torch.load\nagain = read\nshow(again)", "torch.load"),
        ("import torch\nshow(getattr(torch, 'lo' + 'ad'))", "torch.load"),
        ("import importlib\nname = 'torch'\nshow(importlib.import_module(name).load)", "torch.load"),
        ("show(__import__('pickle').loads)", "pickle.loads"),
        ("import pytorch_lightning as pl\nt = pl.Trainer()\nshow(t.fit)", "lightning.pytorch.Trainer().fit"),
        ("import lightning as L\nshow(L.Trainer)", "lightning.pytorch.Trainer"),
        (
            "import lightning as L\nclass M(L.LightningModule): ...\nshow(M.load)",
            "lightning.pytorch.LightningModule.load",
        ),
        ("import a\nclass B(a.C): ...\nclass D(B): ...\nshow(D().x)", "a.C().x"),
        ("import a\nclass B(a.C):\n  def m(self): show(self.x)", "a.C().x"),
        ("import a\nclass B(a.C):\n  @classmethod\n  def m(cls): show(cls.x)", "a.C.x"),
        ("import a\nclass B:\n  def m(self): self.x = a.y\n  def n(self): show(self.x)", "a.y"),
        ("import sys\nshow(sys.argv[1])", "sys.argv[]"),
        ("import sys\nfor one in sys.argv: show(one)", "sys.argv[]"),
        ("import a\nx, y = a.f, a.g\nshow(y)", "a.g"),
        ("import a\nx, y = a.f()\nshow(y)", "a.f()[]"),
        ("import a\nwith a.open() as f: show(f)", "a.open()"),
        ("import a\ndef f(x: a.C): show(x)", "a.C()"),
        ("import a\nfrom typing import Optional\ndef f(x: Optional[a.C]): show(x)", "a.C()"),
        ("import a\ndef f(x: a.C | None): show(x)", "a.C()"),
        ("import a\nif (x := a.f()): show(x)", "a.f()"),
        ("import a\nasync def f(): show(await a.g())", "a.g()"),
    ],
)
def test_an_expression_stands_for(program, path):
    assert path in paths(program)


def test_a_name_with_several_bindings_stands_for_each():
    assert set(paths("try:\n  import cPickle as p\nexcept ImportError:\n  import dill as p\nshow(p)")) == {
        "pickle",
        "dill",
    }


def test_a_parameter_hides_what_has_its_name_outside():
    assert paths("import torch\ndef f(torch): show(torch.load)") == ()


def test_the_body_of_a_class_is_no_scope_for_its_methods():
    assert paths("import a\nclass B:\n  x = a.y\n  def m(self): show(x)") == ()


@pytest.mark.parametrize("program", ["x = x\nshow(x)", "x = y\ny = x\nshow(x)", "x = x.a\nshow(x)", "show(unknown)"])
def test_what_leads_nowhere_stands_for_nothing(program):
    assert paths(program) == ()


def test_a_chain_of_names_is_followed_within_limits():
    long = "import a\nx0 = a.b\n" + "".join(f"x{n + 1} = x{n}\n" for n in range(500))
    assert paths(long + "show(x3)") == ("a.b",)
    assert paths(long + "show(x500)") == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("not True", False), ("'a' 'b'", "ab"), ("'a' + b", "ac"), ("f'a'", "a"), ("b", "c"), ("d", NOTHING)],
)
def test_constants_are_known(text, value):
    used = scoped(ast.parse(f"b = 'c'\nd = 1\nd = 2\nshow({text})"), "package", Budget())
    call = next(one for one in used if isinstance(one.node, ast.Call))
    assert Resolver().constant(call.node.args[0], call.scope) == value


@pytest.mark.parametrize("field", ["x: str = 'c'", "x: str = field(default='c')", "x = Field(default='c')"])
def test_a_field_has_its_default(field):
    program = f"class A:\n  {field}\n  def m(self): show(self.x)"
    call = next(
        one
        for one in scoped(ast.parse(program), "package", Budget())
        if isinstance(one.node, ast.Call) and getattr(one.node.func, "id", "") == "show"
    )
    assert Resolver().constant(call.node.args[0], call.scope) == "c"


def test_a_path_begins_with_another_at_whole_names_alone():
    assert starts("sys.argv[]", ("sys.argv",)) == "sys.argv"
    assert starts("sys.argv", ("os.environ", "sys.argv")) == "sys.argv"
    assert starts("sys.argvector", ("sys.argv",)) is None
