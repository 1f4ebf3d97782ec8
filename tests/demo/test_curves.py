from __future__ import annotations

import xml.etree.ElementTree as ET
from math import log

import pytest

from leyden.demo.curves import TRAINING, VALIDATION, Axis, Line, Panel, draw, read
from leyden.errors import DataError

SVG = "{http://www.w3.org/2000/svg}"
LOSS = Panel("Loss", [Line("loss", "training", TRAINING), Line("val", "validation", VALIDATION)], log=True)
ACCURACY = Panel("Accuracy", [Line("accuracy", "validation", VALIDATION)], percent=True, best="accuracy")
COLUMNS = {"loss": [(0, 2.0), (50, 0.2), (99, 0.02)], "accuracy": [(49, 0.5), (74, 0.9), (99, 0.8)]}


def words(svg: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(svg).iter(f"{SVG}text")]


def lines(svg: str) -> list[list[tuple[float, float]]]:
    paths = [node.get("points", "") for node in ET.fromstring(svg).iter(f"{SVG}polyline")]
    return [[tuple(map(float, point.split(","))) for point in path.split()] for path in paths]


def test_a_table_is_read_by_columns_and_without_holes(tmp_path):
    table = tmp_path / "metrics.csv"
    table.write_text("epoch,step,loss,val\n0,4,0.5,\n0,9,nan,\n0,9,,0.25\n")
    assert read(table) == {"epoch": [(4, 0), (9, 0), (9, 0)], "loss": [(4, 0.5)], "val": [(9, 0.25)]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch,loss\n0,1\n", "has no column 'step'"),
        ("", "has no column 'step'"),
        ("step,loss\n1,much\n", "line 2: 'much' is not a number"),
        ("step,loss\n1,2,3\n", "line 2: the cells do not fit the header"),
        ("step,loss\n,2\n", "line 2: the cells do not fit the header"),
    ],
)
def test_a_table_that_is_not_one_is_refused_with_its_place(tmp_path, text, message):
    table = tmp_path / "metrics.csv"
    table.write_text(text)
    with pytest.raises(DataError, match=message):
        read(table)


def test_the_picture_names_its_panels_axes_and_lines():
    shown = words(draw(COLUMNS, [LOSS, ACCURACY], title="Digits", subtitle="one run", mark=(50, "resumed here")))
    assert {"Digits", "one run", "Loss", "Accuracy", "step", "training", "validation", "best 90.0%"} <= set(shown)
    assert shown.count("resumed here") == 2
    assert {"0.02", "1", "60%", "40"} <= set(shown)


def test_a_line_without_points_is_not_in_the_legend():
    assert "validation" not in words(draw(COLUMNS, [LOSS], title=""))


def test_equal_ratios_are_equal_distances_on_a_log_scale():
    (loss,) = (line for line in lines(draw(COLUMNS, [LOSS], title="")) if line)
    (_, high), (_, middle), (_, low) = loss
    assert high < middle < low
    assert low - middle == pytest.approx(middle - high, abs=0.11)


def test_values_that_a_log_scale_cannot_show_are_left_out():
    drawn = draw({"loss": [(0, 1.0), (1, 0.0), (2, -1.0), (3, 0.1)]}, [LOSS], title="")
    assert [len(line) for line in lines(drawn) if line] == [2]


def test_a_single_point_can_be_drawn():
    for panel, column in ((LOSS, "loss"), (ACCURACY, "accuracy")):
        (line,) = (line for line in lines(draw({column: [(0, 0.5)]}, [panel], title="")) if line)
        assert len(line) == 1


def test_words_are_escaped():
    drawn = draw(COLUMNS, [LOSS], title="<script>alert(1)</script> & more")
    assert "<script>" not in drawn
    assert "<script>alert(1)</script> & more" in words(drawn)


def test_nothing_to_draw_is_an_error_that_names_the_columns():
    with pytest.raises(DataError, match="none of the columns loss, val has a value"):
        draw({"other": [(0, 1.0)]}, [LOSS], title="")


@pytest.mark.parametrize("log_scale", [False, True])
def test_ticks_are_round_and_inside_the_axis(log_scale):
    ticks = Axis(0.013, 2.4, 400, 0, log_scale).ticks()
    assert 3 <= len(ticks) <= 8
    assert all(0.013 <= tick <= 2.4 and len(f"{tick:g}") <= 4 for tick in ticks)


def test_an_axis_maps_its_ends_to_its_ends():
    assert Axis(1, 9, 400, 100).at(9) == 100
    assert Axis(1, 9, 400, 100, log=True).at(3) == pytest.approx(400 - 300 * log(3) / log(9))
