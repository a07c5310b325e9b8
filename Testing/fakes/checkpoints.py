"""A network of two tensors, built as models of the catalogue are."""

from __future__ import annotations

import torch
from MedSegAICore.models.checkpoint import fit_checkpoint, read_checkpoint


def build_linear(spec, weights, plan, cache) -> torch.nn.Linear:
    network = torch.nn.Linear(3, 2)
    fit_checkpoint(network, read_checkpoint(weights), spec.name)
    return network
