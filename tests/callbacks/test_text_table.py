from __future__ import annotations

from leyden.callbacks.text_table import results_table, text_table


def test_columns_are_as_wide_as_they_need_to_be():
    assert text_table(["name", "n"], [["a", "100"], ["longer", "1"]], ["<", ">"]) == "\n".join(
        [
            "name      n",
            "------  ---",
            "a       100",
            "longer    1",
        ]
    )


def test_a_table_without_rows_is_its_header():
    assert text_table(["name"], [], ["<"]) == "name\n----"


def test_results_of_one_loader_are_names_and_values():
    assert results_table([{"test/loss": 0.123456789, "acc": 1.0, "count": 3}]) == "\n".join(
        [
            "Metric        Value",
            "---------  --------",
            "test/loss  0.123457",
            "acc               1",
            "count             3",
        ]
    )


def test_a_metric_of_several_loaders_is_one_line_with_a_column_for_each():
    results = [{"v/dataloader_idx_0": 1.5, "first": 2.0}, {"v/dataloader_idx_1": 1e-9, "second": 3.0}]
    assert results_table(results, "Validation") == "\n".join(
        [
            "Validation  DataLoader 0  DataLoader 1",
            "----------  ------------  ------------",
            "v                    1.5         1e-09",
            "first                  2",
            "second                               3",
        ]
    )


def test_no_results_are_no_table():
    assert results_table([]) == ""
    assert results_table([{}, {}]) == ""
