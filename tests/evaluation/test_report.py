"""`lic-eval report`: the page as a browser has it, and the numbers, pictures and plots in it."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from references.tiny_photo import photo

from licrt.evaluation.cli import main
from licrt.evaluation.storage import read_results
from licrt.runtime import __version__, decode

LIGHT = {"paper": "#fbfaf7", "model": "#d1440c", "JPEG": "#1f6fb2", "WebP": "#2e7d32"}
DARK = {"paper": "#14171a", "model": "#ff8a50", "JPEG": "#6db3f2", "WebP": "#7ccf80"}


def lic_eval(*arguments: str | Path, code: int = 0) -> str:
    outcome = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert outcome.exit_code == code, outcome.output
    return outcome.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of results of the embedded model, JPEG and WebP on two pictures, `set`, and their report."""
    here = tmp_path_factory.mktemp("report")
    (here / "set").mkdir()
    Image.fromarray(photo(176, 240, 3)).save(here / "set" / "a <b>.png")
    Image.fromarray(photo(200, 170, 4)).save(here / "set" / "tall.png")
    lic_eval("rd", here / "set", "-o", here / "out")
    for codec in ("jpeg", "webp"):
        lic_eval("anchors", here / "set", "-o", here / "out", "-c", codec)
    lic_eval("report", here / "out", "vtm", "--pictures", here / "set", "--title", "A & B")
    return here


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "out" / "report.html").read_text(encoding="utf-8")


def browse(chromium: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Open the report in a browser without a screen and without a network."""
    command = [
        *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr"),
        *("--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'profile'}", *options),
        (folder / "out" / "report.html").as_uri(),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)


def changed(folder: Path, page: str, acts: str) -> Path:
    """Write the page with a script that does what a reader would; returns the folder of its `out`."""
    here = folder / "changed"
    (here / "out").mkdir(parents=True, exist_ok=True)
    (here / "out" / "report.html").write_text(page.replace("</body>", f"<script>{acts}</script></body>"))
    return here


def colour_counts(pixels: np.ndarray, colours: dict[str, str]) -> dict[str, int]:
    """How many pixels have each colour, as far as a browser rounds."""
    counts = {}
    for name, value in colours.items():
        wanted = np.array([int(value[i : i + 2], 16) for i in (1, 3, 5)])
        counts[name] = int((np.abs(pixels.astype(int) - wanted).max(2) <= 2).sum())
    return counts


@pytest.mark.parametrize(("colours", "scheme"), [(LIGHT, 1), (DARK, 0)])
def test_screenshot(folder: Path, chromium: Path, colours: dict[str, str], scheme: int) -> None:
    """The paper, every curve in its colour, and photographs."""
    shot = folder / f"{scheme}.png"
    scheme_option = f"--blink-settings=preferredColorScheme={scheme}"
    browse(chromium, folder, f"--screenshot={shot}", "--window-size=1280,4000", scheme_option)
    with Image.open(shot) as image:
        pixels = np.array(image.convert("RGB"))
    assert pixels.shape == (4000, 1280, 3)
    counts = colour_counts(pixels, colours)
    assert counts.pop("paper") > 0.2 * 4000 * 1280
    assert min(counts.values()) > 300, counts
    top = colour_counts(pixels[:1300], colours)  # all plots
    assert min(top[name] for name in ("model", "JPEG", "WebP")) > 200, top
    saturated = np.ptp(pixels.astype(int), axis=2) > 60  # of photographs, and hardly anything else
    assert saturated.sum() > 0.03 * pixels[..., 0].size


def test_screenshot_of_every_pixel(folder: Path, chromium: Path, page: str) -> None:
    """Enlarged, the pictures are those of the files, pixel by pixel, and their difference eight times as strong."""
    acts = """
      document.querySelector("#picture-1 .zoom input").click();
      const places = [".stage", ".difference"].map((part) => {
        const place = document.querySelector(`#picture-1 ${part}`).getBoundingClientRect();
        return [place.top, place.left, place.height, place.width];
      });
      document.title = JSON.stringify(places);
    """
    here = changed(folder, page, acts)
    size = "--window-size=1280,4000"
    places = json.loads(re.search(r"<title>(.*?)</title>", browse(chromium, here, "--dump-dom", size).stdout)[1])
    browse(chromium, here, f"--screenshot={here / 'shot.png'}", size)
    with Image.open(here / "shot.png") as image:
        pixels = np.array(image.convert("RGB")).astype(int)
    stage, difference = (pixels[round(y) :, round(x) :][:176, :240] for y, x, _, _ in places)
    assert [place[2:] for place in places] == [[176, 240], [176, 240]]
    stream = next((folder / "out" / "streams").rglob("a <b>.png.lci"))
    original, decoded = photo(176, 240, 3).astype(int), decode(stream.read_bytes()).astype(int)
    inside = slice(8, 70)  # not the rounded corners, and not the handle
    assert np.abs(stage[inside, 10:110] - original[inside, 10:110]).max() <= 1
    assert np.abs(stage[inside, 130:230] - decoded[inside, 130:230]).max() <= 1
    wanted = np.minimum(8 * np.abs(original - decoded), 255)
    assert np.abs(difference[inside, 10:230] - wanted[inside, 10:230]).max() <= 8


def test_scripts_run_and_say_nothing(folder: Path, chromium: Path) -> None:
    done = browse(chromium, folder, "--dump-dom")
    assert "CONSOLE" not in done.stderr
    assert "net::ERR" not in done.stderr
    for article in re.findall(r"<article.*?</article>", done.stdout, re.S):
        assert 'class="stage" style="--split: 50%;"' in article
        assert re.findall(r'class="shown-row( picked)?"', article) == [" picked", "", ""]
        decoded = re.findall(r'<img class="decoded" src="([^"]*)"[^>]*?( hidden="")?>', article)
        assert [hidden != "" for _, hidden in decoded] == [False, True, True]
        (original,) = re.findall(r'<img class="original" src="([^"]*)"', article)
        assert re.findall(r'<img alt="" src="([^"]*)">', article) == [original, decoded[0][0]]
    assert done.stdout.count("<article") == 2


def test_a_picture_is_shown_for_every_choice(folder: Path, chromium: Path, page: str) -> None:
    """The browser picks the second codec of the first picture, and wipes to a tenth."""
    acts = """
      const pick = document.querySelectorAll("#picture-1 .picks input[type=radio]")[1];
      pick.click();
      const range = document.querySelector("#picture-1 .stage input");
      range.value = 10;
      range.dispatchEvent(new Event("input"));
      document.querySelector(".toggles input[data-slot='1']").click();
      document.querySelector("#picture-1 .zoom input").click();
    """
    text = browse(chromium, changed(folder, page, acts), "--dump-dom").stdout
    article = re.findall(r"<article.*?</article>", text, re.S)[0]
    assert 'class="comparison every-pixel"' in article
    assert "--split: 10%" in article
    assert re.findall(r'class="shown-row( picked)?"', article) == ["", " picked", ""]
    sources = list(re.findall(r'<img class="decoded" src="([^"]*)"', article))
    assert re.findall(r'<img alt="" src="([^"]*)">', article)[1] == sources[1]
    assert len(re.findall(r'<g class="curve s1" data-slot="1" hidden="">', text)) == 3


def test_nothing_is_fetched(page: str) -> None:
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", page)
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|<link", page)


def test_pictures_are_embedded_without_loss(folder: Path, page: str) -> None:
    def embedded(uri: str) -> np.ndarray:
        return np.array(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB"))

    originals = [embedded(uri) for uri in re.findall(r'<img class="original" src="([^"]*)"', page)]
    assert np.array_equal(originals[0], photo(176, 240, 3))
    assert np.array_equal(originals[1], photo(200, 170, 4))
    decoded = [embedded(uri) for uri in re.findall(r'<img class="decoded" src="([^"]*)"', page)]
    assert len(decoded) == 6
    results = read_results(folder / "out" / "jpeg.json")
    shown = [
        np.array(Image.open(folder / "out" / str(image.stream)).convert("RGB"))
        for p in results.points
        for image in p.images
    ]
    assert any(np.array_equal(decoded[1], each) for each in shown)


def test_the_files_shown_are_those_of_about_the_same_size(folder: Path, page: str) -> None:
    article = re.findall(r"<article.*?</article>", page, re.S)[0]
    rows = re.findall(r'<tr class="shown-row".*?>(.*?)</tr>', article)
    cells = [[html.unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in rows]
    assert [row[0] for row in cells] == ["licrt2026-mse", "JPEG", "WebP"]
    assert re.fullmatch(r"quality \d+", cells[1][1])
    ours = int(cells[0][2].replace(",", ""))
    results = read_results(folder / "out" / "jpeg.json")
    sizes = [image.bytes for point in results.points for image in point.images if image.file == "a <b>.png"]
    assert int(cells[1][2].replace(",", "")) == min(sizes, key=lambda size: abs(size - ours))


def test_numbers_are_those_of_the_results(folder: Path, page: str) -> None:
    for name in ("licrt2026-mse", "jpeg", "webp"):
        for point in read_results(folder / "out" / f"{name}.json").points:
            assert f"<td>{point.means.bpp:.4f}</td>" in page
            assert f"<td>{point.means.psnr_rgb:.3f}</td>" in page


def test_deltas_are_those_of_bd(folder: Path, page: str) -> None:
    (found,) = json.loads(lic_eval("bd", folder / "out" / "webp.json", folder / "out" / "jpeg.json", "--json"))
    table = re.search(r'<table class="deltas">.*?</table>', page, re.S)[0]
    row = re.search(r'<th scope="row">WebP</th>(.*?)</tr>', table, re.S)[1]
    assert f"{found['rate']['pchip']:+.1f} %" in row
    assert "licrt2026-mse †" in table
    assert 'title="WebP and vtm were measured on different pictures: 2 of set, and Kodak, 24 pictures' in row


def test_names_from_outside_are_escaped(page: str) -> None:
    assert "<title>A &amp; B</title>" in page
    assert "a &lt;b&gt;.png" in page
    assert "a <b>" not in page


def test_environment_and_commands_are_told(folder: Path, page: str) -> None:
    environment = read_results(folder / "out" / "jpeg.json").environment
    for text in (environment.cpu, environment.system, *environment.versions.values()):
        assert html.escape(text) in page
    assert "Pillow JPEG, optimize=True, subsampling=&#39;4:2:0&#39;" in page
    assert f"<dd>version: {__version__}</dd>" in page
    assert f"<dd>engine_version: {environment.versions['onnxruntime']}</dd>" in page
    assert "BSD-3-Clause-Clear" in page  # of the published curve


def test_every_control_has_a_name(page: str) -> None:
    for control in re.findall(r"<input[^>]*>", page):
        wrapped = re.search(rf"<label[^>]*>{re.escape(control)}[^<]*(<svg.*?</svg>)?[^<]+</label>", page, re.S)
        assert "aria-label=" in control or wrapped
    assert re.findall(r"<img(?![^>]*\balt=)[^>]*>", page) == []
    identifiers = re.findall(r'\bid="([^"]*)"', page)
    assert len(identifiers) == len(set(identifiers))
    for reference in re.findall(r'aria-labelledby="([^"]*)"', page):
        assert set(reference.split()) <= set(identifiers)
    assert set(re.findall(r'href="#([^"]*)"', page)) <= set(identifiers)


def test_plots(folder: Path) -> None:
    for metric in ("psnr-rgb", "psnr-yuv", "ms-ssim-rgb"):
        with Image.open(folder / "out" / f"plot-{metric}.png") as image:
            assert image.size == (1080, 720)
            counts = colour_counts(np.array(image.convert("RGB")), {**LIGHT, "paper": "#ffffff"})
        assert min(counts.values()) > 100, counts


def test_reports_are_not_written_over(folder: Path) -> None:
    before = (folder / "out" / "report.html").read_bytes()
    assert "report.html: it exists" in lic_eval("report", folder / "out", code=6)
    assert (folder / "out" / "report.html").read_bytes() == before


def test_published_curves_alone(tmp_path: Path) -> None:
    lic_eval("report", "mbt2018-mse", "vtm", "-o", tmp_path / "new")
    page = (tmp_path / "new" / "report.html").read_text()
    assert "+11.0 %" in page
    assert "Pictures</h2>" not in page
    assert not (tmp_path / "new" / "plot-psnr-yuv.png").exists()


def test_points_that_cannot_be_drawn_are_left_out(tmp_path: Path) -> None:
    curve = '{"name": "<b>odd</b>", "results": {"bpp": [0.5, 1e999, -1, 0.25], "psnr-rgb": [33, 40, 20, 1e999]}}'
    (tmp_path / "odd.json").write_text(curve)
    lic_eval("report", tmp_path / "odd.json", "-o", tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "<b>odd" not in page
    assert re.findall(r"<title>(.*?), point (\d): (.*?)</title>", page) == [
        ("&lt;b&gt;odd&lt;/b&gt;", "1", "0.500 bpp, 33.00 dB")
    ]


def test_large_pictures_are_cut_and_many_left_out(folder: Path, tmp_path: Path) -> None:
    few = ("--pictures", folder / "set", "--most", "1", "--largest", "64")
    lic_eval("report", folder / "out", "-o", tmp_path, *few)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<article") == 1
    assert "1 of 2 pictures are shown." in page
    assert "of which the middle 64 by 64 is shown" in page
    (uri,) = re.findall(r'<img class="original" src="([^"]*)"', page)
    shown = np.array(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB"))
    assert np.array_equal(shown, photo(176, 240, 3)[56:120, 88:152])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none"], 2, "name a folder for the report with -o"),
        (["none.json", "-o", "new"], 6, "cannot read none.json"),
        (["empty", "-o", "new"], 6, "empty has no results"),
        (["out", "-o", "new", "--pictures", "empty"], 6, "cannot read empty/a <b>.png"),
        (["out", "-o", "new", "--pictures", "others"], 6, "now, and had"),
        (["nothing", "-o", "new"], 6, "no published curve of that name"),
    ],
)
def test_what_cannot_be_reported(folder: Path, monkeypatch, arguments, code, message) -> None:
    monkeypatch.chdir(folder)
    for name in ("empty", "others"):
        Path(name).mkdir(exist_ok=True)
    Image.fromarray(photo(176, 240, 5)).save("others/a <b>.png")
    assert message in lic_eval("report", *arguments, code=code)
