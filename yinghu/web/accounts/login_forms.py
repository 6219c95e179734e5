"""Login forms: those of allauth with our labels."""

from typing import Any, ClassVar

from allauth.account import forms
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from django.utils.translation import gettext_lazy


class _Labelled:
    """Replaces the label and the placeholder of one field."""

    labelled: ClassVar[tuple[str, Any]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name, label = self.labelled
        field = self.fields[name]  # type: ignore[attr-defined]  # of the form
        field.label = field.widget.attrs["placeholder"] = label


class LoginForm(_Labelled, forms.LoginForm):  # type: ignore[misc]  # allauth is untyped
    """Login name and password."""

    labelled = ("login", gettext_lazy("登录名"))


class CodeForm(_Labelled, AuthenticateForm):  # type: ignore[misc]  # allauth is untyped
    """Second factor or backup code."""

    labelled = ("code", gettext_lazy("动态码或备用码"))


class FirstCodeForm(_Labelled, ActivateTOTPForm):  # type: ignore[misc]  # allauth is untyped
    """Set-up of the second factor."""

    labelled = ("code", gettext_lazy("动态码"))
