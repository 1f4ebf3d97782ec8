import pytest

from leyden.core.board import Board
from leyden.core.slots import Flags
from leyden.core.stage import RunningStage
from leyden.errors import LogError

EPOCH = Flags(on_epoch=True)


def test_one_loader_needs_no_suffix():
    assert Board(RunningStage.VALIDATING).new_slot("validation_step", "x", EPOCH).bare_name == "x"


@pytest.mark.parametrize("hook", ["validation_step", "on_test_batch_start", "on_validation_batch_end"])
def test_one_of_several_loaders_has_its_suffix_in_the_hooks_of_its_batches(hook):
    board = Board(RunningStage.VALIDATING, 2)
    board.loader = 1
    assert board.new_slot(hook, "x", EPOCH).bare_name == "x/dataloader_idx_1"


@pytest.mark.parametrize("hook", ["on_validation_start", "on_validation_epoch_start", "on_test_epoch_end"])
def test_a_hook_for_all_loaders_has_none(hook):
    slot = Board(RunningStage.VALIDATING, 2).new_slot(hook, "x", EPOCH)
    assert (slot.bare_name, slot.loader) == ("x", None)


def test_what_belongs_to_a_loader_comes_before_what_all_share():
    board = Board(RunningStage.VALIDATING, 2)
    board.new_slot("on_validation_start", "all", EPOCH)
    for loader in (0, 1):
        board.loader = loader
        board.new_slot("validation_step", "x", EPOCH)
    assert [slot.bare_name for slot in board.all()] == ["x/dataloader_idx_0", "x/dataloader_idx_1", "all"]


def test_an_error_names_the_hook_and_the_loaders():
    board = Board(RunningStage.VALIDATING, 2)
    own = Flags(on_epoch=True, add_dataloader_idx=False)
    board.new_slot("validation_step", "x", own)
    board.loader = 1
    with pytest.raises(LogError, match="in validation_step: loaders 0 and 1"):
        board.new_slot("validation_step", "x", own)
