"""docs/c-interface.md: its code compiles and runs."""

from __future__ import annotations

import re

import pytest
from references.programs import ROOT, flatten_to, run
from references.tiny_photo import photo

from licrt.runtime import Codec, linking

PAGE = (ROOT / "docs" / "c-interface.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "examples" / "c"
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")

READ = """
#include <stdio.h>
#include <stdlib.h>
#include "latents.h"
static uint8_t* read_file(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  uint8_t* data = malloc(1 << 24);
  *size = fread(data, 1, 1 << 24, file);
  fclose(file);
  return data;
}
int main(int count, char** arguments) {
  size_t model_size, size;
  uint8_t *model_data = read_file(arguments[count - 2], &model_size), *data = read_file(arguments[count - 1], &size);
"""

LOAD = """
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>
#include <licrt.h>
"""


def block(language: str) -> str:
    (code,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)
    return code


@pytest.fixture
def link() -> list:
    library = linking.shared_library()
    return ["-I", linking.include_dir(), library, f"-Wl,-rpath,{library.parent}"]


def test_c(link, tmp_path) -> None:
    codec = Codec.load("default", threads=1)
    (tmp_path / "a.lci").write_bytes(codec.encode(photo(40, 70)))
    model = flatten_to(tmp_path / "a.lcm", codec.info.path)
    (tmp_path / "main.c").write_text(READ + block("c") + "free(data);\nfree(model_data);\nreturn 0;\n}\n")
    sources = [tmp_path / "main.c", *(EXAMPLE / f"{name}.c" for name in ("bytes", "stream", "model", "latents"))]
    run("cc", "-std=c11", *STRICT, *sources, "-I", EXAMPLE, *link, "-o", tmp_path / "main")
    assert run(tmp_path / "main", model, tmp_path / "a.lci") == "3 x 5\n"


def test_cpp(link, tmp_path) -> None:
    main = "int main() { try { load({1}); } catch (const std::exception& error) { std::puts(error.what()); } }\n"
    (tmp_path / "main.cpp").write_text(LOAD + block("cpp") + main)
    run("c++", "-std=c++11", *STRICT, tmp_path / "main.cpp", *link, "-o", tmp_path / "main")
    assert run(tmp_path / "main") == "the network breaks a rule of integer networks: the blob is cut short\n"


def test_cmake() -> None:
    """What the page tells CMake is what the example's own file does."""
    lines = (EXAMPLE / "CMakeLists.txt").read_text(encoding="utf-8")
    find, link = block("cmake").splitlines()
    assert find in lines
    assert link.split()[-1] in lines
