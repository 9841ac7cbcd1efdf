import pytest

from viewer.quality import HIGH, LOW, choose


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
