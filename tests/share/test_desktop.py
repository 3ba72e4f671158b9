"""The MIME type and the rule for file(1), with the tools that use them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from references.tiny_photo import photo

from licrt.runtime import Codec
from licrt.runtime.container import MAGIC
from licrt.runtime.picture import write_alpha

SHARE = Path(__file__).parents[2] / "share"
MAGIC_FILE = SHARE / "magic" / "lci"
MIME_XML = SHARE / "mime" / "packages" / "image-x-lci.xml"
needs_tools = pytest.mark.usefixtures("desktop")


@pytest.fixture(scope="module")
def stream() -> bytes:
    pixels = photo(50, 70)
    return Codec.load("default", threads=1).encode(pixels, alpha=write_alpha(pixels[..., 0]), exif=b"II*\0\0\0\0\0")


def file(path: Path, *options: str) -> str:
    command = ["file", "--brief", "--magic-file", str(MAGIC_FILE), *options, str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    return result.stdout.strip()


@needs_tools
def test_file_describes_streams(stream, tmp_path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(stream)
    assert file(path) == "licrt image, 70 x 50, version 0.1, 4 sections"
    assert file(path, "--mime-type") == "image/x-lci"
    assert file(path, "--extension") == "lci"


@needs_tools
@pytest.mark.parametrize(
    ("offset", "value", "description"),
    [
        (8, 1, "licrt stream of format version 1"),  # where the other fields are is not known then
        (9, 7, "licrt image, 70 x 50, version 0.7, 4 sections"),
        (10, 1, "licrt video, version 0.1, 4 sections"),
        (10, 2, "licrt point cloud, version 0.1, 4 sections"),
        (14, 1, "licrt image, 70 x 50, version 0.1, 1 section"),
        (18, 2, "licrt image, 131142 x 50, version 0.1, 4 sections"),
        (23, 128, "licrt image, 70 x 2147483698, version 0.1, 4 sections"),
    ],
)
def test_file_reads_every_field(stream, tmp_path, offset: int, value: int, description: str) -> None:
    path = tmp_path / "picture"
    path.write_bytes(stream[:offset] + bytes([value]) + stream[offset + 1 :])
    assert file(path) == description


@needs_tools
def test_file_knows_what_is_no_stream(stream, tmp_path) -> None:
    path = tmp_path / "picture"
    for data in (stream[1:], stream.replace(b"\r\n", b"\n", 1), b"\x89PNG" + stream[4:], MAGIC[:7]):
        path.write_bytes(data)
        assert "licrt" not in file(path)


@needs_tools
def test_the_rule_compiles_without_a_warning(tmp_path) -> None:
    command = ["file", "--compile", "--magic-file", str(MAGIC_FILE)]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    assert (tmp_path / "lci.mgc").exists()


@needs_tools
def test_desktops_know_the_type(stream, tmp_path) -> None:
    """By its magic where the name says nothing, and by its name where there is nothing to read."""
    packages = tmp_path / "data" / "mime" / "packages"
    packages.mkdir(parents=True)
    shutil.copy(MIME_XML, packages)
    environment = os.environ | {"XDG_DATA_HOME": str(tmp_path / "none"), "XDG_DATA_DIRS": str(tmp_path / "data")}

    def run(*command: str) -> str:
        result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        assert result.stderr == ""
        return result.stdout

    run("update-mime-database", str(packages.parent))

    def content_type(name: str, data: bytes) -> str:
        path = tmp_path / name
        path.write_bytes(data)
        lines = run("gio", "info", "--attributes=standard::content-type", str(path)).split("\n")
        return next(line.split()[1] for line in lines if "content-type" in line)

    assert content_type("picture", stream) == "image/x-lci"
    assert content_type("a.lci", stream) == "image/x-lci"
    assert content_type("b.lci", b"\0") == "image/x-lci"
    assert content_type("c.dat", stream) == "image/x-lci"
    assert content_type("picture.txt", b"some text") != "image/x-lci"


def test_the_description_is_the_specification_s(stream) -> None:
    """The XML is that of freedesktop.org's schema, and its magic is the one of docs/bitstream.md."""
    space = "{http://www.freedesktop.org/standards/shared-mime-info}"
    root = ET.parse(MIME_XML).getroot()
    (kind,) = root
    assert (root.tag, kind.tag, kind.get("type")) == (f"{space}mime-info", f"{space}mime-type", "image/x-lci")
    match = kind.find(f"{space}magic/{space}match")
    assert match is not None
    value = match.get("value") or ""
    assert value.encode("latin-1").decode("unicode_escape").encode("latin-1") == MAGIC == stream[:8]
    assert [glob.get("pattern") for glob in kind.findall(f"{space}glob")] == ["*.lci"]


def test_pillow_says_the_same_type() -> None:
    program = "import licrt.pillow; from PIL import Image; print(Image.MIME['LCI'])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "image/x-lci"
