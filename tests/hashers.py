"""Fast password hashing for tests, in the format that the real processes verify."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class QuickHasher(PBKDF2PasswordHasher):
    """The default algorithm with one round."""

    iterations = 1
