"""Names of users and groups of this machine: found, numbers without a name, and refusals that say what to type."""

from __future__ import annotations

import grp
import os
import pwd

import pytest

from smbserver.backend.acting import LocalUser
from smbserver.config.settings import Settings, ShareSettings
from smbserver.errors import ConfigError
from smbserver.host_users import find_group, find_user, mapped_users, needs_switching, share_owner

ROOT = LocalUser("root", 0, 0, (0,))
SOMEBODY = LocalUser("somebody", 61001, 61001, ())
NOBODY = pwd.getpwnam("nobody")
MISSING = "no-such-user"


def settings(*users: str, **more: object) -> Settings:
    share = more.pop("share", ShareSettings("s", "/srv"))
    return Settings((share,), tuple((name, "x") for name in users), **more)  # type: ignore[arg-type]  # of a test


def test_by_name_with_the_groups_it_has() -> None:
    found = find_user("nobody", "here")
    groups = tuple(os.getgrouplist("nobody", NOBODY.pw_gid))
    assert found == LocalUser("nobody", NOBODY.pw_uid, NOBODY.pw_gid, groups)
    assert find_user(str(NOBODY.pw_uid), "here") == found


def test_numbers_that_no_file_knows_are_users_of_containers() -> None:
    assert find_user("61001", "here") == LocalUser("61001", 61001, 61001, ())
    assert find_group("61050", "here") == 61050


@pytest.mark.parametrize("name", [MISSING, "4294967295", "99999999999", "-1", "", "1\N{DIGIT TWO}\N{SUPERSCRIPT TWO}"])
def test_who_is_not_there(name: str) -> None:
    with pytest.raises(ConfigError, match="here: this machine has no user"):
        find_user(name, "here")
    with pytest.raises(ConfigError, match="here: this machine has no group"):
        find_group(name, "here")


def test_a_group_by_name() -> None:
    entry = grp.getgrall()[-1]
    assert find_group(entry.gr_name, "here") == grp.getgrnam(entry.gr_name).gr_gid


def test_accounts_are_mapped_to_their_namesakes_or_to_others() -> None:
    chosen = settings("nobody", "Ann", act_as_users=True, local_users=(("ANN", "61001"),))
    mapped, guest = mapped_users(chosen)
    assert mapped is not None
    assert {name: user.uid for name, user in mapped.items()} == {"NOBODY": NOBODY.pw_uid, "ANN": 61001}
    assert guest is None


def test_guests() -> None:
    assert mapped_users(settings(act_as_users=True, guest=True))[1] == find_user("nobody", "")
    other = settings(act_as_users=True, guest=True, guest_acts_as="61001")
    assert mapped_users(other)[1] == LocalUser("61001", 61001, 61001, ())


def test_a_user_without_a_namesake_is_told_what_to_type() -> None:
    with pytest.raises(ConfigError, match=f"^user {MISSING}: .*; --map-user {MISSING}=LOCAL"):
        mapped_users(settings(MISSING, act_as_users=True))


@pytest.mark.parametrize("local", ["root", "0"])
def test_root_is_nobodys_local_user(local: str) -> None:
    with pytest.raises(ConfigError, match="nobody acts as root"):
        mapped_users(settings("ann", act_as_users=True, local_users=(("ann", local),)))
    with pytest.raises(ConfigError, match="nobody acts as root"):
        mapped_users(settings(act_as_users=True, guest=True, guest_acts_as=local))
    with pytest.raises(ConfigError, match="share s: owner: nobody acts as root"):
        share_owner(ShareSettings("s", "/srv", owner=local))


def test_a_shares_owner_and_group() -> None:
    assert share_owner(ShareSettings("s", "/srv")) == (None, None)
    owner, group = share_owner(ShareSettings("s", "/srv", owner="nobody", group="61050"))
    assert owner == find_user("nobody", "")
    assert group == 61050


def test_root_switches_when_anybody_acts_as_another() -> None:
    assert not needs_switching(settings("ann"), ROOT)
    assert needs_switching(settings("ann", act_as_users=True), ROOT)
    assert needs_switching(settings("ann", share=ShareSettings("s", "/srv", owner="nobody")), ROOT)
    assert needs_switching(settings("ann", share=ShareSettings("s", "/srv", group="61050")), ROOT)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"act_as_users": True}, r"--act-as-users .* needs root"),
        ({"share": ShareSettings("s", "/srv", owner="nobody")}, "owner=nobody needs root: .* or as nobody"),
        ({"share": ShareSettings("s", "/srv", group="61050")}, r"chgrp 61050 /srv; chmod g\+s /srv"),
        ({"share": ShareSettings("s", "/srv", owner=MISSING)}, "share s: owner: this machine has no user"),
    ],
)
def test_who_is_not_root_is_told_so(more: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        needs_switching(settings("ann", **more), SOMEBODY)


def test_to_be_oneself_needs_no_root() -> None:
    share = ShareSettings("s", "/srv", owner="61001", group="61001")
    assert not needs_switching(settings("ann", share=share), SOMEBODY)
