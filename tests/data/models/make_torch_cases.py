"""Makes torch-cases.bin: modules of PyTorch, and ways in which their parameters are kept, one small net each: its lines
for --arch, the file, and what PyTorch makes of the two images of onnx-images.npy, 2 x 6 x 5. With, from PyPI, torch 2.15.0,
safetensors 0.8.0 and numpy 2.4.6.

    python3 make_torch_cases.py

A record is u32 length and name, u32 length and architecture, u32 length and file, and six float32, the three outputs of
either image. SPDX-License-Identifier: GPL-3.0-or-later
"""
import io
import os
import struct
import warnings

import numpy as np
import safetensors.torch
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

warnings.simplefilter("ignore")
images = torch.from_numpy(np.load("onnx-images.npy")).reshape(2, 2, 6, 5)
records = []
JOINS = {"Add": lambda a: sum(a[1:], a[0]), "Sub": lambda a: a[0] - a[1], "Mul": lambda a: a[0] * a[1],
         "Max": lambda a: torch.maximum(*a), "Concat": lambda a: torch.cat(a, 1)}


class Net(nn.Module):
    """What lines for --arch say."""

    def __init__(self, text):
        super().__init__()
        self.steps = []
        for line in text.splitlines():
            name, body = line.split(": ", 1)
            name, _, of = name.partition(" <- ")
            kind = body.split("(")[0]
            if kind not in JOINS:
                owner = self
                for part in name.split(".")[:-1]:
                    if not hasattr(owner, part):
                        owner.add_module(part, nn.Module())
                    owner = getattr(owner, part)
                owner.add_module(name.split(".")[-1], eval("nn." + body, {"nn": nn, "torch": torch}))
            self.steps.append((name, of.split(", ") if of else None, kind))

    def forward(self, x):
        values = {"input": x}
        for name, of, kind in self.steps:
            given = [values[key] for key in of] if of else [x]
            x = JOINS[kind](given) if kind in JOINS else self.get_submodule(name)(given[0])
            values[name] = x
        return x


def stir(net, seed):
    torch.manual_seed(seed)
    for name, value in net.state_dict().items():
        if value.dtype == torch.float32:
            value.copy_(torch.rand(value.shape) + 0.5 if "_var" in name else torch.randn(value.shape) * 0.5)
    return net.eval()


def as_safetensors(state):
    return safetensors.torch.save({key: value.contiguous().clone() for key, value in state.items()})


def as_torch(state, **how):
    file = io.BytesIO()
    torch.save(state, file, **how)
    return file.getvalue()


def record(name, arch, data, outputs):
    parts = [name.encode(), ("input: 2x6x5\n" + arch + "\n").encode(), data]
    records.append(b"".join(struct.pack("<I", len(part)) + part for part in parts) + outputs.detach().numpy().astype("<f4").tobytes())


def full(text):
    """With the lines that make three outputs of what comes out."""
    if text.splitlines()[-1].startswith("out: "):
        return text
    with torch.no_grad():
        values = Net(text).eval()(images).flatten(1).shape[1]
    return text + f"\nflat: Flatten()\nout: Linear({values}, 3)"


def case(name, text, keep=as_safetensors, change=None, arch=None):
    text = full(text)
    net = stir(Net(text), len(records))
    if change:
        change(net)
        net.train()
        with torch.no_grad():
            net(images)
        net.eval()
    with torch.no_grad():
        record(name, arch or (str(net) if arch == "" else text), keep(net.state_dict()), net(images))


C = "c: Conv2d(2, 4, 3)\n"  # 4 x 4 x 3
F = "f: Flatten()\nl: Linear(60, 8)\n"
for module in ["RReLU()", "RReLU(0.1, 0.4)", "Softplus(beta=2, threshold=1)", "Softmin(dim=1)", "Softmax2d()", "Softmax(dim=-3)", "LogSoftmax(1)",
               "GLU(dim=1)", "PReLU(4)", "MaxPool2d(2, dilation=2)", "MaxPool2d(2, 1, 1, 2)", "AvgPool2d(2, divisor_override=3)",
               "AvgPool2d(2, 2, 1, ceil_mode=True, divisor_override=5)", "AdaptiveAvgPool2d(2)", "AdaptiveAvgPool2d((None, 2))", "AdaptiveAvgPool2d(5)",
               "AdaptiveMaxPool2d((3, 2))", "LPPool2d(2, 2)", "LPPool2d(1, 2, ceil_mode=True)", "GroupNorm(2, 4, affine=False)",
               "InstanceNorm2d(4, affine=True, track_running_stats=True)", "InstanceNorm2d(4, track_running_stats=True)", "LayerNorm([4, 4, 3])",
               "LayerNorm((4, 3))", "LayerNorm(3)", "LayerNorm((4, 3), elementwise_affine=False)", "RMSNorm((4, 4, 3))", "RMSNorm(3, eps=0.01)",
               "LocalResponseNorm(2)", "LocalResponseNorm(3, alpha=0.5, beta=0.5, k=2.0)", "ChannelShuffle(2)", "PixelShuffle(2)", "ZeroPad2d((-1, 1, 0, 2))",
               "Upsample(scale_factor=1.7, mode='bilinear')", "Upsample(scale_factor=0.7)", "Upsample(size=(5, 4), mode='nearest-exact')",
               "Upsample(size=(2, 2), mode='area')", "Dropout3d()", "Sequential()"]:
    case(module, C + "m: " + module)
for module in ["BatchNorm1d(8, affine=False)", "LayerNorm(8, elementwise_affine=False)", "RMSNorm(8)", "GroupNorm(2, 8)", "GLU()", "Softmin(1)",
               "Unflatten(1, torch.Size([2, 2, 2]))", "Unflatten(1, (2, -1))"]:
    case("row " + module, F + "m: " + module)
case("PixelUnshuffle", "c: Conv2d(2, 4, (3, 4))\nm: PixelUnshuffle(2)")
for module in ["BatchNorm1d(48)", "LayerNorm(48)", "PReLU(48)", "GroupNorm(3, 48)", "GLU(1)", "Unflatten(1, (3, 4, 4))"]:
    case("flattened " + module, C + "f: Flatten()\nm: " + module)
case("flattened of two shapes, joined", C + "fa: Flatten()\nd <- input: Conv2d(2, 3, 2)\nfb: Flatten()\ncat <- fa, fb: Concat(dim=1)")
case("one axis", "f: Flatten(2)\nc: Conv1d(2, 4, 3, stride=2, padding=1)\nb: BatchNorm1d(4)\np: MaxPool1d(3)\nt: ConvTranspose1d(4, 2, 3)\na: AdaptiveAvgPool1d(4)")
case("Max", F + "r: ReLU()\nmax <- l, r: Max()")

T = C + "b: BatchNorm2d(4)\nf: Flatten()\nl: Linear(48, 6)\nk: Linear(6, 6)\nout: Linear(6, 3)"
case("weight_norm", T, change=lambda n: (weight_norm(n.c), weight_norm(n.l, dim=None), weight_norm(n.k, dim=1)))
case("weight_norm, parametrised", T, change=lambda n: (parametrizations.weight_norm(n.c), parametrizations.weight_norm(n.l)))
case("spectral_norm", T, change=lambda n: (spectral_norm(n.c), spectral_norm(n.l)))
case("spectral_norm, parametrised, transposed", "c: ConvTranspose2d(2, 3, 2)", change=lambda n: parametrizations.spectral_norm(n.c))
case("pruning", T, change=lambda n: (prune.l1_unstructured(n.l, "weight", 0.5), prune.random_unstructured(n.k, "bias", 0.5)))
case("a checkpoint with a tensor beside", T, lambda s: as_torch({"rng": torch.arange(3.0), "cnn": s, "best": np.float64(0.5)}))
case("a set whose names fit", T, lambda s: as_torch({"model": {"x.weight": torch.zeros(3, 3)}, "mine": {"net." + k: v for k, v in s.items()}}))
case("a tuple", T, lambda s: as_torch((s, {"lr": 0.1})))
case("the older stream, protocol 4", T, lambda s: as_torch(s, _use_new_zipfile_serialization=False, pickle_protocol=4))
NAMES = {"weight": "W", "bias": "b", "running_mean": "avg_mean", "running_var": "avg_var"}
NORMS = NAMES | {"weight": "gamma", "bias": "beta"}


def of_chainer(state):
    pairs = [(*key.split("."), value) for key, value in state.items()]
    return as_safetensors({f"{owner}.{(NORMS if owner == 'b' else NAMES).get(what, 'N')}": value for owner, what, value in pairs})


case("another program's names", T, of_chainer)


def turned(value):
    return value.permute(2, 3, 1, 0) if value.dim() == 4 else value.t() if value.dim() == 2 else value


case("inputs first", T, lambda s: as_safetensors({k if k[0] == "b" else k.replace("weight", "kernel"): turned(v) for k, v in s.items()}))
M = "f: Flatten()\na: Linear(60, 5)\ns: Sigmoid()\nb: Linear(5, 5)\nt: Tanh()\nout: Linear(5, 3)"
case("array by array", M, lambda s: as_safetensors({f"{'Wb'['bias' in k]}{i // 2}": (v.t() if v.dim() == 2 else v[None]) for i, (k, v) in enumerate(s.items())}))


class BasicBlock(nn.Module):
    """As torchvision's and others', which print(model) shows without its sum."""

    def __init__(self, channels, out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.shortcut = nn.Sequential()
        if stride > 1:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        return torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))) + self.shortcut(x))


def printed(name, net, change=None):
    stir(net, 7)
    if change:
        change(net)
    with torch.no_grad():
        record(name, str(net), as_safetensors(net.state_dict()), net(images))


printed("print: residual blocks", nn.Sequential(BasicBlock(2, 2, 1), BasicBlock(2, 4, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)))
printed("print: blocks of a kind", nn.Sequential(nn.Flatten(), nn.Linear(60, 3), *[nn.Sequential(nn.Linear(3, 3), nn.ReLU()) for _ in range(3)]))
printed("print: residual blocks of a kind", nn.Sequential(*[BasicBlock(2, 2, 1) for _ in range(3)], nn.Conv2d(2, 3, (6, 5))))
printed("print: parametrised", nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(36, 3)),
        lambda n: (parametrizations.weight_norm(n[0]), parametrizations.weight_norm(n[2])))
for module in ["ZeroPad3d((1, 0, 0, 2, 3, 1))", "ConstantPad3d(1, 0.5)", "MaxPool2d(1, stride=2)\nz: ConstantPad3d((0, 0, 0, 0, 2, 2), 0)"]:
    case(module, C + "m: " + module)
case("a factor a channel", C + "p: AdaptiveAvgPool2d(1)\ns: Sigmoid()\nm <- c, s: Mul()")

with open("torch-cases.bin", "wb") as out:
    out.write(b"".join(records))
print(len(records), "cases", os.path.getsize("torch-cases.bin"), "bytes")
