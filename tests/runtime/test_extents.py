from __future__ import annotations

import math

from runtime._extents import MAX_RANK, Extents


def follow(*nodes: tuple[str, list[str], list[str]]) -> str | None:
    """Nodes after an input [?, 3] `x`, a weight `w` [2, 5], a shape `s` of three numbers and an axis `a`."""
    extents = Extents()
    extents.declare("x", [math.inf, 3], is_input=True)
    for name, shape in (("w", [2, 5]), ("s", [3]), ("a", [1])):
        extents.add_weight(name, shape)
    return next((fault for fault in (extents.add_node(*node) for node in nodes) if fault), None)


def test_shapes_of_known_length_pass() -> None:
    """Weights, a tensor's shape, parts of it joined, cast and multiplied: their length is known to be small."""
    shape = [
        ("Shape", ["x"], ["n"]), ("Slice", ["n", "a", "a"], ["b"]), ("Concat", ["b", "s"], ["c"]),
        ("Cast", ["c"], ["d"]), ("Mul", ["d", "a"], ["e"]),
    ]  # fmt: skip
    for operator, inputs in (("Reshape", ["x", "e"]), ("Expand", ["x", "e"]), ("ConstantOfShape", ["e"])):
        assert follow(*shape, (operator, inputs, ["y"])) is None


def test_shapes_of_unknown_length_are_refused() -> None:
    """What was expanded, tiled, counted or comes from outside can have any length."""
    for makers in (
        [("Expand", ["a", "s"], ["n"])], [("Tile", ["s", "a"], ["n"])], [("Range", ["a", "a", "a"], ["n"])],
        [("Identity", ["x"], ["n"])], [("MatMul", ["x", "x"], ["n"])],
    ):  # fmt: skip
        fault = follow(*makers, ("Reshape", ["x", "n"], ["y"]))
        assert fault and fault.startswith("an operator Reshape with a shape of more than")


def test_dimensions_are_counted() -> None:
    """Two of x, one more by Unsqueeze, one fewer by Squeeze, three after a Reshape to three numbers."""
    extents = Extents()
    extents.declare("x", [math.inf, 3], is_input=True)
    extents.add_weight("s", [3])
    extents.add_weight("a", [1])
    for number in range(1000):  # up and down: no growth
        assert extents.add_node("Unsqueeze", ["x" if number == 0 else f"d{number}", "a"], [f"u{number}"]) is None
        assert extents.add_node("Squeeze", [f"u{number}", "a"], [f"d{number + 1}"]) is None
    assert extents.add_node("Reshape", ["d1000", "s"], ["r"]) is None
    for number in range(MAX_RANK - 3):  # from three dimensions to as many as there may be
        assert extents.add_node("Unsqueeze", ["r" if number == 0 else f"v{number}", "a"], [f"v{number + 1}"]) is None
    fault = extents.add_node("Unsqueeze", [f"v{MAX_RANK - 3}", "a"], ["y"])
    assert fault and "more than 256 dimensions" in fault


def test_order_matters() -> None:
    """A node that reads what a later one makes is refused: its extent is not known."""
    assert follow(("Abs", ["later"], ["y"])) == "an operator Abs that reads 'later' before it is made"


def test_an_einsum_needs_as_many_dimensions_as_letters() -> None:
    """Two of x are enough for `bc`, not for `bcd`; a Concat along axis 2 proves three; a reduced tensor proves none."""
    extents = Extents()
    extents.declare("x", [math.inf, 3], is_input=True)
    extents.add_weight("w", [3, 9, 10])
    assert extents.add_node("Einsum", ["w", "x"], ["y"], {"equation": "kgc,bc->bkg"}) is None
    fault = extents.add_node("Einsum", ["x", "x"], ["y"], {"equation": "bcd,bc->b"})
    assert fault == "an Einsum 'bcd,bc->b' of tensors that may have fewer dimensions"
    assert extents.add_node("ReduceSum", ["x"], ["r"]) is None
    assert extents.add_node("Einsum", ["r", "x"], ["y"], {"equation": "c,bc->b"})
    for axis, enough in ((2, True), (-3, True), (1, False)):
        assert extents.add_node("Concat", ["r", "r"], ["c"], {"axis": axis}) is None
        assert (extents.add_node("Einsum", ["c", "x"], ["y"], {"equation": "abc,bc->a"}) is None) is enough
    assert extents.add_node("Einsum", ["x"], ["y"], {"equation": "bc,bc->b"})  # as many terms as tensors


def test_a_split_has_as_many_outputs_as_parts() -> None:
    """`s` holds three sizes: three outputs pass, two do not, nor do sizes from outside or another num_outputs."""
    assert follow(("Split", ["x", "s"], ["p", "q", "r"])) is None
    assert follow(("Split", ["x", "s"], ["p", "q"])) == "a Split into 2 parts that may be another number"
    assert follow(("Shape", ["x"], ["n"]), ("Split", ["x", "n"], ["p", "q"]))
    extents = Extents()
    extents.declare("x", [math.inf, 3], is_input=True)
    assert extents.add_node("Split", ["x"], ["p", "q"], {"num_outputs": 2}) is None
    assert extents.add_node("Split", ["x"], ["p", "q"], {"num_outputs": 1})
    assert extents.add_node("Split", ["x"], ["p", "q"], {"split": 3})


def test_vast_and_negative_sizes_do_no_harm() -> None:
    """Sizes of 2⁶³ - 1 or -1, said of weights or of what is between, count as vast wherever they are used."""
    for shape in ([2**63 - 1] * 20, [-1, 3], [-(2**63)] * 3):
        for said in ([-1.0, math.inf], [1e308, 1e308], [math.inf]):
            extents = Extents()
            extents.add_weight("vast", shape)
            extents.declare("x", [math.inf, 3], is_input=True)
            extents.declare("y", said, is_input=False)
            for operator in ("Mul", "Concat", "Gather", "Identity"):
                extents.add_node(operator, ["vast", "vast", "x"], ["y"])
                for user in ("Reshape", "Unsqueeze", "Expand"):
                    assert extents.add_node(user, ["x", "y"], ["z"])
                assert extents.add_node("Squeeze", ["x", "y"], ["z"]) is None
