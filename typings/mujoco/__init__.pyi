# mujoco's names come from compiled modules without type information: to the type checker each of them is Any.
from typing import Any

def __getattr__(name: str) -> Any: ...
