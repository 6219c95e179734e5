"""WGS-84 and GCJ-02, and distances."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yinghu.places.coords import _shift, gcj_to_wgs
from yinghu.places.locate import metres

lon_in_china = st.floats(73.7, 135.0)
lat_in_china = st.floats(18.0, 53.5)


def wgs_to_gcj(lon: float, lat: float) -> tuple[float, float]:
    """The forward formula; the product needs only its inverse."""
    east, north = _shift(lon, lat)
    return lon + east, lat + north


@given(lon_in_china, lat_in_china)
def test_round_trip_error_is_below_one_centimetre(lon: float, lat: float) -> None:
    assert metres(lon, lat, *gcj_to_wgs(*wgs_to_gcj(lon, lat))) < 0.01
    assert metres(lon, lat, *wgs_to_gcj(*gcj_to_wgs(lon, lat))) < 0.01


@given(lon_in_china, lat_in_china)
def test_shift_is_between_5_and_2000_metres(lon: float, lat: float) -> None:
    assert 5 < metres(lon, lat, *wgs_to_gcj(lon, lat)) < 2000


@given(st.floats(-180, 60), st.floats(-90, 90))
def test_points_outside_china_are_not_shifted(lon: float, lat: float) -> None:
    assert gcj_to_wgs(lon, lat) == (lon, lat)


def test_a_known_point() -> None:
    """Tiananmen: 116.397428, 39.90923 in GCJ-02 is widely quoted for 116.391187, 39.907827."""
    lon, lat = gcj_to_wgs(116.397428, 39.90923)
    assert (round(lon, 4), round(lat, 4)) == (116.3912, 39.9078)


def test_metres() -> None:
    assert metres(120.0, 29.0, 120.0, 30.0) == pytest.approx(111_195, abs=1)
    assert metres(179.9, 0, -179.9, 0) == pytest.approx(22_239, abs=1)
    assert metres(1, 2, 1, 2) == 0
