"""Contestant of train_step.py: the published leaf network (ris_tf.network.recurrence.PaperForm) in PyTorch."""

import numpy as np
import scipy.optimize
import torch
import torch.nn.functional as F
from torch import nn


class ConvLSTMCell(nn.Module):
    """ConvLSTM: gates i, f, g, o from one convolution of [x, h], with two biases as in nn.LSTMCell; c is float32."""

    def __init__(self, inputs, state, coverage_kernel=0):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(4 * state, inputs + state, 3, 3))
        self.bias_ih = nn.Parameter(torch.empty(4 * state))
        self.bias_hh = nn.Parameter(torch.empty(4 * state))
        self.coverage = None
        if coverage_kernel:
            self.coverage = nn.Conv2d(1, 4 * state, coverage_kernel, padding="same", bias=False)

    def forward(self, x, h, c, coverage=None):
        gates = F.conv2d(torch.cat([x, h], 1), self.weight, self.bias_ih + self.bias_hh, padding=1)
        if self.coverage is not None:
            gates = gates + self.coverage(coverage)
        i, f, g, o = gates.float().chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return (torch.sigmoid(o) * torch.tanh(c)).to(gates.dtype), c


class PaperNet(nn.Module):
    """The network: images [B, C, H, W] -> (score logits [B, T], masks [B, T, P])."""

    def __init__(self, height, width, channels, filters, layers, steps):
        super().__init__()
        self.size, self.steps = (height, width), steps
        sides = [channels] + [filters] * 4
        self.encoder = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in zip(sides, sides[1:], strict=False))
        self.cells = nn.ModuleList(ConvLSTMCell(filters, filters) for _ in range(layers))
        self.inhibition = SpatialInhibition(filters)
        self.score = nn.Linear(height * width * filters, 1)

    def forward(self, images):
        x = F.interpolate(images, self.size, mode="bilinear", align_corners=False, antialias=False)
        for convolution in self.encoder:
            x = F.relu(convolution(x), inplace=True)
        states = [(torch.zeros_like(x), torch.zeros_like(x, dtype=torch.float32))] * len(self.cells)
        tops = []
        for _ in range(self.steps):
            top = x
            for layer, cell in enumerate(self.cells):
                states[layer] = cell(top, *states[layer])
                top = states[layer][0]
            tops.append(top)
        # Nothing after the top state is fed back, so the heads process all steps at once.
        h = torch.cat(tops)  # [T * B, R, H, W]
        with torch.autocast("cpu", enabled=False):
            h = h.float()
            masks = self.inhibition(h).unflatten(0, (self.steps, -1)).transpose(0, 1)
            score = self.score(h.permute(0, 2, 3, 1).flatten(1)).view(self.steps, -1).T
        return score, masks


class SpatialInhibition(nn.Module):
    """Masks from the hidden state: h [B, R, H, W] -> [B, P], sigmoid(log-softmax over positions + bias)."""

    def __init__(self, filters):
        super().__init__()
        self.bias = nn.Parameter(torch.empty(()))
        self.score_map = nn.Conv2d(filters, 1, 1)

    def forward(self, h):
        return torch.sigmoid(F.log_softmax(self.score_map(h).flatten(1), 1) + self.bias)


def load_weights(module, weights):
    """Copies weights from Keras into a module's parameters.

    Args:
      module: nn.Module.
      weights: iterator of arrays in Keras's order and layout.
    """
    own = list(module.parameters(recurse=False))
    if isinstance(module, nn.BatchNorm2d):
        own += [module.running_mean, module.running_var]
    if isinstance(module, ConvLSTMCell):
        kernel, bias_ih, hidden_kernel, bias_hh = (next(weights) for _ in range(4))
        arrays = [np.concatenate([kernel, hidden_kernel], axis=2), bias_ih, bias_hh]
    else:
        arrays = [next(weights) for _ in own]
    for parameter, array in zip(own, arrays, strict=True):
        order = {4: (3, 2, 0, 1), 2: (1, 0)}.get(array.ndim, tuple(range(array.ndim)))
        parameter.data.copy_(torch.from_numpy(array).permute(order))
    for child in module.children():
        load_weights(child, weights)


def read(path):
    """Reads the .npz file of a case.

    Returns:
      batch, dict of tensors, with the image as [B, C, H, W] in channels_last memory format; and weights, an iterator of
      arrays in Keras's order.
    """
    with np.load(path) as file:
        arrays = dict(file)
    weights = iter([arrays.pop(name) for name in sorted(arrays) if name[0] == "w" and name[1:].isdigit()])
    batch = {name: torch.from_numpy(array) for name, array in arrays.items()}
    batch["image"] = batch["image"].permute(0, 3, 1, 2)
    return batch, weights


def relaxed_iou(masks, truth):
    """Relaxed IoU of all pairs: masks [B, T, P] and truth [B, N, P] -> [B, T, N]."""
    intersection = masks @ truth.mT
    union = masks.sum(2)[:, :, None] + truth.sum(2)[:, None] - intersection
    return intersection / union.clamp(min=1e-6)


def assign(similarity, rows, columns):
    """Best assignment of the first `rows` steps to the first `columns` objects of each image, computed on the host."""
    assignment = np.zeros(similarity.shape, np.float32)
    scores = np.nan_to_num(similarity.detach().numpy())
    for image, (t, n) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        pairs = scipy.optimize.linear_sum_assignment(scores[image, :t, :n], maximize=True)
        assignment[image][pairs] = 1.0
    return torch.from_numpy(assignment)


def hungarian_loss(iou, assignment, score, targets, taken):
    """Loss of each image: iou and assignment [B, T, N], score, targets and taken [B, T] -> [B]."""
    bce = F.binary_cross_entropy_with_logits(score, targets, taken, reduction="none").sum(1)
    return (bce - (iou * assignment).sum((1, 2))) / taken.sum(1).clamp(min=1)


def gradient_norm(parameters):
    """Norm of the gradients of all parameters together, float."""
    return nn.utils.get_total_norm([parameter.grad for parameter in parameters]).item()


def make(spec):
    """(step, check) for a spec with precision, steps, compile, file and stride; see worker.py."""
    batch, weights = read(spec["file"])
    steps, stride, count = spec["steps"], spec["stride"], batch["count"]
    _, channels, height, width = batch["image"].shape
    net = PaperNet(height // stride, width // stride, channels, filters=30, layers=2, steps=steps)
    load_weights(net, weights)
    net = net.to(memory_format=torch.channels_last)
    if spec["compile"]:
        # Compiling the whole unrolled graph takes minutes and makes it no faster.
        for cell in net.cells:
            cell.compile()
    parameters = list(net.parameters())
    optimizer = torch.optim.Adam(parameters, lr=1e-4, eps=1e-7, fused=True)

    def backward():
        optimizer.zero_grad()
        truth = F.avg_pool2d(batch["masks"].float(), stride).flatten(2)
        with torch.autocast("cpu", torch.bfloat16, enabled=spec["precision"] == "bfloat16"):
            score, masks = net(batch["image"])
        iou = relaxed_iou(masks, truth)
        assignment = assign(iou, count.clamp(max=steps), count)
        index = torch.arange(steps)
        targets, taken = index < count[:, None], index < count[:, None] + 1
        loss = hungarian_loss(iou, assignment, score, targets.float(), taken.float()).mean()
        loss.backward()
        return loss.item()

    def step():
        loss = backward()
        nn.utils.clip_grad_value_(parameters, 5.0)
        optimizer.step()
        return loss

    return step, lambda: {"loss": backward(), "gradient_norm": gradient_norm(parameters)}
