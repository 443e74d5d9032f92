"""The experiments' work in PyTorch, for torch_bench.py.

    torch_work.py THREADS MNIST-FOLDER FASHION-MNIST-FOLDER

prints PyTorch's version, then reads lines `WORK STEPS` and answers each with the seconds that those
steps took and those of the processor, of all threads, the data being in memory as float tensors, and nets and optimisers made and warmed up.
Threads of BLAS come from the environment.

Tried and no faster, each in turn with this within one process: foreach=True in the optimisers,
channels_last for the convolutions, torch.jit.script, gradients set to zero rather than to None.
SPDX-License-Identifier: GPL-3.0-or-later
"""
import functools
import gzip
import os
import sys
import time

import numpy
import torch
from torch import nn
from torch.nn import functional

FOLDERS = {}
FUSED = {"fused": True} if torch.__version__ >= "2.4" else {}  # Adam's, which is the fastest where it is


# ---- data ----

def read_idx(path):
    if os.path.exists(path + ".gz"):
        file = gzip.open(path + ".gz", "rb")
    else:
        file = open(path, "rb")
    with file:
        content = file.read()
    shape = numpy.frombuffer(content, ">i4", content[3], 4)
    values = numpy.frombuffer(content, "u1", -1, 4 + 4 * len(shape))
    return torch.from_numpy(values.reshape(shape).copy())


@functools.lru_cache(None)
def dataset(name, part="train"):
    """Pixels [n, 784] as floats from 0 to 1, and labels."""
    x = read_idx(f"{FOLDERS[name]}/{part}-images-idx3-ubyte").flatten(1).float().div_(255)
    return x, read_idx(f"{FOLDERS[name]}/{part}-labels-idx1-ubyte").long()


def r2rt_images():
    x, labels = dataset("mnist")
    return x[5000:], labels[5000:]


def batches(count, size):
    """Indices, from a fresh shuffle each epoch."""
    while True:
        yield from torch.randperm(count).split(size)


# ---- nets ----

def truncated_normal(values, stddev=0.1):
    return nn.init.trunc_normal_(values, 0.0, stddev, -2 * stddev, 2 * stddev)


def r2rt_start(net):
    for layer in net:
        if hasattr(layer, "weight"):
            truncated_normal(layer.weight)
            nn.init.constant_(layer.bias, 0.1)
    return net


def r2rt_net():
    return r2rt_start(nn.Sequential(nn.Linear(784, 100), nn.Sigmoid(), nn.Linear(100, 100), nn.Sigmoid(),
                                    nn.Linear(100, 10)))


def mlp256_net():
    net = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
    for values in net.parameters():
        nn.init.normal_(values)
    return net


def glorot_start(net):
    for layer in net:
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return net


def fashion_net():
    return glorot_start(nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)))


def cnn_net():
    return r2rt_start(nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(3136, 1024), nn.ReLU(), nn.Dropout(0.5), nn.Linear(1024, 10)))


def fashion_cnn_net():
    net = glorot_start(nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.2), nn.Flatten(),
        nn.Linear(5408, 128), nn.ReLU(), nn.BatchNorm1d(128), nn.Dropout(0.25), nn.Linear(128, 10)))
    nn.init.kaiming_normal_(net[1].weight, nonlinearity="relu")
    return net


# ---- steps: each function makes what it needs and returns one step ----

def training(net, data, batch, optimiser, reduction="mean"):
    x, labels = data
    loss = nn.CrossEntropyLoss(reduction=reduction)
    order = batches(len(x), batch)
    net.train()

    def step():
        index = next(order)
        optimiser.zero_grad(set_to_none=True)
        loss(net(x.index_select(0, index)), labels.index_select(0, index)).backward()
        optimiser.step()
    return step


def adagrad(parameters):
    """TensorFlow 1's: no epsilon, accumulators from 0.1."""
    return torch.optim.Adagrad(parameters, 0.01, initial_accumulator_value=0.1, eps=0.0)


def r2rt_training(net):
    return training(net, r2rt_images(), 1000, adagrad(net.parameters()), "sum")


class Inverse:
    """From the values before the second sigmoid (logit(sigmoid(z)) is z) down to the image."""

    def __init__(self, net):
        self.bias1, self.bias2 = net[0].bias.detach(), net[2].bias.detach()
        self.kernel1 = truncated_normal(torch.empty(100, 784)).requires_grad_()
        self.kernel2 = truncated_normal(torch.empty(100, 100)).requires_grad_()

    def __call__(self, z):
        """The estimate of the first layer's values, and the image."""
        hidden = (z - self.bias2) @ self.kernel2
        squashed = hidden - hidden.amin(1, keepdim=True)
        squashed = (squashed / squashed.amax(1, keepdim=True) - 0.5) * 0.99 + 0.5
        return hidden, (torch.logit(squashed) - self.bias1) @ self.kernel1


def r2rt_inverting(net, inverse):
    x, _ = r2rt_images()
    optimiser = adagrad([inverse.kernel1, inverse.kernel2])
    order = batches(len(x), 1000)
    below = net[:3]

    def step():
        batch = x.index_select(0, next(order))
        with torch.no_grad():
            z = below(batch)
            sure = net[3:](z).softmax(1).amax(1) > 0.8
            kept = sure.nonzero().flatten()
            batch, z = batch.index_select(0, kept), z.index_select(0, kept)
        optimiser.zero_grad(set_to_none=True)
        hidden, image = inverse(z)
        loss = functional.l1_loss(image, batch, reduction="sum")
        (loss + 0.5 * hidden.amin() ** 2 + 0.5 * (hidden.amax() - 1.0) ** 2).backward()
        optimiser.step()
    return step


class Decoding:
    """ladder.cfg's decoder: 256 ReLU units from the values before the second sigmoid, brought to mean 0 and
    variance 1, by Adam on the L1 of images that end where pixels end, the gradient straight through;
    the validation images once an epoch."""
    BATCH = 250

    def __init__(self, net):
        images, _ = dataset("mnist")
        with torch.no_grad():
            z = net[:3](images)
        z = (z - z[5000:].mean(0)) / z[5000:].std(0)
        self.held, self.held_images, self.z, self.images = z[:5000], images[:5000], z[5000:], images[5000:]
        self.decoder = nn.Sequential(nn.Linear(100, 256), nn.ReLU(), nn.Linear(256, 784))
        self.optimiser = torch.optim.Adam(self.decoder.parameters(), 2e-3, eps=1e-7, **FUSED)
        self.order, self.done = batches(len(self.z), self.BATCH), 0

    def step(self):
        index = next(self.order)
        self.optimiser.zero_grad(set_to_none=True)
        y = self.decoder(self.z.index_select(0, index))
        y = y + (y.detach().clamp(0.0, 1.0) - y.detach())
        (functional.l1_loss(y, self.images.index_select(0, index), reduction="sum") / len(index)).backward()
        self.optimiser.step()
        self.done += 1
        if self.done % (len(self.z) // self.BATCH) == 0:
            with torch.no_grad():
                functional.l1_loss(self.decoder(self.held).clamp_(0.0, 1.0), self.held_images).item()


def r2rt_generating(net):
    """Nine rows of values before the second sigmoid, and one step of gradient descent on them."""
    values = torch.zeros(9, 100, requires_grad=True)
    wanted = functional.one_hot(torch.arange(1, 10), 10).float()
    weight, bias = net[4].weight.detach(), net[4].bias.detach()

    def step():
        made = functional.linear(values.sigmoid(), weight, bias).softmax(1)
        gradient, = torch.autograd.grad(functional.l1_loss(made, wanted, reduction="sum"), values)
        with torch.no_grad():
            values.sub_(gradient)
    return values, step


def pixels(net):
    """Ten images, one of each class, by Adam on their pixels, kept from 0 to 1."""
    net.eval().requires_grad_(False)
    images = torch.full((10, 784), 0.5, requires_grad=True)
    classes = torch.arange(10)
    optimiser = torch.optim.Adam([images], 0.05)

    def step():
        optimiser.zero_grad(set_to_none=True)
        functional.cross_entropy(net(images), classes, reduction="sum").backward()
        optimiser.step()
        with torch.no_grad():
            images.clamp_(0.0, 1.0)
    return step


def hidden(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 400), nn.ReLU(), nn.Linear(400, 400), nn.ReLU(), nn.Linear(400, outputs))


def generator(numbers=16):
    """A conditional variational autoencoder: Bernoulli pixels, the divergence twice."""
    x, labels = dataset("mnist")
    classes = 4.0 * functional.one_hot(labels, 10)
    encoder, decoder = hidden(794, 2 * numbers), hidden(numbers + 10, 784)
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 0.001, eps=1e-7)
    order = batches(len(x), 100)

    def step():
        index = next(order)
        images, kinds = x.index_select(0, index), classes.index_select(0, index)
        optimiser.zero_grad(set_to_none=True)
        mean, log_variance = encoder(torch.cat([images, kinds], 1)).chunk(2, 1)
        drawn = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        logits = decoder(torch.cat([drawn, kinds], 1))
        loss = functional.binary_cross_entropy_with_logits(logits, images, reduction="sum")
        divergence = 0.5 * (log_variance.exp() + mean * mean - 1.0 - log_variance).sum()
        ((loss + 2.0 * divergence) / len(index)).backward()
        optimiser.step()
    return step


# ---- work: each function gets ready and returns a function of the number of steps ----

def repeated(step):
    def work(steps):
        for _ in range(steps):
            step()
    work(3)
    return work


@functools.lru_cache(None)
def trained_net():
    """Sure of about as many images as bench's own after its 400 steps. Some settings would take long."""
    net, threads = r2rt_net(), torch.get_num_threads()
    torch.set_num_threads(1)
    repeated(r2rt_training(net))(400)
    torch.set_num_threads(threads)
    return net


def recipe(net, name, batch, optimiser):
    return repeated(training(net, dataset(name), batch, optimiser(net.parameters())))


def r2rt_whole():
    """2,000 and 1,000 steps, projections of 36 test images, 1,000 steps of generation, features."""
    test, _ = dataset("mnist", "t10k")

    def work(steps):
        net = r2rt_net()
        train = r2rt_training(net)
        for _ in range(2 * steps):
            train()
        inverse = Inverse(net)
        invert = r2rt_inverting(net, inverse)
        for _ in range(steps):
            invert()
        values, generate = r2rt_generating(net)
        for _ in range(steps):
            generate()
        with torch.no_grad():
            return [inverse(z)[1] for z in (net[:3](test[:36]), values, 1e8 * torch.eye(100))]
    return work


WORK = {
    "r2rt-training": lambda: repeated(r2rt_training(r2rt_net())),
    "r2rt-inverse": lambda: repeated(r2rt_inverting(trained_net(), Inverse(trained_net()))),
    "decoder": lambda: repeated(Decoding(trained_net()).step),
    "r2rt-generation": lambda: repeated(r2rt_generating(trained_net())[1]),
    "r2rt-whole": r2rt_whole,
    "mlp256": lambda: recipe(mlp256_net(), "mnist", 100, lambda p: torch.optim.Adam(p, 0.001)),
    "fashion": lambda: recipe(fashion_net(), "fashion", 32, lambda p: torch.optim.Adam(p, 0.001)),
    "cnn": lambda: recipe(cnn_net(), "mnist", 50, lambda p: torch.optim.Adam(p, 0.0001)),
    "fashion-cnn": lambda: recipe(fashion_cnn_net(), "fashion", 64, lambda p: torch.optim.RMSprop(p, 0.001)),
    "generator": lambda: repeated(generator()),
    "pixels-mlp": lambda: repeated(pixels(mlp256_net())),
    "pixels-cnn": lambda: repeated(pixels(cnn_net())),
}


def main():
    threads, FOLDERS["mnist"], FOLDERS["fashion"] = sys.argv[1:]
    torch.set_num_threads(int(threads))
    ready = functools.lru_cache(None)(lambda name: WORK[name]())
    print(torch.__version__, flush=True)
    for line in sys.stdin:
        name, steps = line.split()
        work = ready(name)
        start, processor = time.perf_counter(), time.process_time()
        work(int(steps))
        print(time.perf_counter() - start, time.process_time() - processor, flush=True)


if __name__ == "__main__":
    main()
