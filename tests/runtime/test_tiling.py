import pytest

from licrt.runtime import tiling
from licrt.runtime.tiling import Span, least_seen, spans, tiles, window, windows


@pytest.mark.parametrize(("size", "tile", "halo"), [(1, 1, 0), (10, 3, 2), (64, 64, 5), (65, 64, 5), (479, 61, 30)])
def test_tiles_cover_each_sample_once_and_see_their_halo(size: int, tile: int, halo: int) -> None:
    found = spans(size, tile, halo)
    assert [span.begin for span in found] == [0, *(span.end for span in found[:-1])]
    assert found[-1].end == size
    assert len(found) == -(-size // tile)
    assert {span.end - span.begin for span in found} <= {size // len(found), size // len(found) + 1}
    for span in found:
        assert (span.outer_begin, span.outer_end) == (max(span.begin - halo, 0), min(span.end + halo, size))


def test_pictures_up_to_1080p_stay_whole() -> None:
    assert list(tiles(68, 120, 16, 2)) == [(Span(0, 68, 0, 68), Span(0, 120, 0, 120))]
    assert len(list(tiles(68, 121, 16, 2))) > 1


@pytest.mark.parametrize(("halo", "side"), [(0, 1024), (2, 1024), (12, 1024), (14, 992), (20, 800), (1000, 512)])
def test_what_a_run_sees_is_bounded_whatever_the_halo(halo: int, side: int) -> None:
    """A halo that leaves next to nothing of a tile is the exception: it would take forever."""
    for rows, columns in tiles(10 * side // 16, 10 * side // 16, 16, halo):
        assert max(rows.end - rows.begin, columns.end - columns.begin) * 16 == side
        seen = (rows.outer_end - rows.outer_begin) * (columns.outer_end - columns.outer_begin) * 256
        assert seen <= tiling.MAX_UNTILED_PIXELS or side == 512


def test_a_long_thin_picture_is_cut_along_its_length() -> None:
    found = list(tiles(1, 200000, 16, 2))
    assert {rows for rows, _ in found} == {Span(0, 1, 0, 1)}
    assert len(found) == 3125


@pytest.mark.parametrize(("height", "width"), [(1, 1), (90, 91), (1, 200000), (93, 140), (65, 9000), (64, 128)])
@pytest.mark.parametrize("halo", [0, 2, 14, 1000])
def test_no_tile_sees_less_than_the_least(height: int, width: int, halo: int) -> None:
    seen = [
        (rows.outer_end - rows.outer_begin) * (columns.outer_end - columns.outer_begin) * 256
        for rows, columns in tiles(height, width, 16, halo)
    ]
    assert min(seen) / 1.5 < least_seen(height, width, 16, halo) <= min(seen)


@pytest.mark.parametrize("most", [8, 9, 48])
@pytest.mark.parametrize("halo", [0, 1, 3])
@pytest.mark.parametrize("fixed", [True, False])
def test_windows_see_equally_many_samples_and_never_less_than_their_halo(most: int, halo: int, fixed: bool) -> None:
    for size in range(1, 150):
        least = most if fixed else 1
        found = list(windows(size, least, most, halo))
        assert [span.begin for span in found] == [0, *(span.end for span in found[:-1])]
        assert found[-1].end == size
        (seen,) = {span.outer_end - span.outer_begin for span in found}
        assert least <= seen <= most
        assert seen == window(size, least, most, halo)
        assert (found[0].outer_begin, found[-1].outer_end) == (0, max(size, least))
        for span in found:
            assert span.begin < span.end
            assert span.outer_begin in (0, *range(span.begin - halo + 1))
            assert span.outer_end >= min(span.end + halo, size)
        for fewer in range(1, len(found)):  # as few as can be
            assert fewer * (most - 2 * halo) + 2 * halo < size


def test_windows_of_a_range_see_no_more_than_they_must() -> None:
    """1080p in windows of at most 768 pixels: 1.14 times the work of the whole picture."""
    rows, columns = (list(windows(side, 1, 48, 2)) for side in (68, 120))
    assert (len(rows), rows[0].outer_end, len(columns), columns[0].outer_end) == (2, 36, 3, 43)


def test_a_long_picture_is_cut_even_if_it_is_small() -> None:
    assert len(list(tiles(4, 128, 16, 2))) == 1
    assert len(list(tiles(4, 129, 16, 2))) == 3
