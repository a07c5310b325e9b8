"""Networks that segment by examples in a way that is plain to see."""

from __future__ import annotations

import torch
from MedSegAICore.incontext.context_network import ContextNetwork, Inputs


def copying_network(side: int = 32, calls: list | None = None) -> ContextNetwork:
    """Return what answers with the mean of the masks that it is shown, and lists how it was called."""

    def ask(_network, shown: Inputs) -> torch.Tensor:
        shown.check()
        if calls is not None:
            calls.append(shown)
        return 12 * shown.labels.float().mean(dim=1) - 6

    return ContextNetwork(torch.nn.Identity(), ask, "cpu", torch.float32, 1, side=side)


def noisy_network(side: int = 32) -> ContextNetwork:
    """Return what answers once for each field of noise, with the masks grown or shrunk by the field's mean."""

    def ask(_network, shown: Inputs) -> torch.Tensor:
        soft = torch.nn.functional.avg_pool2d(shown.labels.float().mean(dim=1), 3, 1, 1)
        shift = 20 * shown.noise.mean(dim=(3, 4)).float()[..., None]
        return 12 * soft - 6 + shift

    return ContextNetwork(torch.nn.Identity(), ask, "cpu", torch.float32, 1, gives_several=True, side=side)


def threshold_network(side: int = 32) -> ContextNetwork:
    """Return what answers with the pixels that are as bright as those inside the masks that it is shown."""

    def ask(_network, shown: Inputs) -> torch.Tensor:
        inside = (shown.images * shown.labels).sum() / shown.labels.sum().clamp_min(1)
        return 6 - 60 * (shown.target - inside).abs()

    return ContextNetwork(torch.nn.Identity(), ask, "cpu", torch.float32, 1, side=side)
