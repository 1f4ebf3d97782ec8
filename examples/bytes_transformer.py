"""Train a small byte-level transformer on the Python reference: `python examples/bytes_transformer.py --steps 500`.

The text is `pydoc_data.topics`, which every CPython carries: half a megabyte of English, nothing to download.
"""

import argparse
from pydoc_data.topics import topics

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

import leyden as L

CONTEXT = 64  # bytes that the model sees at once


class Windows(Dataset):
    """Every stretch of CONTEXT bytes, and the same one byte further on."""

    def __init__(self, text):
        self.bytes = torch.frombuffer(bytearray(text), dtype=torch.uint8).long()

    def __len__(self):
        return len(self.bytes) - CONTEXT

    def __getitem__(self, start):
        window = self.bytes[start : start + CONTEXT + 1]
        return window[:-1], window[1:]


class Transformer(L.Module):
    def __init__(self, width=128, heads=4, layers=2, learning_rate=4e-3):
        super().__init__()
        self.save_hyperparameters()
        self.byte = nn.Embedding(256, width)
        self.place = nn.Embedding(CONTEXT, width)
        nn.init.normal_(self.byte.weight, std=0.02)
        nn.init.normal_(self.place.weight, std=0.02)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(width), enable_nested_tensor=False)
        self.head = nn.Linear(width, 256)
        self.register_buffer("past", nn.Transformer.generate_square_subsequent_mask(CONTEXT), persistent=False)

    def forward(self, text):
        length = text.shape[1]
        inner = self.byte(text) + self.place.weight[:length]
        return self.head(self.blocks(inner, mask=self.past[:length, :length], is_causal=True))

    def loss(self, batch):
        text, following = batch
        return F.cross_entropy(self(text).flatten(0, 1), following.flatten())

    def training_step(self, batch, batch_idx):
        loss = self.loss(batch)
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val/loss", self.loss(batch), prog_bar=True)

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), self.hparams.learning_rate, weight_decay=0.1)
        steps = self.trainer.estimated_stepping_batches
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.hparams.learning_rate, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    @torch.no_grad()
    def write(self, beginning, length=300, temperature=0.7):
        """Continue a text, byte by byte."""
        text = torch.tensor([list(beginning.encode())])
        for _ in range(length):
            chances = (self(text[:, -CONTEXT:])[:, -1] / temperature).softmax(dim=-1)
            text = torch.cat([text, torch.multinomial(chances, 1)], dim=1)
        return bytes(text[0].tolist()).decode(errors="replace")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--out", default="runs/bytes")
    options = parser.parse_args(arguments)

    L.seed_everything(7)
    text = "\n".join(topics.values()).encode()
    split = len(text) * 9 // 10
    trainer = L.Trainer(
        accelerator="cpu",
        max_steps=options.steps,
        val_check_interval=min(100, options.steps),
        limit_val_batches=10,
        gradient_clip_val=1.0,
        default_root_dir=options.out,
    )
    model = Transformer()
    trainer.fit(
        model,
        DataLoader(Windows(text[:split]), batch_size=32, shuffle=True),
        DataLoader(Windows(text[split:]), batch_size=64),
    )
    print(f"\nvalidation loss: {trainer.callback_metrics['val/loss']:.3f} nats a byte\n")
    print(model.eval().write("The following"))


if __name__ == "__main__":
    main()
