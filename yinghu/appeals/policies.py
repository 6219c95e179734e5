"""Policies: numbers that a city can set, their defaults and bounds, and reading them."""

from dataclasses import dataclass

from yinghu.appeals.models import Policy


def _(label: str) -> str:
    """Mark a label for translation."""
    return label


@dataclass(frozen=True, slots=True)
class PolicyKind:
    """A policy's label, hint, default and bounds. If `least` is 0, 0 means "never"."""

    key: str
    label: str
    hint: str
    default: int
    least: int
    most: int
    unit: str


TIMES = _("次")
MINUTES = _("分钟")

POLICIES: dict[str, PolicyKind] = {
    each.key: each
    for each in (
        PolicyKind(
            "most_returns",
            _("最多退单几次"),
            _("一件诉求退到这么多次以后，单位不能再退，只能办或请示提级。"),
            3,
            1,
            20,
            TIMES,
        ),
        PolicyKind(
            "raise_returned",
            _("退单几次后自动提级"),
            _("同意退单到这么多次，就提到上一级，由上一级负责。0 是不自动提级。"),
            2,
            0,
            20,
            TIMES,
        ),
        PolicyKind(
            "raise_unsatisfied",
            _("几次没解决或不满意后自动提级"),
            _("第一次退回原来的经办人，到这么多次就提到上一级。0 是不自动提级。"),
            2,
            0,
            20,
            TIMES,
        ),
        PolicyKind(
            "raise_emergency",
            _("危急的诉求派出后自动提级"),
            _("写“是”就自动提级，写“否”就不提级。危急：有生命或财产危险。"),
            0,
            0,
            1,
            "",
        ),
        PolicyKind(
            "raise_silent_whistle",
            _("吹哨后没有报到自动提级"),
            _("写“是”，催督到“上报”那一步还没有报到，就把诉求提到上一级；写“否”就不提级。"),
            1,
            0,
            1,
            "",
        ),
        PolicyKind(
            "most_extensions",
            _("最多延期几次"),
            _("同意延期到这么多次以后，单位不能再申请。"),
            2,
            1,
            20,
            TIMES,
        ),
        PolicyKind(
            "most_calls",
            _("回访打几次没有接通可以销号"),
            _("打了这么多次都没有接通的，可以不等评价就销号，不算有效回访。"),
            3,
            1,
            20,
            TIMES,
        ),
        PolicyKind(
            "measures_minutes",
            _("报到后多久报四要素"),
            _("四要素：什么时候收到、和谁对接、什么措施、什么时候办好。"),
            24 * 60,
            10,
            60 * 24 * 30,
            MINUTES,
        ),
        PolicyKind(
            "contest_minutes",
            _("异议多久裁定"),
            _("被吹哨的单位提出异议后，指挥中心在这么久内裁定。"),
            120,
            10,
            60 * 24 * 30,
            MINUTES,
        ),
        PolicyKind(
            "grade_minutes",
            _("报到截止后多久评价"),
            _("吹哨的单位在这么久内评价每个单位。"),
            3 * 24 * 60,
            10,
            60 * 24 * 60,
            MINUTES,
        ),
        PolicyKind(
            "report_in_metres",
            _("报到位置离集合地点多远算到了"),
            _("手机位置比这更远的，报到会注明“不在现场”。"),
            500,
            50,
            20_000,
            _("米"),
        ),
        PolicyKind(
            "offer_people",
            _("跑腿一次请几个人"),
            _("请最近、合适的几个人；有人不方便或没有回答，就换一个人。"),
            3,
            1,
            20,
            _("人"),
        ),
        PolicyKind(
            "offer_minutes",
            _("请人帮忙等多久回答"),
            _("过了这么久没有回答，就换一个人。"),
            3,
            1,
            120,
            MINUTES,
        ),
        PolicyKind(
            "offer_pool_minutes",
            _("不急的跑腿先等多久再请人"),
            _("这段时间里大家自己来接；没有人接，再一个个请。紧急的马上请。"),
            15,
            0,
            1440,
            MINUTES,
        ),
        PolicyKind(
            "offer_km",
            _("先请多远以内的人"),
            _("离要去的地方这么近的。"),
            3,
            1,
            100,
            _("公里"),
        ),
        PolicyKind(
            "offer_widen_minutes",
            _("多久没有人接就请更远的人"),
            _("过了这么久还没有人接，就请更远的人。"),
            8,
            1,
            240,
            MINUTES,
        ),
        PolicyKind(
            "offer_km_most",
            _("最远请多远的人"),
            _("再远就不请了，由队长和值班席位来安排。"),
            10,
            1,
            300,
            _("公里"),
        ),
        PolicyKind(
            "offer_leader_minutes",
            _("没有人可请以后，队长有多久"),
            _("先告诉志愿服务队的队长；过了这么久还没有人接，再告诉派单席。"),
            10,
            1,
            240,
            MINUTES,
        ),
        PolicyKind(
            "offer_gap_minutes",
            _("同一个人隔多久才再请"),
            _("免得总打扰同一个人。危急的不受限制。"),
            30,
            0,
            1440,
            MINUTES,
        ),
        PolicyKind(
            "offer_most_a_day",
            _("同一个人一天最多请几次"),
            _("免得总打扰同一个人。"),
            8,
            1,
            100,
            TIMES,
        ),
        PolicyKind(
            "leg_idle_minutes",
            _("接了多久没有动静就问一问"),
            _("从最后一次动静算起。"),
            45,
            5,
            1440,
            MINUTES,
        ),
        PolicyKind(
            "leg_release_minutes",
            _("问了以后多久没有动静就放回"),
            _("放回以后别人可以接。东西已经在手上的不放回，告诉负责人。"),
            30,
            5,
            1440,
            MINUTES,
        ),
        PolicyKind(
            "leg_most_minutes",
            _("一程最多计多少服务时间"),
            _("从接下（或可以办）到办完；再长也只计这么多。"),
            240,
            10,
            1440,
            MINUTES,
        ),
        PolicyKind(
            "digest_day",
            _("每周小结在星期几发"),
            _("1 是星期一，7 是星期日。告诉每个人手上有多少、几件超时、上周办结几件。0 是不发。"),
            1,
            0,
            7,
            "",
        ),
        PolicyKind(
            "digest_hour",
            _("每周小结在几点发"),
            _("当地时间几点，0 到 23。"),
            8,
            0,
            23,
            _("点"),
        ),
    )
}


def policy(key: str) -> int:
    """Return the city's value or the default, in one query. KeyError for an unknown key."""
    kind = POLICIES[key]
    set_to = Policy.objects.filter(pk=key).values_list("value", flat=True).first()
    return kind.default if set_to is None else set_to


def policies(prefix: str) -> dict[str, int]:
    """Return all policies whose key has this prefix, by key, in one query."""
    found = {key: kind.default for key, kind in POLICIES.items() if key.startswith(prefix)}
    rows = Policy.objects.filter(key__in=list(found)).values_list("key", "value")
    return found | dict(rows)
