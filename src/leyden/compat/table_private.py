"""Names of Lightning's that no page of it documents and that published programs import all the same.

``SERVED`` and ``LATER`` are explained in ``table_pytorch``. A name of ``LATER`` can be imported here even where it is a
function, since a program that imports it need not use it: a call is the error.
"""

from __future__ import annotations

from typing import Final

SERVED: Final[dict[str, dict[str, str]]] = {
    "lightning.fabric.utilities.device_parser": {
        "_check_data_type": "leyden.compat.private:check_data_type",
        "_check_unique": "leyden.compat.private:check_unique",
        "_normalize_parse_gpu_string_input": "leyden.compat.private:devices_of_text",
    },
    "lightning.pytorch.core.saving": {
        "_load_from_checkpoint": "leyden.compat.private:load_from_checkpoint",
        "get_filesystem": "leyden.compat.utilities:get_filesystem",
    },
    "lightning.pytorch.trainer.setup": {"_log_device_info": "leyden.compat.private:log_device_info"},
    # The programs that patch Trainer.fit of both roots must not patch one class twice: see compat/trainer.py.
    "pytorch_lightning": {"Trainer": "leyden.compat.trainer:Trainer"},
}

LATER: Final[dict[str, tuple[str, ...]]] = {
    "lightning.fabric.strategies.fsdp": ("_get_full_state_dict_context", "_setup_activation_checkpointing"),
    "lightning.fabric.utilities.enums": ("LightningEnum",),
    "lightning.fabric.utilities.init": ("_materialize_meta_tensors",),
    "lightning.fabric.utilities.load": ("_NotYetLoadedTensor", "_lazy_load"),
    "lightning.fabric.utilities.registry": ("_register_classes",),
    "lightning.fabric.utilities.testing": ("_runif_reasons",),
    "lightning.fabric.utilities.testing._runif": ("_runif_reasons",),
    "lightning.pytorch.core.optimizer": ("_MockOptimizer",),
    "lightning.pytorch.strategies": ("_register_classes",),
    "lightning.pytorch.trainer.connectors": (),
    "lightning.pytorch.trainer.connectors.checkpoint_connector": ("_CheckpointConnector",),
    "lightning.pytorch.trainer.connectors.logger_connector": (),
    "lightning.pytorch.trainer.connectors.logger_connector.result": ("_ResultMetric",),
}
