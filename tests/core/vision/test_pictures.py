from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_core.errors import ScorerError
from orchestrator_core.vision.pictures import MOST_SIDE, pictures_of, pixels_of, whole

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
Image = pytest.importorskip("PIL.Image")

RED = (255, 0, 0)


def test_a_batch_of_comfyui_gives_its_images_as_bytes() -> None:
    batch = torch.zeros((2, 8, 6, 3))
    batch[1] = torch.tensor([1.0, 0.5, -3.0])
    first, second = pixels_of(batch)
    assert first.shape == (8, 6, 3)
    assert first.dtype == np.uint8
    assert second[0, 0].tolist() == [255, 128, 0]
    assert (pixels_of(batch.to(torch.bfloat16))[1] == second).all()
    assert (pixels_of(batch[1])[0] == second).all()


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "CMYK", "I;16", "1"])
def test_files_and_pil_images_of_each_mode_are_read(mode: str, tmp_path: Path) -> None:
    image = Image.new("RGB", (8, 6), "white").convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.full((6, 8), 65535, dtype=np.uint16))
    path = tmp_path / "a.tif"
    image.save(path)
    for source in (image, path, str(path)):
        (found,) = pixels_of(source)
        assert found.shape == (6, 8, 3)
        assert found.min() >= 254


def test_transparent_parts_become_white() -> None:
    image = Image.new("RGBA", (8, 8), (*RED, 0))
    assert pixels_of(image)[0][0, 0].tolist() == [255, 255, 255]
    array = np.zeros((8, 8, 4), dtype=np.float32)
    array[..., 3] = 0.5
    assert pixels_of(array)[0][0, 0].tolist() == [128, 128, 128]


def test_a_batch_of_mixed_sizes_loses_no_image_to_a_bad_one(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    nan = torch.zeros((2, 8, 8, 3))
    nan[0, 3, 3, 0] = float("nan")
    sources = [Image.new("RGB", (9, 5)), broken, nan, np.zeros((1, 1, 3), np.uint8), None, tmp_path / "gone.png"]
    found = pictures_of(sources)
    assert [each.pixels is not None for each in found] == [True, False, False, True, False, False, False]
    said = [each.problem for each in found]
    assert "broken.png" in said[1]
    assert "image 3, image 1 of 2" in said[2]
    assert "NaN" in said[2]
    assert "1 × 1" in said[4]
    assert "NoneType" in said[5]
    assert "gone.png" in said[6]
    pixels, places = whole(found)
    assert [each.shape for each in pixels] == [(5, 9, 3), (8, 8, 3)]
    assert places == [0, 3]
    with pytest.raises(ScorerError, match=r"broken\.png"):
        pixels_of(sources)


@pytest.mark.parametrize("shape", [(0, 8, 8, 3), (3, 8, 8), (2, 4, 8, 8), (8, 8), (1, 8, 0, 3)])
def test_an_array_that_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ScorerError):
        pixels_of(np.zeros(shape, np.float32))


def test_an_image_of_16k_is_made_smaller_by_means() -> None:
    tall = np.zeros((4, 4 * MOST_SIDE - 3, 3), np.uint8)
    tall[:, 8:12] = 200
    (found,) = pixels_of(tall)
    assert max(found.shape) <= MOST_SIDE
    assert found[0, 1:4, 0].tolist() == [0, 200, 0]
    assert max(pixels_of(Image.new("RGB", (4 * MOST_SIDE, 8)))[0].shape) <= MOST_SIDE


def test_a_file_with_too_many_pixels_to_decode_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "huge.png"
    Image.new("1", (16_384, 16_384)).save(path)
    with pytest.raises(ScorerError, match=r"huge\.png: .*too many"):
        pixels_of(path)
