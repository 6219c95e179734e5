"""Login forms: those of allauth with our labels."""

from typing import Any

from allauth.account import forms
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from django.utils.translation import gettext as _


class LoginForm(forms.LoginForm):  # type: ignore[misc]  # allauth is untyped
    """Login name and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _set_label(self.fields["login"], _("登录名"))


class CodeForm(AuthenticateForm):  # type: ignore[misc]  # allauth is untyped
    """Second factor or backup code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _set_label(self.fields["code"], _("动态码或备用码"))


class FirstCodeForm(ActivateTOTPForm):  # type: ignore[misc]  # allauth is untyped
    """Set-up of the second factor."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _set_label(self.fields["code"], _("动态码"))


def _set_label(field: Any, label: str) -> None:
    field.label = label
    field.widget.attrs["placeholder"] = label
