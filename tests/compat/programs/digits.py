"""A program as its author wrote it for Lightning: both spellings, a data module, callbacks and a logger."""

import lightning as L
import pytorch_lightning as pl
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Data(L.LightningDataModule):
    def __init__(self, batch_size: int = 8):
        super().__init__()
        self.save_hyperparameters()

    def setup(self, stage):
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(64, 4, generator=generator)
        self.data = TensorDataset(x, x.sum(1, keepdim=True))

    def train_dataloader(self):
        return DataLoader(self.data, batch_size=self.hparams.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.data, batch_size=self.hparams["batch_size"])


class Model(pl.LightningModule):
    def __init__(self, width: int = 8, lr: float = 0.05):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, batch_idx):
        loss = nn.functional.mse_loss(self(batch[0]), batch[1])
        self.log("train_loss", loss, prog_bar=True, on_step=True, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", nn.functional.mse_loss(self(batch[0]), batch[1]))

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.hparams.lr)
        return {"optimizer": optimizer, "lr_scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 1)}


class Ended(pl.Callback):
    @rank_zero_only
    def on_train_end(self, trainer, pl_module):
        print("ended", trainer.state.fn == "fit")


pl.seed_everything(7)
keep = ModelCheckpoint(monitor="val_loss", save_top_k=1)
trainer = L.Trainer(
    max_epochs=2,
    accelerator="cpu",
    logger=CSVLogger("logs"),
    callbacks=[keep, EarlyStopping("val_loss"), Ended()],
    enable_progress_bar=False,
    enable_model_summary=False,
    log_every_n_steps=4,
)
trainer.fit(Model(width=16), datamodule=Data())
again = Model.load_from_checkpoint(keep.best_model_path)
print("epochs", trainer.current_epoch, "steps", trainer.global_step, "restored", again.hparams.width == 16)
