import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from viewer.images import OutputError, check_writable, video, write_png


def test_a_png_reads_back_bit_for_bit(tmp_path):
    """By another library, noise included."""
    image = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    write_png(tmp_path / "a.png", image)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), image)


def test_a_video_has_its_frames_size_and_colours(tmp_path):
    """Ten frames that go from black to orange: H.264, yuv420p, 25 a second, colours within 6 of 255."""
    path = tmp_path / "a.mp4"
    with video(path, 128, 64, 25) as append:
        for k in range(10):
            append(np.full((64, 128, 3), [28 * k, 14 * k, 0], np.uint8))
    reader = imageio_ffmpeg.read_frames(str(path))
    facts = next(reader)
    frames = [np.frombuffer(frame, np.uint8).reshape(64, 128, 3) for frame in reader]
    assert (facts["size"], facts["fps"], facts["codec"]) == ((128, 64), 25.0, "h264")
    assert facts["pix_fmt"].startswith("yuv420p")
    assert len(frames) == 10
    np.testing.assert_allclose(frames[9].mean(axis=(0, 1)), [252, 126, 0], atol=6)


@pytest.mark.parametrize("name", ["missing/a.mp4", "."])
def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path, name):
    """A folder that is not there, a name that is a folder."""
    with pytest.raises(OutputError, match="cannot be written"):
        check_writable(tmp_path / name)


def test_checking_leaves_no_file_and_spoils_none(tmp_path):
    """An old file keeps its contents until the new one is written."""
    (tmp_path / "old.png").write_bytes(b"old")
    check_writable(tmp_path / "old.png")
    check_writable(tmp_path / "new.png")
    assert (tmp_path / "old.png").read_bytes() == b"old"
    assert not (tmp_path / "new.png").exists()


def test_an_animated_picture_has_all_frames_and_comes_again(tmp_path):
    """Twelve frames at 10 a second: WebP, 100 ms each, without end."""
    path = tmp_path / "a.webp"
    with video(path, 64, 32, 10) as append:
        for k in range(12):
            append(np.full((32, 64, 3), [20 * k, 0, 255 - 20 * k], np.uint8))
    with Image.open(path) as image:
        assert (image.format, image.n_frames, image.info["loop"], image.size) == ("WEBP", 12, 0, (64, 32))
        image.seek(11)
        image.load()
        assert image.info["duration"] == 100
        np.testing.assert_allclose(np.asarray(image.convert("RGB")).mean(axis=(0, 1)), [220, 0, 35], atol=12)
