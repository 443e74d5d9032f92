"""Makes torch-*: small nets as PyTorch, safetensors and NumPy write them, their architectures, and what PyTorch
makes of two images. With Debian 12's python3-torch (1.13), python3-numpy and, from PyPI, safetensors 0.8.0.

    python3 make_torch.py

SPDX-License-Identifier: GPL-3.0-or-later
"""
import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn

torch.manual_seed(20261128)
images = torch.randn(2, 2, 7, 6)


class Net(nn.Module):
    """Two channels, a padding that is not alike, a view, a functional ReLU, weights shared by two layers."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), bias=False)
        self.norm = nn.BatchNorm2d(4, eps=1e-3)
        self.same = nn.Conv2d(4, 6, 3, padding=1, groups=2)
        self.fc1 = nn.Linear(6 * 2 * 2, 5)
        self.fc2 = nn.Linear(5, 5)
        self.fc3 = nn.Linear(5, 5)
        self.out = nn.Linear(5, 3)

    def forward(self, x):
        x = torch.relu(self.norm(self.conv(x)))
        x = nn.functional.max_pool2d(self.same(x), 2)
        x = torch.tanh(self.fc1(x.flatten(1)))
        x = torch.sigmoid(self.fc3(torch.sigmoid(self.fc2(x))))
        return self.out(x)


ARCH = """\
# what print(net) does not show is added by hand
input: 2x7x6
conv: Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), bias=False)
norm: BatchNorm2d(4, eps=0.001)
r1: ReLU()
same: Conv2d(4, 6, kernel_size=3, padding=1, groups=2)
pool: MaxPool2d(2)
flat: Flatten()
fc1: Linear(24, 5)
t1: Tanh()
fc2: Linear(5, 5)
s1: Sigmoid()
fc3: Linear(5, 5)
s2: Sigmoid()
out: Linear(5, 3)
output: logits
"""


def main():
    net = Net().eval()
    with torch.no_grad():
        net.norm.running_mean += torch.randn(4) / 3
        net.norm.running_var *= 1 + torch.rand(4)
        net.norm.weight += torch.randn(4) / 3
        net.norm.bias += torch.randn(4) / 3
        net.fc3.weight = net.fc2.weight
        net.fc1.weight = nn.Parameter(net.fc1.weight.t().contiguous().t())  # strides in the other order
    expected = net(images).detach().numpy()
    state = net.state_dict()
    arrays = {name: tensor.numpy() for name, tensor in state.items()}
    with open("torch.arch.txt", "w") as file:
        file.write(ARCH)
    np.save("torch-images.npy", images.numpy())
    np.save("torch-outputs.npy", expected)
    torch.save(state, "torch-zip.pt")
    torch.save(state, "torch-old.pt", _use_new_zipfile_serialization=False)
    torch.save({"epoch": 3, "model_state_dict": {"module." + n: t for n, t in state.items()},
                "optimizer": torch.optim.Adam(net.parameters()).state_dict(), "note": "of a test"}, "torch-checkpoint.pt")
    torch.save({"layer%d.%s" % tuple([list(dict.fromkeys(k.split(".")[0] for k in state)).index(n.split(".")[0]),
                                      n.split(".")[1]]): t.double() for n, t in state.items()}, "torch-renamed.pt")
    torch.save(net.out, "torch-module.pt")
    torch.jit.script(net.out).save("torch-script.pt")
    np.savez("torch.npz", **arrays)
    del arrays["fc3.weight"]  # as safetensors' save_model does: a tied weight is told of, not stored
    save_file({n: np.ascontiguousarray(a) for n, a in arrays.items()}, "torch.safetensors", {"fc3.weight": "fc2.weight"})


main()
