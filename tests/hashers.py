"""Passwords of tests: hashed quickly, in the form that the real processes check."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class QuickHasher(PBKDF2PasswordHasher):
    """The default algorithm with one round."""

    iterations = 1
