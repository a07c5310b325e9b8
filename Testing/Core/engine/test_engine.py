from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import MedSegAICore
import numpy as np
import pytest
from fakes.compare import assert_same
from fakes.models import FakeModel, fake_engine, fake_spec, fake_weights
from fakes.requests import a_request
from MedSegAICore import errors
from MedSegAICore.engine.device import DevicePlan
from MedSegAICore.engine.engine import Engine
from MedSegAICore.engine.loaded_models import LoadedModels
from MedSegAICore.engine.run import CancelToken
from MedSegAICore.errors import (
    Cancelled,
    LicenceNotAccepted,
    OutOfDeviceMemory,
    PackageMissing,
    UnknownModel,
    UnsupportedPrompt,
)
from MedSegAICore.models import licences
from MedSegAICore.prompt.segmenter import Capabilities
from MedSegAICore.recipe import Recipe

WEIGHTS = fake_weights()


@pytest.fixture
def builds(monkeypatch) -> list[tuple[str, str]]:
    """Names and devices of the models that were loaded."""
    loaded = []

    def build(spec, weights, plan, cache):
        loaded.append((spec.name, plan.device))
        return FakeModel(spec.name, device=plan.device)

    monkeypatch.setattr("fakes.models.build", build)
    return loaded


@pytest.fixture
def a_small_gpu(monkeypatch) -> None:
    """A computer with a device that is easily full."""

    def plan(requested):
        return DevicePlan("cpu" if requested == "cpu" else "cuda:0", "float32", "")

    monkeypatch.setattr("MedSegAICore.engine.device.plan_device", plan)


class FakeNetwork:
    """What the engine sees of a network: tensors that take memory."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes

    def parameters(self):
        return [self]

    def buffers(self):
        return []

    def data_ptr(self) -> int:
        return id(self)

    def numel(self) -> int:
        return self.size_bytes

    def element_size(self) -> int:
        return 1


@dataclass
class HeavyModel(FakeModel):
    """A fake model with a network."""

    network: FakeNetwork | None = None


def engine_with(*specs) -> Engine:
    fake_engine()  # registers the paradigm of the fake models
    return Engine(weights={spec.name: "fake.pth" for spec in specs}, catalogue={spec.name: spec for spec in specs})


def test_a_request_is_answered() -> None:
    request = a_request("quick", segment="liver", generation=4)

    result = fake_engine().segment(request)

    assert np.array_equal(result.mask.full(), request.image.array > 50)
    assert (result.segment, result.generation) == ("liver", 4)


def test_equal_requests_give_equal_results_bit_for_bit() -> None:
    assert_same(fake_engine().segment(a_request("quick")), fake_engine().segment(a_request("quick")))


def test_the_recipe_of_a_result_makes_it_again() -> None:
    request = a_request("quick")
    first = fake_engine().segment(request)

    recipe = Recipe.from_json(Recipe.from_result(first).to_json())
    again = fake_engine().segment(recipe.request(request.image))

    assert_same(again, first)
    assert recipe.task.window is not None


def test_provenance_names_what_has_computed() -> None:
    made = fake_engine().segment(a_request("quick")).provenance

    assert made.versions["numpy"] == np.__version__
    assert made.versions["medsegai"] == MedSegAICore.__version__
    assert made.threads >= 1


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownModel, match=r"'nnunet'.*busy.*quick"):
        fake_engine().segment(a_request("nnunet"))


def test_a_prompt_that_the_model_cannot_use_is_refused_with_those_it_can() -> None:
    spec = fake_spec("quick", capabilities=Capabilities(frozenset({"box"}), frozenset({2})))

    with pytest.raises(UnsupportedPrompt, match=r"cannot use a point.*with: box"):
        engine_with(spec).segment(a_request("quick"))


@pytest.mark.parametrize("entry", ["fakes.absent:build", "fakes_absent:build"])
def test_a_model_whose_package_is_missing_says_which(entry) -> None:
    with pytest.raises(PackageMissing, match=r"fakes[._]absent"):
        engine_with(fake_spec("quick", entry=entry)).segment(a_request("quick"))


def test_progress_is_reported() -> None:
    heard = []

    fake_engine().segment(a_request("quick"), progress=lambda *words: heard.append(words))

    assert heard == [(0.5, "half")]


def test_a_cancelled_run_stops_at_its_next_step() -> None:
    cancel, heard = CancelToken(), []

    def stop_at_third(fraction, message):
        heard.append(message)
        if len(heard) == 3:
            cancel.cancel()

    with pytest.raises(Cancelled):
        fake_engine().segment(a_request("obedient"), stop_at_third, cancel)
    assert len(heard) == 3


def test_a_run_that_was_cancelled_before_loads_no_model(builds) -> None:
    cancel = CancelToken()
    cancel.cancel()

    with pytest.raises(Cancelled):
        fake_engine().segment(a_request("quick"), cancel=cancel)
    assert not builds


def test_a_model_is_loaded_once_as_long_as_there_is_room(builds) -> None:
    engine = fake_engine()
    for name in ("quick", "noisy", "quick", "greedy", "quick", "noisy"):
        engine.segment(a_request(name))

    assert [name for name, _ in builds] == ["quick", "noisy", "greedy"]
    assert engine.loaded_models == ("greedy", "quick", "noisy")


def test_the_oldest_models_make_room_before_and_after_another_is_loaded(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("MedSegAICore.engine.engine.LoadedModels", lambda: LoadedModels(lambda _device: 2000))
    held = []

    def build(spec, weights, plan, cache):
        held.append(engine.loaded_models)
        return HeavyModel(spec.name, network=FakeNetwork(400))

    monkeypatch.setattr("fakes.models.build", build)
    names = ("quick", "small", "noisy")
    files = {name: tmp_path / f"{name}.pth" for name in names}
    for file in files.values():
        file.write_bytes(bytes(400))
    engine = Engine(weights=files, catalogue={name: fake_spec(name, weights=WEIGHTS) for name in names})
    for name in ("quick", "small", "quick", "noisy"):
        engine.segment(a_request(name))

    assert held == [(), ("quick",), ("quick",)]
    assert engine.loaded_models == ("quick", "noisy")


def test_a_model_whose_file_was_replaced_is_loaded_again(builds, tmp_path) -> None:
    file = tmp_path / "quick.pth"
    file.write_bytes(b"old")
    engine = Engine(weights={"quick": file}, catalogue={"quick": fake_spec("quick", weights=WEIGHTS)})
    for content in (b"old", b"newer"):
        other = tmp_path / "other.pth"
        if content != file.read_bytes():
            other.write_bytes(content)
            other.replace(file)
        engine.segment(a_request("quick"))
        engine.segment(a_request("quick"))

    assert len(builds) == 2


def test_what_was_done_to_load_a_model_is_said_with_every_result(monkeypatch) -> None:
    model = FakeModel("quick")
    model.warnings = ("It was stretched.",)
    monkeypatch.setattr("fakes.models.build", lambda *_: model)
    engine = fake_engine()

    for _ in range(2):
        assert engine.segment(a_request("quick")).warnings[-1] == "It was stretched."


def test_a_model_that_was_loaded_ahead_is_not_loaded_again(builds) -> None:
    engine = fake_engine()
    engine.load("quick")
    assert engine.loaded_models == ("quick",)
    engine.segment(a_request("quick"))

    assert len(builds) == 1


def test_an_unknown_model_cannot_be_loaded_ahead() -> None:
    with pytest.raises(UnknownModel, match="nonesuch"):
        fake_engine().load("nonesuch")


def test_an_unloaded_model_is_loaded_again(builds) -> None:
    engine = fake_engine()
    engine.segment(a_request("quick"))
    engine.unload("quick")
    engine.segment(a_request("quick"))
    engine.unload()
    engine.segment(a_request("quick"))

    assert len(builds) == 3


def test_a_model_without_weights_does_not_ask_for_a_device(monkeypatch) -> None:
    monkeypatch.setattr("MedSegAICore.engine.device.plan_device", None)  # calling it would fail

    assert fake_engine("cuda").segment(a_request("quick")).provenance.device == "cpu"


@pytest.mark.usefixtures("a_small_gpu")
def test_a_full_device_is_replaced_by_the_processor_and_it_is_said() -> None:
    engine = engine_with(fake_spec("greedy", weights=WEIGHTS), fake_spec("quick", weights=WEIGHTS))

    result = engine.segment(a_request("greedy"))

    assert result.provenance.device == "cpu"
    assert "ran out of memory" in result.warnings[-1]
    assert engine.segment(a_request("quick")).provenance.device == "cuda:0"


@pytest.mark.usefixtures("a_small_gpu")
def test_the_models_beside_it_leave_a_full_device_first(monkeypatch) -> None:
    built = []

    def build(spec, weights, plan, cache):
        built.append((spec.name, plan.device))
        if spec.name == "noisy" and "quick" in engine.loaded_models:
            message = "The device is full."
            raise OutOfDeviceMemory(message)
        return HeavyModel(spec.name, network=FakeNetwork(1))

    monkeypatch.setattr("fakes.models.build", build)
    monkeypatch.setattr("MedSegAICore.engine.engine.LoadedModels", lambda: LoadedModels(lambda _device: 100))
    engine = engine_with(fake_spec("quick", weights=WEIGHTS), fake_spec("noisy", weights=WEIGHTS))

    assert engine.segment(a_request("quick")).warnings == engine.segment(a_request("noisy")).warnings
    assert built == [("quick", "cuda:0"), ("noisy", "cuda:0"), ("noisy", "cuda:0")]
    assert engine.loaded_models == ("noisy",)


@pytest.mark.usefixtures("a_small_gpu")
def test_unloading_gives_the_device_another_try(builds) -> None:
    engine = engine_with(fake_spec("greedy", weights=WEIGHTS))

    for _ in range(2):
        engine.segment(a_request("greedy"))
    engine.unload()
    engine.segment(a_request("greedy"))

    assert builds == [("greedy", "cuda:0"), ("greedy", "cpu")] * 2


def test_a_licence_that_must_be_accepted_keeps_also_a_loaded_model_from_running(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(licences.FOLDER_VARIABLE, str(tmp_path))
    spec = fake_spec("quick", weights=fake_weights(licence_must_be_accepted=True))
    engine = engine_with(spec)

    with pytest.raises(LicenceNotAccepted):
        engine.weights_file("quick")
    with pytest.raises(LicenceNotAccepted):
        engine.segment(a_request("quick"))
    licences.accept_licence(spec)
    assert engine.segment(a_request("quick")).mask.array.any()
    licences.withdraw_licence(spec)
    with pytest.raises(LicenceNotAccepted):
        engine.segment(a_request("quick"))


def test_a_full_memory_has_a_name() -> None:
    with pytest.raises(OutOfDeviceMemory):
        fake_engine().segment(a_request("insatiable"))


def test_models_come_from_the_catalogue() -> None:
    assert {"adaptive", "sam_vit_b"} <= set(Engine().models())


def test_opening_the_core_loads_no_numeric_library() -> None:
    code = "import MedSegAICore, sys; print([n for n in ('numpy', 'scipy', 'torch') if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": sys_path()}
    )

    assert done.stdout.strip() == "[]"


def test_the_values_and_the_engine_load_neither_torch_nor_scipy() -> None:
    code = (
        "import sys; from MedSegAICore import Engine, ImageVolume, PromptTask, Recipe; Engine().models(); "
        "print([n for n in ('scipy', 'torch') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": sys_path()}
    )

    assert done.stdout.strip() == "[]"


def sys_path() -> str:
    return str(next(path for path in sys.path if path.endswith("MedSegAI")))


def test_every_name_of_the_core_can_be_imported() -> None:
    for name in dir(MedSegAICore):
        assert getattr(MedSegAICore, name) is not None


def test_every_error_is_a_name_of_the_core() -> None:
    names = {name for name, value in vars(errors).items() if isinstance(value, type)}

    assert names <= set(dir(MedSegAICore))


def test_an_unknown_name_of_the_core_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Magic"):
        MedSegAICore.Magic  # noqa: B018
