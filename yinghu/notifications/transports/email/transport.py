"""E-mail transport, by the server that the environment names for all mail (`YINGHU_EMAIL_URL`)."""

from collections.abc import Collection, Sequence
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.translation import gettext as _

from yinghu.appeals.numbers import secret_of
from yinghu.notifications.recipients import Recipient, addresses_of
from yinghu.notifications.transports.base import OutgoingMessage


class EmailTransport:
    """Sends plain mails one at a time, so that each is marked once the server has taken it."""

    at_once = 1

    def find_addresses(self, recipients: Collection[Recipient]) -> dict[Recipient, str]:
        return addresses_of(recipients, "mailto")

    def send(self, messages: Sequence[OutgoingMessage]) -> dict[int, str]:
        return {each.number: why for each in messages if (why := _send(each))}


def _send(message: OutgoingMessage) -> str:
    title = message.text
    if message.appeal:
        title = _("%(what)s（诉求 %(number)s）") % {"what": title, "number": message.appeal}
    title = " ".join(title.split())
    mail = EmailMessage(title, message.link, to=[message.address], headers=headers_of(message))
    try:
        mail.send()
    except (OSError, ValueError) as error:
        return f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}: {type(error).__name__}: {error}"
    return ""


def headers_of(message: OutgoingMessage) -> dict[str, str]:
    """Return headers for sorting, threading and suppressing automatic answers.

    All mails of a case refer to one message that was never sent, with an unguessable id: mail
    programs show them as one thread, and a reply names it.
    """
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    headers = {
        # RFC 3834: no program is to answer it.
        "Auto-Submitted": "auto-generated",
        "Message-ID": f"<{message.number}-{secret_of('mail', message.number)}@{domain}>",
        "X-Yinghu-Notice": str(message.number),
    }
    if message.appeal_id:
        secret = secret_of("mail-thread", message.appeal_id)
        thread = f"<{message.appeal_id}-{secret}@{domain}>"
        headers |= {"In-Reply-To": thread, "References": thread}
    return headers
