"""Models of in-context tasks that ask networks about slices; the default does without them."""

from __future__ import annotations

from MedSegAICore import Engine
from MedSegAICore.engine.cache import ByteBoundedCache
from MedSegAICore.engine.device import DevicePlan
from MedSegAICore.incontext.with_network import build, build_with_own
from MedSegAICore.models.catalogue import load_catalogue
from MedSegAICore.models.checkpoint import file_sha256
from MedSegAICore.models.trained_file import write_trained
from MedSegAICore.networks.context_unet import ContextUNet

PLAN = DevicePlan("cpu", "float32", "")


def test_the_catalogue_offers_the_default_with_the_network_that_comes_with_medsegai():
    engine = Engine("cpu")
    spec = engine.models()["registered_network_context"]
    model = build(spec, engine.weights_file(spec.name), PLAN, ByteBoundedCache(1 << 20))
    assert (model.name, model.weights_hash) == (spec.name, load_catalogue()["interactive"].weights.sha256)


def test_the_catalogue_offers_the_same_with_a_network_of_ones_own(tmp_path):
    file, cache = tmp_path / "context.safetensors", ByteBoundedCache(1 << 20)
    write_trained(file, ContextUNet().state_dict(), {"training": {}})
    spec = load_catalogue()["registered_own_network_context"]
    model = build_with_own(spec, file, PLAN, cache, Engine("cpu").weights_file(spec.base))
    assert (model.name, model.weights_hash) == (spec.name, file_sha256(file, cache))
