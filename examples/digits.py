"""Train a small network on real handwritten digits: `python examples/digits.py`."""

import argparse

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

import leyden as L
from leyden.callbacks import ModelCheckpoint
from leyden.demo import digits


class Digits(L.Module):
    def __init__(self, learning_rate=3e-3):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(
            *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU()),
            *(nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.25)),
            *(nn.Linear(512, 32), nn.ReLU(), nn.Linear(32, 10)),
        )

    def training_step(self, batch, batch_idx):
        pictures, answers = batch
        loss = F.cross_entropy(self.net(pictures), answers)
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch, batch_idx):
        pictures, answers = batch
        correct = self.net(pictures).argmax(dim=1) == answers
        self.log("val/accuracy", correct.float().mean(), prog_bar=True)

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=self.hparams.learning_rate)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--out", default="runs/digits")
    options = parser.parse_args(arguments)

    L.seed_everything(7)
    training, validation = digits.load()
    train_loader = DataLoader(training, batch_size=32, shuffle=True)
    val_loader = DataLoader(validation, batch_size=360)

    keep_best = ModelCheckpoint(monitor="val/accuracy", mode="max")
    trainer = L.Trainer(max_epochs=options.epochs, callbacks=[keep_best], default_root_dir=options.out)
    trainer.fit(Digits(), train_loader, val_loader)
    trainer.validate(dataloaders=val_loader, ckpt_path="best")
    print("best checkpoint:", keep_best.best_model_path)


if __name__ == "__main__":
    main()
