"""Values of imported rows are checked by the rules that hold at every door."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings

from tests.channels.files.test_import import rejects_of, summary, write_csv
from tests.cities import City
from yinghu.appeals.channels import CHANNELS, Door, channels_of
from yinghu.appeals.models import Appeal, Event, Policy
from yinghu.common.privacy.opening import unseal
from yinghu.common.privacy.sealing import blind


def test_point_that_cannot_be_right_is_dropped_and_counted(own_city: City, tmp_path: Path) -> None:
    rows = [
        ["手机没有定位", "0", "0"],
        ["人在外地", "116.4", "39.9"],
        ["经纬度写反", "29.206", "120.016"],
        ["好的", "120.016", "29.206"],
    ]
    path = write_csv(tmp_path / "m.csv", rows, ["内容", "经度", "纬度"])
    ran = own_city.run("import", path)
    assert (ran.code, ran.out) == (
        0,
        summary(4, 4, 0, 0)
        + "其中 1 行坐标是 0,0，没有记下，其余照收\n"
        + "其中 1 行坐标离本市太远，没有记下，其余照收\n"
        + "其中 1 行坐标看不懂，其余照收\n",
    )
    filed = list(Appeal.objects.order_by("id"))
    assert [(a.lon, a.area_id) for a in filed[:3]] == [(None, None)] * 3
    assert (filed[3].lon, str(filed[3].area_id)[:9]) == (120.016, "330782100")
    # Each row says what it was filed without.
    facts = Event.objects.order_by("appeal_id").values_list("facts", flat=True)
    assert list(facts) == [
        {"left_out": ["null_point"]},
        {"left_out": ["far_point"]},
        {"left_out": ["bad_point"]},
        {},
    ]


def test_margin_around_the_city_is_the_citys_own(own_city: City, tmp_path: Path) -> None:
    Policy.objects.create(key="city_margin_km", value=1000)
    path = write_csv(tmp_path / "m.csv", [["人在外地", "117", "34"]], ["内容", "经度", "纬度"])
    assert own_city.run("import", path).out == summary(1, 1, 0, 0)
    assert Appeal.objects.get().lon == 117


def test_date_in_the_future_rejects_the_row(own_city: City, tmp_path: Path) -> None:
    now = datetime.now(ZoneInfo(settings.TIME_ZONE))
    times = [now + timedelta(minutes=5), now + timedelta(days=1), datetime(1969, 1, 1)]
    rows = [[f"第 {n}", at.strftime("%Y-%m-%d %H:%M:%S")] for n, at in enumerate(times)]
    path = write_csv(tmp_path / "m.csv", rows, ["内容", "时间"])
    ran = own_city.run("import", path)
    assert ran.out.startswith(summary(3, 1, 0, 2))
    assert rejects_of(path) == [["3", "时间：时间在将来"], ["4", "时间：时间太早"]]


def test_phones_that_a_callback_needs_are_kept(own_city: City, tmp_path: Path) -> None:
    written = ["84664163", "0571-88888888转801", "086-13812345678", "0571-88888888-801"]
    rows = [[phone, phone] for phone in (*written, "微信号见上")]
    path = write_csv(tmp_path / "m.csv", rows, ["内容", "电话"])
    ran = own_city.run("import", path)
    assert ran.out == summary(5, 5, 0, 0) + "其中 1 行电话看不懂，其余照收\n"
    filed = list(Appeal.objects.order_by("id"))
    assert [unseal(appeal.phone) for appeal in filed] == [*written, ""]
    assert [appeal.caller for appeal in filed] == [None, None, blind("+8613812345678"), None, None]


def test_address_tells_the_area_as_on_the_form(own_city: City, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "m.csv", [["路灯不亮", "佛堂镇老市基街"]], ["内容", "地址"])
    own_city.run("import", path)
    assert Appeal.objects.get().area_id == "330782100"


def test_no_file_names_a_channel_of_ours(own_city: City, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "m.csv", [["停水"]], ["内容"])
    for channel in (*(set(CHANNELS) - set(channels_of(Door.FILE))), "nowhere", ""):
        for command in ("import", "replay"):
            ran = own_city.run(command, path, "--channel", channel)
            assert ran.code == 2
            assert "whistle" not in ran.err.replace(f"“{channel}”", "")
    assert not Appeal.objects.exists()
    assert set(CHANNELS) - set(channels_of(Door.FILE)) == {"web", "api", "whistle"}
