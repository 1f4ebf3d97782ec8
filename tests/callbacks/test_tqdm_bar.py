from __future__ import annotations

import io

import pytest

from leyden.callbacks.tqdm_bar import Tqdm


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1, "1"),
        (12345, "12345"),
        (1.0, "1.000"),
        (0.001, "0.001"),
        (0.1, "0.100"),
        (100.0, "100.0"),
        (123.456789, "123.0"),
        (-0.5, "-0.50"),
        (1e-5, "1e-5"),
        (1234567.0, "1.23e+6"),
        ("1.0", "1.000"),
        ("10000", "10000"),
        ("abc", "abc"),
        ("1e-5", "1e-5"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (True, "1"),
    ],
)
def test_a_number_is_padded_so_that_the_line_stands_still(number, text):
    assert Tqdm.format_num(number) == text


def test_creating_and_resetting_draw_nothing():
    screen = Terminal()
    bar = Tqdm(total=3, desc="Training", file=screen)
    bar.reset()
    assert screen.getvalue() == ""
    bar.refresh()
    assert "Training:   0%" in screen.getvalue()
    bar.close()


def test_a_bar_that_was_never_drawn_and_is_not_left_leaves_the_screen_untouched():
    screen = Terminal()
    Tqdm(total=3, file=screen, leave=False, position=1).close()
    assert screen.getvalue() == ""


def test_a_bar_that_is_left_shows_its_last_state_though_it_was_never_drawn():
    screen = Terminal()
    bar = Tqdm(total=3, file=screen, leave=True)
    bar.n = 3
    bar.close()
    assert "3/3" in screen.getvalue()
    assert screen.getvalue().endswith("\n")


def test_without_a_terminal_each_drawing_is_a_line():
    log = io.StringIO()
    bar = Tqdm(total=3, desc="Training", file=log)
    bar.set_description("Epoch 0", refresh=False)
    bar.n = 2
    bar.set_postfix({"loss": 0.25}, refresh=False)
    bar.refresh()
    (line,) = log.getvalue().splitlines()
    assert line.startswith("Epoch 0: 2/3 [00:00, ")
    assert line.endswith("it/s, loss=0.250]")
    assert "\r" not in line
    bar.close()


def test_a_line_that_says_nothing_new_is_not_written_again():
    log = io.StringIO()
    bar = Tqdm(total=3, desc="Testing", file=log)
    bar.n = 3
    bar.refresh()
    bar.refresh()
    bar.close()
    assert len(log.getvalue().splitlines()) == 1


def test_closing_a_bar_of_lines_writes_its_last_state_only_if_it_is_left():
    log = io.StringIO()
    Tqdm(desc="Validation", file=log, leave=False).close()
    assert log.getvalue() == ""
    Tqdm(desc="Validation", file=log, leave=True).close()
    assert log.getvalue().startswith("Validation: 0/? [")
    assert log.getvalue().endswith("]\n")


def test_a_notebook_without_widgets_gets_a_bar():
    cell = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})()
    bar = Tqdm(total=3, file=cell)
    assert not bar.lines
    bar.close()


def test_no_thread_watches_a_bar():
    bar = Tqdm(total=3, file=io.StringIO())
    assert bar.monitor is None
    bar.close()
