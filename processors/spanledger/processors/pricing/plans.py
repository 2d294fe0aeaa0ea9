"""Which calls a plan pays for, as far as their emitters say: such a call costs nothing more, and has its list price."""

from typing import Final

PLANS: Final = frozenset(
    {
        "chatgpt",  # Codex, `auth_mode`: signed in with ChatGPT; ApiKey otherwise
        "chatgptauthtokens",  # Codex in another program that is signed in
        "oauthpersonal",  # Gemini CLI, `auth_type` "oauth-personal": signed in with Google; "gemini-api-key" otherwise
        "loginwithgoogle",  # the same in its later versions
        "qwenoauth",  # Qwen Code, `auth_type` "qwen-oauth"
    }
)
"""Values of `plan` that mean a subscription, compared without case and without `_`, `-` and blanks. Claude Code says
nothing about it: an account id stands on calls of a plan and on calls that are billed; a [[subscription]] rule says
which are which."""

_SEPARATORS: Final = str.maketrans("", "", "_- ")


def is_plan(said: str | None) -> bool:
    """Whether what a call says of how it is paid for means a plan."""
    return said is not None and said.casefold().translate(_SEPARATORS) in PLANS
