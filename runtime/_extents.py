"""Upper bounds on the shapes in a graph, so that nobody has to work out hostile ones.

ONNX Runtime infers every tensor's shape while it loads. Where a shape is itself a tensor (the second input of a
Reshape, say) of n numbers, it makes room for n dimensions, 210 bytes and 1.3 µs each, with no bound: a graph of 200
bytes says "expand 1 to 10¹⁰ numbers, use them as a shape" and loading it takes all memory (found by fuzzing; ONNX
Runtime 1.31). So each node is followed with numbers for each of its outputs: how many elements it can have, where that
is known to be few, and how many dimensions, at most and at least. A graph that passes has no tensor of more than
`MAX_RANK` dimensions, and nothing of what else made ONNX Runtime 1.31 abort or write past an array: no Einsum of a
tensor with fewer dimensions than its equation names, no Split into another number of parts than it has outputs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

_NONE: Mapping[str, str | int] = MappingProxyType({})
MAX_RANK = 256
"""Our own files have 4; what is followed here is more than is there, where squeezing is not followed."""
_AS_FIRST = frozenset(
    "Abs Cast CastLike Ceil Clip Flatten Floor Identity Neg Reshape Slice Squeeze Transpose Unsqueeze".split()
)
"""Operators whose output has no more elements than their first input."""
_PRODUCT = frozenset("Add And Div Equal Gather Greater Less Max Min Mod Mul Not Or Sub Where".split())
"""Operators whose output has no more elements than the product of their inputs'."""
_KEEPS_RANK = frozenset(
    """
    Abs Cast CastLike Ceil Clip Cos CumSum Elu Erf Exp Expand Floor Gelu Identity IsNaN LayerNormalization LeakyRelu Log
    LogSoftmax Mish Neg Not Pad Reciprocal Relu Round Selu Sigmoid Sign Sin Slice Softmax Softplus Split Sqrt Tanh Tile
    Transpose Trilu
    """.split()
)
"""Operators whose output has no fewer dimensions than their first input."""
_BROADCASTS = frozenset("Add And Div Equal Greater Less Max Mean Min Mod Mul Or Pow Sub Sum Where Xor".split())
"""Operators whose output has no fewer dimensions than any of their inputs."""
_RANK_SUM = frozenset(("Gather", "GatherND", "OneHot"))
"""Operators whose output can have more dimensions than each of their inputs."""


class Extents:
    """What is known of the tensors of a graph, node by node in the graph's order."""

    def __init__(self) -> None:
        """Know nothing."""
        self._count: dict[str, int] = {}
        self._rank: dict[str, int] = {}
        self._least: dict[str, int] = {}
        self._weights: dict[str, int] = {}  # elements of those in the file
        self._declared: dict[str, float] = {}

    def add_weight(self, name: str, shape: Sequence[int]) -> None:
        """Note a tensor whose data is in the file."""
        self._rank[name] = self._least[name] = len(shape)
        self._count[name] = self._weights[name] = int(_elements(shape))

    def declare(self, name: str, shape: Sequence[float], *, is_input: bool) -> None:
        """Note what a file says of a tensor, inf for sizes it leaves open; an input comes from outside and has it."""
        self._declared[name] = max(self._declared.get(name, 0.0), _elements(shape, math.inf))
        if is_input:
            self._rank[name] = self._least[name] = len(shape)

    def add_node(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], attributes: Mapping[str, str | int] = _NONE
    ) -> str | None:
        """Note the outputs of a node; returns what is wrong with it, or None.

        Args:
            operator: its operator.
            inputs: names of its inputs, "" where one is left out.
            outputs: names of its outputs.
            attributes: those that are a text or a whole number; of a list `split` its length.
        """
        equation, axis = attributes.get("equation", ""), attributes.get("axis", 0)
        if not isinstance(equation, str) or not isinstance(axis, int):
            return f"an operator {operator} whose equation or axis is of another type"
        unknown = [name for name in inputs if name and name not in self._rank]
        if unknown:
            return f"an operator {operator} that reads {unknown[0][:100]!r} before it is made"
        if operator == "Einsum" and not self._fits(equation, inputs):
            return f"an Einsum {equation[:100]!r} of tensors that may have fewer dimensions"
        if operator == "Split" and not self._splits(inputs, len(outputs), attributes):
            return f"a Split into {len(outputs)} parts that may be another number"
        counts = [self._bound(name) for name in inputs]
        rank = self._output_rank(operator, inputs, counts, equation)
        if rank > MAX_RANK:
            return f"an operator {operator} with a shape of more than {MAX_RANK} dimensions, or of unknown many"
        count = self._output_count(operator, inputs, counts)
        least = self._output_least(operator, inputs, axis)
        for name in outputs:
            self._rank[name], self._least[name] = int(rank), least
            if count <= MAX_RANK**2:
                self._count[name] = int(count)
        return None

    def _bound(self, name: str) -> float:
        """Return the most elements that a tensor can have, or that the file says it has."""
        known = self._count.get(name, math.inf)
        return max(known, self._declared[name]) if name in self._declared else known

    def _output_rank(self, operator: str, inputs: Sequence[str], counts: list[float], equation: str) -> float:
        ranks = [self._rank.get(name, 0) for name in inputs] or [0]
        second = counts[1] if len(counts) > 1 else math.inf
        if operator == "Einsum":
            return len(equation) + max(ranks)
        if operator == "Unsqueeze":
            return ranks[0] + second
        if operator == "Squeeze" and second <= ranks[0]:
            return ranks[0] - second
        if operator == "ConstantOfShape":
            return counts[0] if counts else math.inf
        if operator == "Reshape":
            return second
        if operator == "Expand":
            return max(second, ranks[0])
        return sum(ranks) if operator in _RANK_SUM else max(*ranks, 2)  # two: NonZero, EyeLike, Flatten; one: Range

    def _output_count(self, operator: str, inputs: Sequence[str], counts: list[float]) -> float:
        if operator == "Shape":
            return self._rank.get(inputs[0], 0) if inputs else 0
        if operator == "Concat":
            return sum(counts)
        if operator in _AS_FIRST:
            return counts[0] if counts else 0
        return math.prod(counts) if operator in _PRODUCT else math.inf

    def _output_least(self, operator: str, inputs: Sequence[str], axis: int) -> int:
        least = [self._least.get(name, 0) for name in inputs] or [0]
        if operator in _KEEPS_RANK:
            return least[0]
        if operator in ("Unsqueeze", "Reshape"):
            given = self._weights.get(inputs[1], 0) if len(inputs) > 1 else 0
            return given + (least[0] if operator == "Unsqueeze" else 0)
        if operator == "Concat":
            return max(*least, axis + 1 if axis >= 0 else -axis)
        return max(least) if operator in _BROADCASTS else 0

    def _fits(self, equation: str, inputs: Sequence[str]) -> bool:
        """Whether every input of an Einsum has at least as many dimensions as its term of the equation has letters."""
        terms = equation.partition("->")[0].split(",")
        letters = [sum(sign.isalpha() for sign in term) for term in terms]
        return len(terms) == len(inputs) and all(
            self._least.get(name, 0) >= count for name, count in zip(inputs, letters, strict=True)
        )

    def _splits(self, inputs: Sequence[str], outputs: int, attributes: Mapping[str, str | int]) -> bool:
        """Whether all that says into how many parts a Split goes says as many as it has outputs."""
        said = [attributes[key] for key in ("num_outputs", "split") if key in attributes]
        said += [self._weights.get(name, 0) for name in inputs[1:2] if name]
        return all(number == outputs for number in said)


def _elements(shape: Sequence[float], most: float = 2.0**62) -> float:
    """Return how many elements a shape has; `most` for more than that, and for a shape with a negative size."""
    return most if min(shape, default=0) < 0 else min(float(math.prod(min(size, 2**62) for size in shape)), most)
