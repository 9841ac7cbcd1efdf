import pytest

from viewer.quality import HIGH, LOW, SLOWEST, Governor, choose


@pytest.mark.parametrize(
    ("name", "gpu", "expected"),
    [
        ("auto", "llvmpipe (LLVM 15.0.6, 256 bits)", LOW),
        ("auto", "Google SwiftShader", LOW),
        ("auto", "NVIDIA GeForce RTX 3060/PCIe/SSE2", HIGH),
        ("high", "llvmpipe (LLVM 15.0.6, 256 bits)", HIGH),
        ("low", "Mesa Intel(R) UHD Graphics", LOW),
    ],
)
def test_auto_spares_the_processor_and_a_name_is_obeyed(name, gpu, expected):
    """By what OpenGL calls its renderer."""
    assert choose(name, gpu) is expected


def test_the_look_keeps_its_samples():
    """Four a pixel in both."""
    assert (HIGH.samples, LOW.samples) == (4, 4)


def test_the_governor_speaks_when_pictures_stay_slow():
    """Not for a single hitch, not while warming up; but once fifteen take too long on average."""
    governor = Governor(15)
    assert not any(governor.look(1.0) for _ in range(3))  # shaders compile, caches fill
    assert not any(governor.look(0.3 if k == 7 else 0.02) for k in range(15))
    said = [governor.look(1.2 * SLOWEST) for _ in range(15)]
    assert said == [False] * 14 + [True]
