"""`yinghu token USER NAME`: manages API keys for other systems."""

import argparse
import sys

HELP = "make, list or revoke a user's API keys"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("user", help="login that the key acts as")
    parser.add_argument("name", nargs="?", help="what it is for, such as the other system's name")
    parser.add_argument("--revoke", action="store_true", help="revoke the user's keys of this name")


def run(args: argparse.Namespace) -> int:
    """Print a new key, once only; without NAME list the keys."""
    from yinghu.people import tokens
    from yinghu.people.models import User

    user = User.objects.filter(username=args.user, is_active=True).first()
    if user is None:
        print(f"yinghu: there is no active user {args.user}", file=sys.stderr)
        return 1
    if args.name is None:
        for token in user.tokens.order_by("created_at"):
            revoked = f"revoked {token.revoked_at:%Y-%m-%d %H:%M}" if token.revoked_at else "valid"
            print(f"{token.name}\t{token.created_at:%Y-%m-%d %H:%M}\t{revoked}")
        return 0
    if args.revoke:
        gone = tokens.revoke_keys(user, args.name)
        print(f"revoked: {gone}", file=sys.stderr)
        return 0 if gone else 1
    if len(args.name) > 60:
        print("yinghu: NAME has at most 60 characters", file=sys.stderr)
        return 1
    print(tokens.new_key(user, args.name))
    return 0
