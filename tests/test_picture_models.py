"""Vision encoders through the same backbone: any stretch of layers, any weights, transformers' own attention maps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_models import HYBRID
from torch.nn.functional import normalize

from meta_demo.algorithms.metric.base import DistanceConfig
from meta_demo.algorithms.metric.protonet import PrototypicalNetwork
from meta_demo.backbones.loading import load_backbone
from meta_demo.backbones.scopes import SCOPES, Reach
from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.data.episode import Episode, Example
from meta_demo.learning.tensors import to_task
from meta_demo.modalities.picture.content import Picture
from meta_demo.modalities.picture.distortions import viewed

pytestmark = pytest.mark.many

SMALL = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24}
SIZE = {"image_size": 32, "patch_size": 8}
# architecture -> the sizes that are not the others', the tokens that are no patch
ARCHITECTURES = {
    "vit": ({}, 1),
    "deit": ({}, 2),
    "dinov2": ({}, 1),
    "beit": ({}, 1),
    "clip_vision_model": ({}, 1),
    "siglip_vision_model": ({}, 0),
    "dinov3_vit": ({}, 1),
    "dpt": (HYBRID, 1),
}


def picture(seed: int, size: int = 40) -> Picture:
    noise = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return Picture(size, size, "RGB", noise.tobytes(), f"{seed}.png")


PICTURES = [picture(0), picture(1, 17), picture(2)]


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """A folder with a tiny random vision model and its processor, as the Hub would give it."""

    def make(architecture: str) -> Path:
        from transformers import AutoConfig, AutoModel, ViTImageProcessor

        folder = tmp_path_factory.mktemp(architecture)
        config = AutoConfig.for_model(architecture, **SMALL | SIZE | ARCHITECTURES[architecture][0])
        with torch.random.fork_rng():
            torch.manual_seed(0)
            AutoModel.from_config(config).save_pretrained(folder)
        ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
        return folder

    return make


@pytest.fixture(params=ARCHITECTURES)
def architecture(request):
    return request.param


@pytest.fixture
def backbone(architecture, folder_of):
    return load_backbone(str(folder_of(architecture)), torch.device("cpu"), Cache(1 << 26), torch.float64)


def test_what_reads_pixels_runs_for_one_picture_where_a_run_starts_above_it(backbone, monkeypatch):
    batches = []
    run = backbone._replay.run
    monkeypatch.setattr(
        backbone._replay, "run", lambda inputs, *rest: batches.append(len(inputs["pixel_values"])) or run(inputs, *rest)
    )
    z = backbone.forward(backbone.features(PICTURES, 1), {})
    assert batches == [3, 1] and len(z) == 3


def test_any_boundary_equals_the_whole_model(backbone, architecture):
    pixels, _ = backbone.inputs.batch(PICTURES, backbone.inputs.tokens)
    with torch.no_grad():
        whole = backbone.model(pixel_values=pixels.double())
    published = architecture in (
        "beit",
        "clip_vision_model",
        "siglip_vision_model",
    )  # with a norm or attention of its own
    own = whole.pooler_output if published else whole.last_hidden_state[:, 0]
    expected = torch.nn.functional.normalize(own, dim=-1)
    assert backbone.inputs.prefix == ARCHITECTURES[architecture][1]
    assert backbone.inputs.grid == (4, 4)
    for boundary in range(backbone.n_layers + 1):
        z = backbone.forward(backbone.features(PICTURES, boundary), {})
        assert torch.allclose(z, expected, atol=1e-10), boundary


def test_other_weights_take_the_place_of_the_models_own(backbone):
    start = SCOPES["last_n"].weights(backbone, Reach(2, 1), torch.Generator())
    features = backbone.features(PICTURES, 1)
    same, moved = (backbone.forward(features, {n: w * by for n, w in start.items()}) for by in (1.0, 1.1))
    assert torch.allclose(same, backbone.forward(features, {}))
    assert not torch.allclose(same, moved)


def test_attention_is_transformers_own(backbone):
    pixels, _ = backbone.inputs.batch(PICTURES[:1], backbone.inputs.tokens)
    with torch.no_grad():
        expected = backbone.model(pixel_values=pixels.double(), output_attentions=True).attentions
    maps = backbone.attentions(PICTURES[0], {})
    assert torch.allclose(maps, torch.cat(expected), atol=1e-12)
    assert torch.allclose(maps.sum(-1), torch.ones(()).double())


def test_a_picture_is_read_once(backbone, monkeypatch):
    backbone.features(PICTURES, 2)
    monkeypatch.setattr(backbone.inputs, "processor", None)  # would be called
    backbone.features(PICTURES[::-1], 2)


def test_a_clip_model_is_its_half_for_pictures(tmp_path):
    from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig, ViTImageProcessor

    vision = CLIPVisionConfig(**SMALL, **SIZE, projection_dim=8)
    text = CLIPTextConfig(**SMALL, projection_dim=8, vocab_size=99)
    config = CLIPConfig(vision_config=vision.to_dict(), text_config=text.to_dict(), projection_dim=8)
    whole = CLIPModel(config).eval()
    whole.save_pretrained(tmp_path)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    backbone = load_backbone(str(tmp_path), torch.device("cpu"), Cache(1 << 26))
    pixels, _ = backbone.inputs.batch(PICTURES, backbone.inputs.tokens)
    with torch.no_grad():
        expected = whole.get_image_features(pixel_values=pixels).pooler_output
    assert expected.shape[1] == backbone.dim == 8
    assert torch.allclose(
        backbone.forward(backbone.features(PICTURES, 0), {}), torch.nn.functional.normalize(expected, dim=-1), atol=1e-5
    )


def test_a_model_that_joins_patches_has_no_grid(tmp_path):
    from transformers import SwinConfig, SwinModel, ViTImageProcessor

    config = SwinConfig(image_size=32, patch_size=4, embed_dim=16, depths=[1, 1], num_heads=[2, 4], window_size=4)
    SwinModel(config).save_pretrained(tmp_path)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    backbone = load_backbone(str(tmp_path), torch.device("cpu"), Cache(1 << 26))
    assert (backbone.inputs.grid, backbone.n_maps) == (None, 0)
    with pytest.raises(UserError, match="no attention map"):
        backbone.attentions(PICTURES[0], {})


def test_each_model_says_what_it_reads(tiny, folder_of):
    with pytest.raises(UserError, match=r"reads sentences, and “1.png” is a picture"):
        tiny.encode(picture(1))
    backbone = load_backbone(str(folder_of("vit")), torch.device("cpu"), Cache(1 << 26))
    with pytest.raises(UserError, match="looks at pictures, and “hello” is a sentence"):
        backbone.encode("hello")


def test_a_new_process_may_load_two_models_at_once(vision_folder):
    """As a page does that is asked for one while it warms up with another."""
    code = (
        "import sys, torch\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from meta_demo.core.cache import Cache\n"
        "from meta_demo.backbones.loading import load_backbone\n"
        "with ThreadPoolExecutor(2) as pool:\n"
        "    list(pool.map(lambda name: load_backbone(name, torch.device('cpu'), Cache(1)), ('minilm', sys.argv[1])))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, vision_folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_picture_looked_at_more_than_once_is_the_mean_of_its_looks(folder_of):
    """Each look is the model's own pixels under the distortion of its number; the labels of a task stay one for one."""
    backbone = load_backbone(str(folder_of("vit")), torch.device("cpu"), Cache(1 << 26), torch.float64)
    once, thrice = (PrototypicalNetwork(backbone, DistanceConfig(views=views)) for views in (0, 2))
    with torch.no_grad():
        pixels = backbone.inputs.batch(PICTURES, 17)[0]
        looks = [backbone.model(viewed(pixels, n).to(torch.float64)).last_hidden_state for n in range(3)]
        plain = [normalize(backbone.inputs.pool(hidden, torch.ones(3, 17)), dim=-1) for hidden in looks]
        assert not torch.allclose(plain[0], plain[1], atol=1e-4)
        for algorithm, expected in ((once, plain[0]), (thrice, normalize(torch.stack(plain).mean(0), dim=-1))):
            found = algorithm.embed({}, algorithm.features(PICTURES))
            torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    rows = [Example(p, str(i)) for i, p in enumerate(PICTURES)]
    task = to_task(thrice, Episode(tuple(rows), tuple(rows)))
    *_, last = thrice.adapt(task.support)
    assert thrice.predict(last, task.query.x).argmax(1).tolist() == [0, 1, 2]
    assert torch.isfinite(thrice.meta_loss(task))
