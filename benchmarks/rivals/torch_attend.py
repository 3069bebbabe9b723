"""Contestant of train_step.py: the default network (ris_tf.network.recurrence.AttendForm) in PyTorch."""

import torch
import torch.nn.functional as F
from torch import nn
from torch_paper import ConvLSTMCell, assign, gradient_norm, hungarian_loss, load_weights, read, relaxed_iou

WIDTHS, FEATURES, PIXEL_FEATURES, STATE, MASK_HIDDEN, WINDOW = (32, 64, 96, 128, 128), 64, 16, 24, 12, 1.5
QUERIES, EXTRA_STEPS, ATTENTION_WEIGHT = 16, 2, 0.5
CLIP_NORM, EMA = 1.0, 0.995


class ConvBlock(nn.Module):
    """3x3 convolution, batch normalisation, ReLU."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.stride = stride
        self.convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=0 if stride == 2 else 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.005)

    def forward(self, x):
        if self.stride == 2:
            x = F.pad(x, (0, 1, 0, 1))  # TensorFlow's "SAME" for even sides
        return F.relu(self.norm(self.convolution(x)), inplace=True)


class UpBlock(nn.Module):
    """Upsamples by a factor of two, adds the skip connection and applies a ConvBlock."""

    def __init__(self, inputs, skip, outputs):
        super().__init__()
        self.lateral = nn.Conv2d(skip, outputs, 1)
        self.reduce = nn.Conv2d(inputs, outputs, 1)
        self.block = ConvBlock(outputs, outputs)

    def forward(self, x, skip):
        return self.block(F.interpolate(self.reduce(x), scale_factor=2, mode="nearest") + self.lateral(skip))


class Encoder(nn.Module):
    """Encoder: images [B, C, H, W] -> features at strides 2, 4 and 8, and pixel features at stride 2."""

    def __init__(self, channels):
        super().__init__()
        pairs = list(zip(WIDTHS, WIDTHS[1:], strict=False))
        self.stem = ConvBlock(channels, WIDTHS[0], 2)
        self.sharpen = ConvBlock(WIDTHS[0], WIDTHS[0])
        self.refine = ConvBlock(WIDTHS[0], WIDTHS[0])
        self.down = nn.ModuleList(ConvBlock(a, b, 2) for a, b in pairs)
        self.deepen = nn.ModuleList(ConvBlock(b, b) for _, b in pairs)
        outputs = [*reversed(WIDTHS[3:-1]), FEATURES, FEATURES, WIDTHS[0]]
        sides = zip([WIDTHS[-1], *outputs], reversed(WIDTHS[:-1]), outputs, strict=False)
        self.up = nn.ModuleList(UpBlock(*channels) for channels in sides)
        self.pixel_out = nn.Conv2d(WIDTHS[0], PIXEL_FEATURES, 1)

    def forward(self, images):
        levels = [self.sharpen(self.stem(images))]
        for down, deepen in zip(self.down, self.deepen, strict=True):
            levels.append(deepen(down(levels[-1])))
        maps = [levels.pop()]
        for up in self.up:
            maps.append(up(maps[-1], levels.pop()))
        stride_8, stride_4, stride_2 = maps[-3:]
        return stride_2, stride_4, stride_8, self.pixel_out(self.refine(stride_2))


class PointingInhibition(nn.Module):
    """Attention over positions, in which positions that are already covered are inhibited."""

    def __init__(self):
        super().__init__()
        self.strength = nn.Parameter(torch.empty(()))
        self.recurrent_map = nn.Conv2d(STATE, 1, 1)
        self.coverage = nn.Conv2d(1, 1, 3, padding=1, bias=False)

    def forward(self, objectness, h, coverage, x, y):
        size = objectness.shape[2:]
        recurrent = F.interpolate(self.recurrent_map(h), size, mode="bilinear", align_corners=False, antialias=False)
        logits = objectness + recurrent + self.coverage(coverage) - F.softplus(self.strength) * coverage
        logits = logits.flatten(1)
        with torch.no_grad():
            strongest = (logits >= logits.amax(1, keepdim=True)).float()
            strongest = strongest / strongest.sum(1, keepdim=True)
            distance = (x - (strongest @ x)[:, None]).square() + (y - (strongest @ y)[:, None]).square()
        return logits, F.softmax(logits - distance / (2 * WINDOW**2), 1), torch.exp(-distance)


class DynamicMask(nn.Module):
    """Mask head: a network with one hidden layer per object, applied to every pixel.

    Its weights are predicted from the attended feature.
    """

    def __init__(self):
        super().__init__()
        self.mlp = nn.Linear(FEATURES, 64)
        self.out = nn.Linear(64, MASK_HIDDEN * (PIXEL_FEATURES + 4) + MASK_HIDDEN + 1)

    def weights_of(self, attended, x, y):
        """Weights of the networks: attended [B, K, C], x, y [B, K] -> first [B, K, F + 4, h], second [B, K, h + 1]."""
        values = self.out(F.relu(self.mlp(attended)))
        first, second = values.split([MASK_HIDDEN * (PIXEL_FEATURES + 4), MASK_HIDDEN + 1], -1)
        first = first.unflatten(-1, (PIXEL_FEATURES + 4, MASK_HIDDEN))
        e, dx, dy, square, bias = first.split([PIXEL_FEATURES, 1, 1, 1, 1], -2)
        x, y = x[..., None, None], y[..., None, None]
        constant = bias - dx * x - dy * y + square * (x * x + y * y)
        return torch.cat([e, dx - 2 * square * x, dy - 2 * square * y, square, constant], -2), second

    def forward(self, pixels, first, second):
        """pixels [B, F + 4, P] -> mask logits [B, K, P]; one product computes the hidden layers of all objects."""
        batch, objects = first.shape[:2]
        hidden = F.relu(first.mT.flatten(1, 2) @ pixels, inplace=True).view(batch * objects, MASK_HIDDEN, -1)
        second = second.flatten(0, 1)
        return torch.baddbmm(second[:, -1:, None], second[:, None, :-1], hidden).view(batch, objects, -1)


class AttendedScore(nn.Module):
    """Score of a step: attended [B, C], h [B, R, H, W], logits [B, P], covered [B, 1] -> logit [B]."""

    def __init__(self):
        super().__init__()
        self.mlp = nn.Linear(FEATURES + STATE + 2, 32)
        self.out = nn.Linear(32, 1)

    def forward(self, attended, h, logits, covered):
        evidence = torch.cat([attended, h.amax((2, 3)), logits.amax(1, keepdim=True), covered], 1)
        return self.out(F.relu(self.mlp(evidence)))[:, 0]


class AttendNet(nn.Module):
    """The network with teacher-forced coverage, and all loss terms that need no matching."""

    def __init__(self, channels, height, width, steps):
        super().__init__()
        self.steps = steps
        self.encoder = Encoder(channels)
        self.lstm = ConvLSTMCell(FEATURES, STATE, coverage_kernel=5)
        self.objectness = nn.Conv2d(FEATURES, 1, 1)
        self.inhibition = PointingInhibition()
        self.dynamic_mask = DynamicMask()
        self.score = AttendedScore()
        self.auxiliary = nn.Conv2d(WIDTHS[0], 2, 1)
        x, y = torch.meshgrid(torch.arange(width // 4) + 0.5, torch.arange(height // 4) + 0.5, indexing="xy")
        self.register_buffer("x", x.flatten())  # centres of the cells at stride 4, in cells
        self.register_buffer("y", y.flatten())
        self.register_buffer("fine_coordinates", coordinates(height // 2, width // 2, 2))
        self.register_buffer("coarse_coordinates", coordinates(height // 4, width // 4, 4))

    def forward(self, images, masks, draws):
        truth = truth_of(masks)
        context = self.encode(images)
        outputs = self.unroll(context, truth)
        with torch.autocast("cpu", enabled=False):
            predicted = torch.sigmoid(self.dynamic_mask(context["pixels"], outputs["first"], outputs["second"]))
            similarity = (relaxed_iou(predicted, truth["fine"]) + outputs["glance"] @ truth["coarse"].mT).detach()
            targets = outputs["uncovered"].amax(2)
            taken = torch.cat([torch.ones_like(targets[:, :EXTRA_STEPS]), targets], 1)[:, : self.steps]
            extra = ATTENTION_WEIGHT * attention_loss(outputs["logits"], outputs["uncovered"] @ truth["cores"], taken)
            extra = extra + self.query_loss(context, truth, *draws) + auxiliary_loss(context, truth)
        return predicted, truth["fine"], similarity, outputs["score"], targets, taken, extra

    def encode(self, images):
        stride_2, stride_4, stride_8, pixels = self.encoder(images)
        with torch.autocast("cpu", enabled=False):
            batch = len(images)
            fine = stride_4.float()
            coarse_pixels = F.avg_pool2d(pixels, 2).float().flatten(2)
            return {
                "input": stride_8,
                "objectness": self.objectness(fine),
                "features": fine.flatten(2).mT,  # [B, P, C]
                "pixels": torch.cat([pixels.float().flatten(2), self.fine_coordinates.expand(batch, -1, -1)], 1),
                "coarse_pixels": torch.cat([coarse_pixels, self.coarse_coordinates.expand(batch, -1, -1)], 1),
                "auxiliary": self.auxiliary(stride_2.float()),
            }

    def unroll(self, context, truth):
        """Outputs of all steps, {name: [B, T, ...]}; "uncovered" is the state before each step."""
        coverage = torch.zeros_like(context["objectness"])
        h = torch.zeros_like(context["input"][:, :STATE])
        c = torch.zeros_like(h, dtype=torch.float32)
        collected = []
        for _ in range(self.steps):
            outputs, h, c, coverage = self.step(context, truth, h, c, coverage)
            collected.append(outputs)
        return {name: torch.stack([outputs[name] for outputs in collected], 1) for name in collected[0]}

    def step(self, context, truth, h, c, coverage):
        h, c = self.lstm(context["input"], h, c, F.avg_pool2d(coverage, 2))
        with torch.autocast("cpu", enabled=False):
            state = h.float()
            logits, glance, spot = self.inhibition(context["objectness"], state, coverage, self.x, self.y)
            attended, first, second = self.read(context, glance[:, None])
            covered = (glance * coverage.flatten(1)).sum(1, keepdim=True)
            with torch.no_grad():
                mask = torch.sigmoid(self.dynamic_mask(context["coarse_pixels"], first, second))[:, 0]
                explained = torch.maximum(coverage, torch.maximum(mask, spot).view_as(coverage))
                uncovered, after = force(coverage, explained, glance, truth)
            outputs = {
                "score": self.score(attended[:, 0], state, logits, covered),
                "logits": logits,
                "glance": glance,
                "first": first[:, 0],
                "second": second[:, 0],
                "uncovered": uncovered,
            }
        return outputs, h, c, after

    def read(self, context, glance):
        """Attended features and mask weights: glance [B, K, P] -> [B, K, C] and the two of `DynamicMask.weights_of`."""
        attended = glance @ context["features"]
        return attended, *self.dynamic_mask.weights_of(attended, glance @ self.x / 8, glance @ self.y / 8)

    def query_loss(self, context, truth, noise, core_draw, pool_draw):
        """Loss of masks predicted from random positions inside the objects: 1 - fuzzy IoU."""
        with torch.no_grad():
            present = (truth["area"] > 0).float()
            chosen = (noise + present).argsort(1, descending=True)[:, :QUERIES]
            inside, cores, fine = (take(truth[name], chosen) for name in ("coarse", "cores", "fine"))
            place = (torch.where(core_draw[..., None] < 0.7, cores, inside) * pool_draw).argmax(2)
            distance = (self.x[place][..., None] - self.x).square() + (self.y[place][..., None] - self.y).square()
            glance = F.softmax(torch.log(inside + 1e-3) - distance / (2 * WINDOW**2), 2)
            weight = present.gather(1, chosen)
        _, first, second = self.read(context, glance)
        predicted = torch.sigmoid(self.dynamic_mask(context["pixels"], first, second))
        return (weight * (1 - fuzzy_iou(predicted, fine))).sum(1) / weight.sum(1).clamp(min=1)


def fuzzy_iou(a, b):
    """Fuzzy IoU of paired masks: a, b [B, K, P] -> [B, K]."""
    return torch.minimum(a, b).sum(2) / torch.maximum(a, b).sum(2).clamp(min=1e-6)


def coordinates(height, width, stride):
    """x, y, x^2 + y^2 and 1 for every pixel, with x and y in units of 32 image pixels: [1, 4, P]."""
    columns, rows = ((torch.arange(side) + 0.5) * (stride / 32) for side in (width, height))
    x, y = (axis.flatten() for axis in torch.meshgrid(columns, rows, indexing="xy"))
    return torch.stack([x, y, x * x + y * y, torch.ones_like(x)])[None]


def take(x, index):
    """Selects rows of each batch element: x [B, N, P], index [B, K] -> [B, K, P]."""
    return x[torch.arange(len(x))[:, None], index]


def force(before, after, glance, truth):
    """Teacher forcing.

    Args:
      before: coverage before the step, [B, 1, h, w].
      after: coverage after the step with the predicted mask, [B, 1, h, w].
      glance: attention, [B, P].
      truth: from `truth_of`.

    Returns:
      which objects are uncovered before the step, [B, N]; and the coverage after the step, in which the true mask of
      the attended object replaces the predicted mask.
    """
    covered, share = (truth["coarse"] @ torch.stack([before.flatten(1), glance], 2)).unbind(2)
    uncovered = ((covered < 0.5 * truth["area"]) & (truth["area"] > 0)).float()
    pick = (share + 10 * uncovered).argmax(1, keepdim=True)
    forced = torch.maximum(before, take(truth["coarse"], pick).view_as(before))
    return uncovered, torch.where(uncovered.amax(1)[:, None, None, None] > 0, forced, after)


def truth_of(masks):
    """True masks at stride 2 ("fine") and 4 ("coarse", "cores"), [B, N, P], their areas, and the auxiliary targets."""
    fine = F.avg_pool2d(masks.to(memory_format=torch.channels_last).float(), 2)
    coarse = F.avg_pool2d(fine, 2)
    blurred = F.avg_pool2d(coarse, 5, 1, padding=2, count_include_pad=False) * coarse
    peak = blurred.amax((2, 3), keepdim=True)
    cores = ((blurred >= 0.75 * peak) & (peak > 0)).float()
    eroded = -F.max_pool2d(-fine, 3, 1, padding=1)
    return {
        "fine": fine.flatten(2),
        "coarse": coarse.flatten(2),
        "cores": cores.flatten(2),
        "area": coarse.sum((2, 3)),
        "foreground": torch.stack([fine.amax(1), eroded.amax(1)], 1),
        "core": cores.amax(1, keepdim=True),
    }


def attention_loss(logits, allowed, taken):
    """-log of the attention's mass on allowed positions: logits, allowed [B, T, P], taken [B, T] -> [B]."""
    allowed = allowed > 0
    weight = taken * allowed.any(2)
    loss = logits.logsumexp(2) - torch.where(allowed, logits, logits - 1e4).logsumexp(2)
    return (weight * loss).sum(1) / weight.sum(1).clamp(min=1)


def auxiliary_loss(context, truth):
    """Cross entropy of the auxiliary foreground maps and of the objectness map, [B]."""
    pairs = (context["auxiliary"], truth["foreground"]), (context["objectness"], truth["core"])
    losses = [F.binary_cross_entropy_with_logits(*pair, reduction="none").mean((1, 2, 3)) for pair in pairs]
    return losses[0] + losses[1]


def make(spec):
    """(step, check) for a spec with precision, steps, compile and file; see worker.py."""
    batch, weights = read(spec["file"])
    net = AttendNet(*batch["image"].shape[1:], spec["steps"])
    load_weights(net, weights)
    net = net.to(memory_format=torch.channels_last)
    draws = [batch[name] for name in ("noise", "core_draw", "pool_draw")]
    parameters = list(net.parameters())
    averages = [parameter.detach().clone() for parameter in parameters]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=1e-4, eps=1e-7, fused=True)
    forward = torch.compile(net) if spec["compile"] else net

    def backward():
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=spec["precision"] == "bfloat16"):
            predicted, fine, similarity, score, targets, taken, extra = forward(batch["image"], batch["masks"], draws)
        assignment = assign(similarity, targets.sum(1).int(), batch["count"])
        iou, paired = fuzzy_iou(predicted, assignment @ fine)[..., None], assignment.sum(2, keepdim=True)
        loss = (hungarian_loss(iou, paired, score, targets, taken) + extra).mean()
        loss.backward()
        return loss.item()

    def step():
        loss = backward()
        nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
        optimizer.step()
        torch._foreach_lerp_(averages, [parameter.detach() for parameter in parameters], 1 - EMA)
        return loss

    return step, lambda: {"loss": backward(), "gradient_norm": gradient_norm(parameters)}
