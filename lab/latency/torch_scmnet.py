"""SCMNet in plain PyTorch, as a peer: what `torch.compile` and autocast make of the network."""

import torch
from torch import nn
from torch.nn import functional

# As in scmnet_zoo.layers.feature_fusion: node, how its first operand is moved, operands.
NODES = (
    ("td1_F5", "up", ("L6", "L5")),
    ("td1_F4", "up", ("td1_F5", "L4")),
    ("bu1_F1", "down", ("L0", "L1")),
    ("bu1_F2", "down", ("bu1_F1", "L2")),
    ("mid_F2", "up", ("td1_F4", "bu1_F2")),
    ("bu2_F4", "down", ("mid_F2", "td1_F4", "L4")),
    ("bu2_F5", "down", ("bu2_F4", "td1_F5", "L5")),
    ("bu2_F6", "down", ("bu2_F5", "L6")),
    ("td2_F5", "up", ("bu2_F6", "bu2_F5", "L5")),
    ("td2_F4", "up", ("td2_F5", "bu2_F4", "L4")),
    ("td2_F2", "up", ("td2_F4", "mid_F2", "L2")),
    ("td2_F1", "up", ("td2_F2", "bu1_F1", "L1")),
    ("td2_F0", "up", ("td2_F1", "L0")),
)
LATERALS = (("6", 160), ("5", 160), ("4", 96), ("2", 48), ("1", 32), ("0", 24))


def same_padding(size: int, stride: int, dilation: int = 1, kernel: int = 3) -> tuple[int, int]:
    """What Keras's `same` pads before and after one axis."""
    total = max((-(-size // stride) - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)
    return total // 2, total - total // 2


def pad_same(x, stride: int, dilation: int = 1, value: float = 0.0):
    """A map padded for a 3x3 window as Keras's `same` does."""
    height, width = x.shape[2:]
    edges = (*same_padding(width, stride, dilation), *same_padding(height, stride, dilation))
    return functional.pad(x, edges, value=value)


class Conv(nn.Module):
    """Convolution 3x3 or depthwise, padded as Keras does where it strides."""

    def __init__(self, inputs, outputs, stride=1, dilation=1, groups=1, bias=True):
        super().__init__()
        self.stride, self.dilation = stride, dilation
        padding = 0 if stride > 1 else dilation
        self.conv = nn.Conv2d(
            inputs, outputs, 3, stride, padding, dilation=dilation, groups=groups, bias=bias
        )

    def forward(self, x):
        return self.conv(pad_same(x, self.stride, self.dilation) if self.stride > 1 else x)


def norm(channels, momentum=0.01, epsilon=1e-3):
    """Batch norm; PyTorch's momentum is one less Keras's."""
    return nn.BatchNorm2d(channels, eps=epsilon, momentum=momentum)


def ds_conv(inputs, outputs, stride=1, dilation=1):
    """Depthwise, pointwise, batch norm, ReLU."""
    return nn.Sequential(
        Conv(inputs, inputs, stride, dilation, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1),
        norm(outputs),
        nn.ReLU(),
    )


class InvertedResidual(nn.Module):
    """Expansion, depthwise, projection; the identity where shapes agree."""

    def __init__(self, inputs, outputs, expansion, stride):
        super().__init__()
        hidden = inputs * expansion
        self.adds_input = stride == 1 and inputs == outputs
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, hidden, 1),
            norm(hidden),
            nn.ReLU(),
            Conv(hidden, hidden, stride, groups=hidden),
            norm(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, outputs, 1),
            norm(outputs),
        )

    def forward(self, x):
        return x + self.layers(x) if self.adds_input else self.layers(x)


class ContextMining(nn.Module):
    """Four views of one map: point, atrous, global, local."""

    def __init__(self, channels):
        super().__init__()
        filters = channels // 4

        def point():
            return nn.Sequential(
                nn.Conv2d(channels, filters, 1, bias=False), norm(filters), nn.ReLU()
            )

        self.point, self.atrous = point(), ds_conv(channels, filters, dilation=6)
        self.whole, self.local = point(), point()

    def forward(self, x):
        size = x.shape[2:]
        whole = self.whole(x.mean((2, 3), keepdim=True)).expand(-1, -1, *size)
        local = functional.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)
        local = functional.interpolate(self.local(local), size, mode="bilinear")
        return torch.cat([self.point(x), self.atrous(x), whole, local], 1)


class Fusion(nn.Module):
    """Six maps of falling size, top down and bottom up, twice, into the finest."""

    def __init__(self, filters=64):
        super().__init__()
        self.laterals = nn.ModuleDict(
            {
                level: nn.Sequential(nn.Conv2d(channels, filters, 1), norm(filters))
                for level, channels in LATERALS
            }
        )
        self.nodes = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.SiLU(),
                    Conv(filters, filters, dilation=2, groups=filters, bias=False),
                    nn.Conv2d(filters, filters, 1),
                    norm(filters, 0.003, 1e-4),
                )
                for name, _, _ in NODES
            }
        )

    def forward(self, inputs):
        maps = {
            f"L{level}": self.laterals[level](x)
            for (level, _), x in zip(LATERALS, inputs, strict=True)
        }
        for name, move, (moved, *kept) in NODES:
            x = maps[moved]
            if move == "down":
                x = functional.max_pool2d(pad_same(x, 2, value=float("-inf")), 3, 2)
            else:
                x = functional.interpolate(x, maps[kept[0]].shape[2:], mode="nearest-exact")
            for other in kept:
                x = x + maps[other]
            maps[name] = self.nodes[name](x)
        return maps["td2_F0"]


class SCMNet(nn.Module):
    """SCMNet, from a normalised image to logits at half its size, upsampled if `upsample`.

    Args:
        classes: how many.
        upsample: bring the logits to the image's size, by nearest neighbour.
    """

    def __init__(self, classes: int, upsample: bool = True):
        super().__init__()
        self.upsample = upsample
        block = InvertedResidual
        self.deep_stem = nn.Sequential(Conv(3, 32, 2), norm(32), nn.ReLU())
        self.deep1 = nn.Sequential(block(32, 32, 1, 2), block(32, 48, 6, 1), block(48, 48, 6, 1))
        self.stem = nn.Sequential(Conv(3, 24, 2), norm(24), nn.ReLU())
        self.shallow1, self.shallow2 = ds_conv(24, 32, 2), ds_conv(32, 48, 2)
        self.context1 = ContextMining(48)
        self.deep2 = nn.Sequential(
            block(48, 64, 6, 2), block(64, 64, 6, 1), block(64, 64, 6, 1), block(64, 96, 6, 1)
        )
        self.shallow3, self.context2 = ds_conv(48, 96, 2), ContextMining(96)
        self.deep3 = nn.Sequential(
            block(96, 128, 6, 2),
            block(128, 128, 6, 1),
            block(128, 128, 6, 1),
            block(128, 160, 6, 1),
        )
        self.shallow4, self.context3 = ds_conv(96, 160, 2), ContextMining(160)
        self.fusion = Fusion()
        self.head = nn.Sequential(
            ds_conv(64, 64),
            ds_conv(64, 48, dilation=2),
            nn.Dropout(0.45),
            nn.Conv2d(48, classes, 1),
        )

    def forward(self, image):
        half = functional.avg_pool2d(image, 2, ceil_mode=True, count_include_pad=False)
        deep = self.deep1(self.deep_stem(half))
        stem = self.stem(image)
        shallow1 = self.shallow1(stem)
        context1 = self.context1(functional.relu(self.shallow2(shallow1) + deep))
        context2 = self.context2(functional.relu(self.shallow3(context1) + self.deep2(context1)))
        context3 = self.context3(functional.relu(self.shallow4(context2) + self.deep3(context2)))
        pool = functional.max_pool2d(pad_same(context3, 2, value=float("-inf")), 3, 2)
        x = self.fusion([pool, context3, context2, context1, shallow1, stem])
        logits = self.head(x)
        if self.upsample:
            logits = functional.interpolate(logits, image.shape[2:], mode="nearest-exact")
        return logits
