"""Presets of the latency benchmark: what may stand in them."""

import pytest

from lab.latency import find_preset
from lab.latency.preset import Cell


def test_shipped_presets_time_what_their_targets_name():
    for name in ("cpu", "gpu"):
        found = find_preset(name)
        cells = {one for block in found.blocks for one in block.cells}
        assert found.targets
        for target in found.targets:
            assert {target.cell, target.than} - {None} <= cells


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rounds = 1", "the file: 'turn_runs' is a required property"),
        ("rounds = 0", "rounds: 0 is less than the minimum of 1"),
        ("rounds = ", "not a TOML file"),
        ("speed = 1", "the file: .*'speed' was unexpected"),
    ],
)
def test_presets_that_are_wrong(tmp_path, text, message):
    path = tmp_path / "own.toml"
    whole = "turn_runs = 1\nturn_seconds = 1\nprepare_seconds = 1\n"
    whole += '[[blocks]]\ntitle = "b"\n[[blocks.cells]]\nnetworks = ["a"]\nruntimes = ["jax"]\n'
    whole += 'forms = ["fused"]\nprecisions = ["f32"]\nsizes = [[64, 64]]\nscopes = ["mask"]\n'
    path.write_text(text + "\n" + ("" if "required" in message else whole))
    with pytest.raises(ValueError, match=message):
        find_preset(path)


def test_blocks_of_one_title(tmp_path):
    """Their rows could not be told apart."""
    block = '[[blocks]]\ntitle = "b"\n[[blocks.cells]]\nnetworks = ["a"]\nruntimes = ["jax"]\n'
    block += 'forms = ["fused"]\nprecisions = ["f32"]\nsizes = [[64, 64]]\nscopes = ["mask"]\n'
    text = "rounds = 1\nturn_runs = 1\nturn_seconds = 1\nprepare_seconds = 1\n"
    path = tmp_path / "own.toml"
    path.write_text(text + block + block)
    with pytest.raises(
        ValueError, match=r"a title of its own for each block\. Received: \['b', 'b"
    ):
        find_preset(path)


def test_presets_with_processes_batches_and_profiles(tmp_path):
    cells = 'networks = ["a"]\nruntimes = ["jax"]\nforms = ["model"]\nprecisions = ["f32"]\n'
    cells += "sizes = [[64, 64]]\n"
    text = "rounds = 1\nturn_runs = 1\nturn_seconds = 1\nprepare_seconds = 1\n"
    text += "prepare_at_once = 3\n[processes]\ntorch = 2\n"
    text += f'[[blocks]]\ntitle = "b"\n[[blocks.cells]]\nbatch = 4\n{cells}scopes = ["train"]\n'
    text += f'[[profiles]]\n{cells}scopes = ["mask"]\n'
    path = tmp_path / "own.toml"
    path.write_text(text)
    found = find_preset(path)
    assert (found.processes, found.prepare_at_once) == ({"torch": 2}, 3)
    assert found.blocks[0].cells == (Cell("a", "jax", "model", "f32", (64, 64), "train", 4),)
    assert found.profiles == (Cell("a", "jax", "model", "f32", (64, 64), "mask"),)
    assert find_preset(path).blocks[0].cells[0].title.endswith("4x64x64 train")
    path.write_text(text.replace('["train"]', '["mask"]'))
    with pytest.raises(ValueError, match=r"a batch of one outside training\. Received: 4"):
        find_preset(path)


def test_presets_that_are_not_there(tmp_path):
    known = r"name of a preset \(backends, cpu, gpu\)\. Received: fast"
    with pytest.raises(ValueError, match=known):
        find_preset("fast")
    with pytest.raises(ValueError, match=r"no\.toml: cannot be read: No such file"):
        find_preset(tmp_path / "no.toml")
