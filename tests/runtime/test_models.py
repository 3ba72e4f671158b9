import json
import shutil
from pathlib import Path

import pytest

from licrt.runtime import available_models, models
from licrt.runtime.errors import ModelError
from licrt.runtime.models import EMBEDDED, find, install, user_directory


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LICRT_MODEL_PATH", raising=False)


def renamed(directory, name: str):
    copy = shutil.copytree(EMBEDDED / "default", directory)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["name"] = name
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


def test_a_model_is_found_by_directory_name_and_id(tmp_path, monkeypatch) -> None:
    copy = renamed(tmp_path / "models" / "mine", "my-codec")
    assert find(copy) == copy
    assert find(str(copy)) == copy
    with pytest.raises(ModelError, match=r"my-codec not found.*Installed: licrt2026-mse\..*--add"):
        find("my-codec")
    monkeypatch.setenv("LICRT_MODEL_PATH", str(tmp_path / "models"))
    assert find("my-codec") == copy
    assert find(available_models()[0].id) == copy
    assert find("default") == EMBEDDED / "default"
    with pytest.raises(ModelError, match="a model with this id"):
        find("0" * 32)


def test_half_a_bundle_does_not_hide_the_whole_one(tmp_path, monkeypatch) -> None:
    """Though it may have as many graphs, with a hyper-synthesis for accelerators."""
    half = renamed(tmp_path / "models" / "half", "licrt2026-mse")
    manifest = json.loads((half / "manifest.json").read_text())
    manifest["graphs"]["hyper_synthesis"] = manifest["graphs"].pop("synthesis")
    (half / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setenv("LICRT_MODEL_PATH", str(tmp_path / "models"))
    assert available_models()[0].path == half
    assert find("licrt2026-mse") == EMBEDDED / "default"
    assert find(manifest["id"]) == EMBEDDED / "default"


def test_installing_copies_and_refuses_a_second_of_that_name(tmp_path) -> None:
    copy = renamed(tmp_path / "mine", "my-codec")
    assert install(copy).path == user_directory() / "my-codec"
    shutil.rmtree(copy)
    assert find("my-codec") == user_directory() / "my-codec"
    assert install(user_directory() / "my-codec").name == "my-codec"
    other = user_directory() / "my-codec" / "manifest.json"
    manifest = json.loads(other.read_text())
    manifest["id"] = "1" * 32
    other.write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="another model called my-codec"):
        install(renamed(tmp_path / "again", "my-codec"))


@pytest.mark.parametrize("name", ["../escape", "", ".", ".hidden", "a/b"])
def test_a_name_cannot_leave_the_directory(tmp_path, name: str) -> None:
    with pytest.raises(ModelError, match="cannot be a directory name"):
        install(renamed(tmp_path / "mine", name))
    assert not user_directory().exists()


def test_installing_again_repairs(tmp_path) -> None:
    copy = renamed(tmp_path / "mine", "my-codec")
    damaged = install(copy).path / "synthesis.onnx"
    damaged.write_bytes(b"")
    install(copy)
    assert damaged.read_bytes() == (copy / "synthesis.onnx").read_bytes()
    assert [path.name for path in user_directory().iterdir()] == ["my-codec"]
    damaged.with_name("manifest.json").write_text("")
    with pytest.raises(ModelError, match=r"my-codec is in the way .*not JSON.* Remove it"):
        install(copy)


def half(directory, *roles: str):
    copy = renamed(directory, "my-codec")
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["graphs"] = {role: manifest["graphs"][role] for role in roles}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


def test_a_whole_model_replaces_half_of_it_and_never_the_other_way(tmp_path) -> None:
    encoder = half(tmp_path / "encoder", "analysis", "hyper_analysis")
    decoder = half(tmp_path / "decoder", "synthesis")
    assert install(encoder).parts == ("analysis", "hyper_analysis")
    with pytest.raises(ModelError, match="the other half"):
        install(decoder)
    whole = ("analysis", "hyper_analysis", "synthesis")
    assert install(renamed(tmp_path / "both", "my-codec")).parts == whole
    assert install(decoder).parts == whole


def test_a_model_with_the_id_of_another_is_not_installed(tmp_path) -> None:
    copy = renamed(tmp_path / "mine", "my-codec")
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["id"] = "1" * 32
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="its id does not belong to its tensors"):
        install(copy)
    assert not user_directory().exists()


def test_whoever_installs_first_wins(tmp_path, monkeypatch) -> None:
    copy = renamed(tmp_path / "mine", "my-codec")
    rename = Path.rename

    def overtaken(self, target):
        monkeypatch.undo()
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
        install(copy)
        return rename(self, target)

    monkeypatch.setattr("pathlib.Path.rename", overtaken)
    assert install(copy).path == user_directory() / "my-codec"
    assert [path.name for path in user_directory().iterdir()] == ["my-codec"]


def test_what_cannot_be_a_path_is_not_found() -> None:
    for name in ("x" * 300, "a\0b", "\ud800"):
        with pytest.raises(ModelError, match="not found"):
            find(name)


def test_a_directory_that_cannot_be_listed_is_an_error(monkeypatch, tmp_path) -> None:
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    with pytest.raises(ModelError, match=r"cannot list models in .*Permission denied.*LICRT_MODEL_PATH"):
        available_models()


def test_a_damaged_bundle_is_not_installed(tmp_path) -> None:
    copy = renamed(tmp_path / "mine", "my-codec")
    (copy / "synthesis.onnx").write_bytes(b"")
    with pytest.raises(ModelError, match="not the file that was exported"):
        install(copy)
    assert not user_directory().exists()


def test_what_is_installed_is_what_was_checked(tmp_path, monkeypatch) -> None:
    """Whoever owns the directory can write to it while it is read."""
    copy = renamed(tmp_path / "mine", "my-codec")
    before = (copy / "manifest.json").read_bytes()
    check = models._check_files

    def change(bundle) -> None:
        check(bundle)
        renamed(tmp_path / "other", "other").joinpath("manifest.json").replace(copy / "manifest.json")

    monkeypatch.setattr(models, "_check_files", change)
    installed = install(copy)
    assert (installed.path / "manifest.json").read_bytes() == before
    monkeypatch.undo()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    shutil.rmtree(installed.path)

    def damage(bundle) -> None:
        check(bundle)
        (copy / "synthesis.onnx").write_bytes(b"something else")

    monkeypatch.setattr(models, "_check_files", damage)
    with pytest.raises(ModelError, match="not the file that was exported"):
        install(copy)
    assert list(user_directory().iterdir()) == []


def test_links_are_installed_as_files(tmp_path) -> None:
    copy = renamed(tmp_path / "mine", "my-codec")
    for path in list(copy.iterdir()):
        path.rename(tmp_path / f"blob-{path.name}")
        path.symlink_to(f"../blob-{path.name}")
    installed = install(copy)
    assert not any(path.is_symlink() for path in installed.path.iterdir())
    assert sorted(path.name for path in installed.path.iterdir()) == sorted(path.name for path in copy.iterdir())


def test_what_is_left_of_a_killed_installation_is_no_model(tmp_path) -> None:
    left = renamed(user_directory() / ".licrt-abcdef.tmp" / "bundle", "left")
    assert left.is_dir()
    with pytest.raises(ModelError, match="not found"):
        find("left")
    assert "left" not in [model.name for model in available_models()]
