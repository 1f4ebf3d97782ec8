"""The comparison itself: what it finds and how it says it."""

from __future__ import annotations

import torch
from tests.parity.compare import mismatches
from tests.parity.toolkit import describe, exact


def test_equal_answers_have_no_mismatch() -> None:
    assert mismatches({"a": [1, {"b": "x"}]}, {"a": [1, {"b": "x"}]}, {}) == []


def test_the_first_differing_line_is_shown_with_what_came_before() -> None:
    theirs = {"trace": ["one", "two", "three", "four"]}
    ours = {"trace": ["one", "two", "3", "four"]}
    (text,) = mismatches(theirs, ours, {})
    assert text.startswith("trace[2] of 4 (Lightning) and 4 (Leyden)\n             one\n             two\n")
    assert "  Lightning: three\n" in text
    assert "  Leyden:    3\n" in text


def test_a_shorter_trace_is_a_mismatch_at_its_end() -> None:
    (text,) = mismatches({"trace": ["one", "two"]}, {"trace": ["one"]}, {})
    assert "Leyden:    <nothing more>" in text


def test_a_missing_key_is_a_mismatch() -> None:
    (text,) = mismatches({"a": 1}, {}, {})
    assert "<absent>" in text


def test_a_declared_difference_is_accepted_where_it_is() -> None:
    assert mismatches({"x": {"a": 1, "b": 1}}, {"x": {"a": 2, "b": 1}}, {"*.a": "on purpose"}) == []


def test_a_declared_difference_must_be_there() -> None:
    (text,) = mismatches({"a": 1}, {"a": 1}, {"a": "on purpose"})
    assert text == "a: declared to differ, but does not"


def test_a_difference_declared_for_some_lines_covers_no_others() -> None:
    declared = {"trace": {"lines": "teardown", "reason": "on purpose"}}
    assert mismatches({"trace": ["a", "b"]}, {"trace": ["a", "teardown", "b"]}, declared) == []
    assert mismatches({"trace": ["a", "b"]}, {"trace": ["a", "teardown", "c"]}, declared) != []


def test_floats_and_tensors_are_kept_exactly(tmp_path: object) -> None:
    assert exact(0.1, tmp_path) == "0x1.999999999999ap-4"
    assert exact(torch.tensor([1.0, 2.0]), tmp_path) != exact(torch.tensor([1.0, 2.0000002]), tmp_path)
    assert exact(torch.tensor(1.0), tmp_path) != exact(torch.tensor(1.0, dtype=torch.float64), tmp_path)


def test_a_described_tensor_says_whether_it_carries_a_graph() -> None:
    assert describe(torch.tensor(1.5, requires_grad=True)) == "1.5:float32 graph"
