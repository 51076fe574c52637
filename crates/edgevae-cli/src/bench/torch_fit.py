"""Fits edgevae's network with PyTorch and prints the seconds that it took, as JSON: {"fit_seconds": 3.4}.

    python3 torch_fit.py TRAIN.csv --hidden 64,32 --latent 8 --epochs 50 --threads 1

The same network, objective, optimizer, batches and beta schedule as `edgevae bench`, as one would write it: torch.nn, autograd
and torch.optim.Adam. TRAIN.csv has a header and numbers only. Reading and scaling are not on the clock.
"""
import argparse
import json
import time

import torch
from torch import nn

BATCH, LEARNING_RATE, WARM_UP = 128, 1e-3, 30


def layers(widths):
    """Linear layers with ReLU after each."""
    pairs = zip(widths, widths[1:])
    return [part for pair in pairs for part in (nn.Linear(*pair), nn.ReLU())]


class VariationalAutoencoder(nn.Module):
    def __init__(self, inputs, hidden, latent):
        super().__init__()
        self.encoder = nn.Sequential(*layers([inputs, *hidden]))
        self.mu = nn.Linear(hidden[-1], latent)
        self.logvar = nn.Linear(hidden[-1], latent)
        self.decoder = nn.Sequential(*layers([latent, *reversed(hidden)]), nn.Linear(hidden[0], inputs))

    def objective(self, x, beta):
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        reconstruction = 0.5 * (self.decoder(z) - x).square().sum(1)
        kl = 0.5 * (mu.square() + logvar.exp() - logvar - 1).sum(1)
        return (reconstruction + beta * kl).mean()


def read(path):
    with open(path) as file:
        next(file)
        x = torch.tensor([[float(cell) for cell in line.split(",")] for line in file])
    return (x - x.mean(0)) / x.std(0).clamp_min(1e-12)


def fit(model, x, epochs):
    adam = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    for epoch in range(epochs):
        beta = min(1.0, (epoch + 1) / WARM_UP)
        for rows in torch.randperm(len(x)).split(BATCH):
            adam.zero_grad()
            model.objective(x[rows], beta).backward()
            adam.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train")
    parser.add_argument("--hidden", type=lambda text: [int(width) for width in text.split(",")], default=[64, 32])
    parser.add_argument("--latent", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(arguments.threads)
    x = read(arguments.train)
    model = VariationalAutoencoder(x.shape[1], arguments.hidden, arguments.latent)
    start = time.perf_counter()
    fit(model, x, arguments.epochs)
    print(json.dumps({"fit_seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
