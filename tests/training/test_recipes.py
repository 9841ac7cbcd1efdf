from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from runtime import Controller
from training import cards
from training import config as settings
from training.config import RunConfig
from training.provenance import sha256

CONF = Path(settings.__file__).parent / "conf"
RECIPES = sorted(path.stem for path in (CONF / "recipe").glob("*.yaml"))
OF_A_RUN = ("seed", "folder", "command", "output", "overwrite", "resume", "physics", "recipe")
"""What may differ between runs of one recipe."""


def composed(*overrides):
    """Settings as a command line with these overrides has them, plain."""
    settings.register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return settings.as_plain(settings.resolve(RunConfig, compose("run", ["folder=here", *overrides])))


def asked(configuration):
    """What of a configuration decides what is learned."""
    learner = {key: value for key, value in configuration["learner"].items() if key not in ("processes", "minutes")}
    return {key: value for key, value in configuration.items() if key not in OF_A_RUN} | {"learner": learner}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_says_its_name(name):
    """It is how a file's metadata, and its card, tell what makes it again."""
    assert composed(f"recipe={name}")["recipe"] == name


def test_the_defaults_are_steerings_recipe():
    """`task=steering` with nothing else makes what is shipped."""
    assert asked(composed("task=steering")) == asked(composed("recipe=steering"))


@pytest.mark.parametrize("path", sorted(Path("exported").glob("*.onnx")), ids=lambda path: path.stem)
def test_a_file_is_its_recipes_or_told_to_be_none(path):
    """Its settings are those of the recipe of its name, from a clean commit and the parent that is shipped."""
    metadata = Controller.load(path).metadata
    if not cards.command(metadata):
        return  # its card says that it cannot be made again
    recipe = composed(f"recipe={path.stem}")
    assert asked(metadata["training"]["configuration"]) == asked(recipe)
    parents = [run["sha256"] for run in metadata["training"].get("lineage", [])]
    assert parents == ([sha256(Path(recipe["init"]))] if recipe["init"] else [])
