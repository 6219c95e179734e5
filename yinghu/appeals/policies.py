"""Policies: numbers that a city can set, their defaults and bounds, and reading them."""

from dataclasses import dataclass

from django.utils.translation import gettext_noop as _

from yinghu.appeals.models import Policy


@dataclass(frozen=True, slots=True)
class Scale:
    """Default, bounds and unit of a number; from 0 to 1 it is a no or yes."""

    default: int
    least: int
    most: int
    unit: str = ""

    @property
    def is_yes_or_no(self) -> bool:
        return (self.least, self.most) == (0, 1)


@dataclass(frozen=True, slots=True)
class PolicyKind:
    """A policy's label, hint and scale. If the least is 0, 0 means "never"."""

    label: str
    hint: str
    scale: Scale


TIMES = _("次")
MINUTES = _("分钟")
DAYS = _("天")

POLICIES = {
    "most_returns": PolicyKind(
        _("最多退单几次"),
        _("一件诉求退到这么多次以后，单位不能再退，只能办或请示提级。"),
        Scale(3, 1, 20, TIMES),
    ),
    "raise_returned": PolicyKind(
        _("退单几次后自动提级"),
        _("同意退单到这么多次，就提到上一级，由上一级负责。0 是不自动提级。"),
        Scale(2, 0, 20, TIMES),
    ),
    "raise_unsatisfied": PolicyKind(
        _("几次没解决或不满意后自动提级"),
        _("第一次退回原来的经办人，到这么多次就提到上一级。0 是不自动提级。"),
        Scale(2, 0, 20, TIMES),
    ),
    "alarm_minutes": PolicyKind(
        _("警报多久以内要有人看"),
        _("从提交算起。到时间还没有人看，就报给督办员，再报给指挥长。"),
        Scale(5, 1, 120, MINUTES),
    ),
    "alarm_judge_minutes": PolicyKind(
        _("有人看了警报，多久以内要判断"),
        _("到时间还没有判断是不是真的，警报重新响，并报给督办员。"),
        Scale(10, 1, 120, MINUTES),
    ),
    "alarm_hours": PolicyKind(
        _("多久以前说的话不再报警"),
        _("导入的旧留言，说的时间比这更早，就不报警。"),
        Scale(24, 1, 24 * 30, _("小时")),
    ),
    "city_margin_km": PolicyKind(
        _("位置离本市多远就不记"),
        _("从区域的边界算起；没有边界的，从区域的中心点算起。更远的位置多半是错的。"),
        Scale(20, 1, 1000, _("公里")),
    ),
    "prefill_area_percent": PolicyKind(
        _("地点的把握有多大才先填好"),
        _("系统从文字里猜的地点，把握不到这么大就不填进研判的表，只提出来，由人决定。"),
        Scale(60, 1, 100, _("%")),
    ),
    "raise_emergency": PolicyKind(
        _("危急的诉求派出后自动提级"),
        _("写“是”就自动提级，写“否”就不提级。危急：有生命或财产危险。"),
        Scale(0, 0, 1),
    ),
    "raise_silent_whistle": PolicyKind(
        _("吹哨后没有报到自动提级"),
        _("写“是”，催督到“上报”那一步还没有报到，就把诉求提到上一级；写“否”就不提级。"),
        Scale(1, 0, 1),
    ),
    "most_extensions": PolicyKind(
        _("最多延期几次"),
        _("同意延期到这么多次以后，单位不能再申请。"),
        Scale(2, 1, 20, TIMES),
    ),
    "most_calls": PolicyKind(
        _("回访打几次没有接通可以销号"),
        _("打了这么多次都没有接通的，可以不等评价就销号，不算有效回访。"),
        Scale(3, 1, 20, TIMES),
    ),
    "measures_minutes": PolicyKind(
        _("报到后多久报四要素"),
        _("四要素：什么时候收到、和谁对接、什么措施、什么时候办好。"),
        Scale(24 * 60, 10, 60 * 24 * 30, MINUTES),
    ),
    "contest_minutes": PolicyKind(
        _("异议多久裁定"),
        _("被吹哨的单位提出异议后，指挥中心在这么久内裁定。"),
        Scale(120, 10, 60 * 24 * 30, MINUTES),
    ),
    "grade_minutes": PolicyKind(
        _("报到截止后多久评价"),
        _("吹哨的单位在这么久内评价每个单位。"),
        Scale(3 * 24 * 60, 10, 60 * 24 * 60, MINUTES),
    ),
    "report_in_metres": PolicyKind(
        _("报到位置离集合地点多远算到了"),
        _("手机位置比这更远的，报到会注明“不在现场”。"),
        Scale(500, 50, 20_000, _("米")),
    ),
    "offer_people": PolicyKind(
        _("跑腿一次请几个人"),
        _("请最近、合适的几个人；有人不方便或没有回答，就换一个人。"),
        Scale(3, 1, 20, _("人")),
    ),
    "offer_minutes": PolicyKind(
        _("请人帮忙等多久回答"),
        _("过了这么久没有回答，就换一个人。"),
        Scale(3, 1, 120, MINUTES),
    ),
    "offer_pool_minutes": PolicyKind(
        _("不急的跑腿先等多久再请人"),
        _("这段时间里大家自己来接；没有人接，再一个个请。紧急的马上请。"),
        Scale(15, 0, 1440, MINUTES),
    ),
    "offer_km": PolicyKind(
        _("先请多远以内的人"),
        _("离要去的地方这么近的。"),
        Scale(3, 1, 100, _("公里")),
    ),
    "offer_widen_minutes": PolicyKind(
        _("多久没有人接就请更远的人"),
        _("过了这么久还没有人接，就请更远的人。"),
        Scale(8, 1, 240, MINUTES),
    ),
    "offer_km_most": PolicyKind(
        _("最远请多远的人"),
        _("再远就不请了，由队长和值班席位来安排。"),
        Scale(10, 1, 300, _("公里")),
    ),
    "offer_leader_minutes": PolicyKind(
        _("没有人可请以后，队长有多久"),
        _("先告诉志愿服务队的队长；过了这么久还没有人接，再告诉派单席。"),
        Scale(10, 1, 240, MINUTES),
    ),
    "offer_gap_minutes": PolicyKind(
        _("同一个人隔多久才再请"),
        _("免得总打扰同一个人。危急的不受限制。"),
        Scale(30, 0, 1440, MINUTES),
    ),
    "offer_most_a_day": PolicyKind(
        _("同一个人一天最多请几次"),
        _("免得总打扰同一个人。"),
        Scale(8, 1, 100, TIMES),
    ),
    "leg_idle_minutes": PolicyKind(
        _("接了多久没有动静就问一问"),
        _("从最后一次动静算起。"),
        Scale(45, 5, 1440, MINUTES),
    ),
    "leg_release_minutes": PolicyKind(
        _("问了以后多久没有动静就放回"),
        _("放回以后别人可以接。东西已经在手上的不放回，告诉负责人。"),
        Scale(30, 5, 1440, MINUTES),
    ),
    "leg_most_minutes": PolicyKind(
        _("一程最多计多少服务时间"),
        _("从接下（或可以办）到办完；再长也只计这么多。"),
        Scale(240, 10, 1440, MINUTES),
    ),
    "protected_review_days": PolicyKind(
        _("被守护人多久复核一次"),
        _("到时间提醒网格员上门或打电话，核对近况、电话和布条。"),
        Scale(182, 7, 730, DAYS),
    ),
    "protected_consent_years": PolicyKind(
        _("守护登记的同意最长几年"),
        _("同意到期要重新问过；再长也只记这么久。"),
        Scale(3, 1, 10, _("年")),
    ),
    "protected_notice_days": PolicyKind(
        _("同意到期前多久提醒"),
        _("提前这么多天列入网格员要办的事。"),
        Scale(30, 1, 365, DAYS),
    ),
    "tag_window_minutes": PolicyKind(
        _("多久以内再扫布条算同一次"),
        _("这段时间里反复打开、转发的，都算一次，只告诉监护人一次。"),
        Scale(30, 1, 1440, MINUTES),
    ),
    "alert_answer_minutes": PolicyKind(
        _("有人找到被守护人，等监护人多久回应"),
        _("到时间没有人回应，就告诉下一位监护人，再告诉网格员，最后告诉值班席。"),
        Scale(3, 1, 120, MINUTES),
    ),
    "digest_day": PolicyKind(
        _("每周小结在星期几发"),
        _("1 是星期一，7 是星期日。告诉每个人手上有多少、几件超时、上周办结几件。0 是不发。"),
        Scale(1, 0, 7),
    ),
    "digest_hour": PolicyKind(
        _("每周小结在几点发"),
        _("当地时间几点，0 到 23。"),
        Scale(8, 0, 23, _("点")),
    ),
}


def policy(key: str) -> int:
    """Return the city's value or the default, in one query. KeyError for an unknown key."""
    default = POLICIES[key].scale.default
    set_to = Policy.objects.filter(pk=key).values_list("value", flat=True).first()
    return default if set_to is None else set_to


def policies(prefix: str) -> dict[str, int]:
    """Return all policies whose key has this prefix, by key, in one query."""
    found = {key: kind.scale.default for key, kind in POLICIES.items() if key.startswith(prefix)}
    rows = Policy.objects.filter(key__in=list(found)).values_list("key", "value")
    return found | dict(rows)
