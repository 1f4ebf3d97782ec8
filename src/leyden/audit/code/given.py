"""What calls inside a program give to its own functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from leyden.audit.code.bindings import Given, Own, Receiver, Scope


def give(call: ast.Call, scope: Scope) -> None:
    """Bind the parameters of a function of the program to what a call of it gives for them."""
    for function, bound in _called(call.func, scope):
        arguments = function.body.node.args if not isinstance(function.body.node, (ast.Module, ast.ClassDef)) else None
        if arguments is None:
            continue
        positional = [*arguments.posonlyargs, *arguments.args][bound:]
        for parameter, value in zip(positional, call.args, strict=False):
            if isinstance(value, ast.Starred):
                break
            function.body.add(parameter.arg, Given(value, scope))
        named = {parameter.arg for parameter in (*positional, *arguments.kwonlyargs)}
        for keyword in call.keywords:
            if keyword.arg in named:
                function.body.add(keyword.arg, Given(keyword.value, scope))


def _called(function: ast.expr, scope: Scope) -> Iterator[tuple[Own, int]]:
    """Functions of the program that a call may mean, with the number of parameters that are bound before."""
    match function:
        case ast.Name(id=name) if (found := scope.find(name)) is not None:
            yield from ((one, 0) for one in found[0] if isinstance(one, Own))
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if (found := scope.find(name)) is not None:
            for receiver in found[0]:
                if isinstance(receiver, Receiver):
                    methods = receiver.cls.names.get(attribute, ())
                    yield from ((one, 1) for one in methods if isinstance(one, Own))
        case _:
            return
