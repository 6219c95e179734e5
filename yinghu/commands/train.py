"""`yinghu train`: trains the classifier now, instead of tonight."""

import argparse

from django.utils.translation import gettext as _

HELP = "train the classifier on the clerks' decisions; used only if it beats the word list"


def run(args: argparse.Namespace) -> int:
    """Train, and print whether the classifier is put to use."""
    # The parser is built before Django is set up.
    from yinghu.triage.training import MIN_DECISIONS, learn
    from yinghu.triage.urgency_learning import learn_urgency

    if (urgency := learn_urgency()) is not None:
        verdict = _("已启用") if urgency.in_use else _("不如原来的，不启用")
        print(
            _("紧急程度：学了 %(n)d 件警报的判断：%(verdict)s")
            % {"n": urgency.decisions, "verdict": verdict}
        )
    made = learn()
    if made is None:
        print(_("研判决定还不够（至少 %d 件、两个类别），词表继续使用") % MIN_DECISIONS)
        return 0
    verdict = _("已启用") if made.in_use else _("不如词表，不启用")
    print(
        _("%(decisions)d 件决定；留出部分准确率 %(model).1f%%，词表 %(lexicon).1f%%：%(verdict)s")
        % {
            "decisions": made.decisions,
            "model": made.accuracy * 100,
            "lexicon": made.baseline_accuracy * 100,
            "verdict": verdict,
        }
    )
    return 0
