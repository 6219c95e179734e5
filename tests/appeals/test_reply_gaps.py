"""Gaps of templates that are left in replies."""

import pytest

from yinghu.appeals.reply_gaps import find_gap


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        ("您好，【办理时间】前办好。", "【办理时间】"),
        ("您好，请于【】前来。", "【】"),
        ("您好，{单位}正在办理。", "{单位}"),
        ("请在 ____ 前到窗口。", "____"),
        ("请在＿＿前到窗口。", "＿＿"),
        ("您问的“”一事，已经办好。", "“”"),
        ("联系人（ ），电话如下。", "（ ）"),
        ("您好，您问的“奶粉”一事，现答复如下：\n", "现答复如下："),
        ("Please bring: ", "bring:"),
    ],
)
def test_gap_is_found(text: str, gap: str) -> None:
    assert find_gap(text) == gap


@pytest.mark.parametrize(
    "text",
    [
        "",
        "已按楚发改价【2017】771号文件办理。",
        "见【结算日期为2011年12月16号，长财农指[2011]207号文件】。",
        "现答复如下：药已送到。",
        "您问的“奶粉”一事（二段）已办好。",
        "变量 a_b 已改。",
        "时间是 9：30",
    ],
)
def test_finished_reply_has_no_gap(text: str) -> None:
    assert find_gap(text) == ""
