"""EAs in every store against a model, and what is refused."""

from __future__ import annotations

import errno

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smbserver.backend.base import Backend
from smbserver.errors import StatusError
from smbserver.nt import status
from smbserver.nt.extended_attributes import FILE_NEED_EA, MAX_NAME, Ea, changed, list_size
from tests.backend.test_contract import listing, make, make_directory, opened, remove

NAMES = st.sampled_from([b"A", b"a", b"Zone.Identifier", b"zone.identifier", "\u00e4".encode(), b"\xff", b"$LXUID"])
EAS = st.builds(Ea, NAMES, st.binary(max_size=20), st.sampled_from([0, FILE_NEED_EA]))


@pytest.fixture
def store(backend: Backend) -> Backend:
    if not backend.supports_eas:
        pytest.skip("no user attributes on this file system")
    return backend


def ordered(eas: list[Ea]) -> list[Ea]:
    return sorted(eas, key=lambda ea: ea.name.upper())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(EAS, min_size=1, max_size=4), max_size=5))
def test_against_a_model(store: Backend, steps: list[list[Ea]]) -> None:
    make(store, "file")
    handle = opened(store, "file")
    model: list[Ea] = []
    try:
        for step in steps:
            handle.set_eas(step)
            model = changed(model, step)
            assert handle.get_eas() == ordered(model)
            assert handle.ea_size() == list_size(model)
        again = opened(store, "file", write=False)
        assert again.get_eas() == ordered(model)
        assert ea_sizes(store)["file"] == list_size(model)
        again.close()
    finally:
        handle.close()
        remove(store, "file")


def ea_sizes(store: Backend) -> dict[str, int]:
    """As a listing of the root tells them."""
    handle = opened(store, write=False)
    sizes = {name: meta.ea_size for name, meta in handle.scan()}
    handle.close()
    return sizes


def test_directories_have_eas(store: Backend) -> None:
    make_directory(store, "folder")
    handle = opened(store, "folder")
    handle.set_eas([Ea(b"one", b"1")])
    assert handle.get_eas() == [Ea(b"one", b"1")]
    handle.close()
    assert listing(store) == ["folder"]


def test_all_or_none(store: Backend) -> None:
    make(store, "file")
    handle = opened(store, "file")
    handle.set_eas([Ea(b"kept", b"before"), Ea(b"gone", b"x")])
    before = handle.get_eas()
    with pytest.raises(StatusError) as caught:
        handle.set_eas([Ea(b"gone", b""), Ea(b"kept", b"after"), *(Ea(b"n%d" % n, bytes(9000)) for n in range(8))])
    assert caught.value.status == status.EA_TOO_LARGE
    assert handle.get_eas() == before
    handle.close()


def test_longest_name(store: Backend) -> None:
    make(store, "file")
    handle = opened(store, "file")
    handle.set_eas([Ea(b"n" * MAX_NAME, b"x")])
    assert handle.get_eas() == [Ea(b"n" * MAX_NAME, b"x")]
    handle.close()


def test_after_the_close(store: Backend) -> None:
    make(store, "file")
    handle = opened(store, "file")
    handle.close()
    for call in (handle.get_eas, handle.ea_size, lambda: handle.set_eas([Ea(b"a", b"b")])):
        with pytest.raises(OSError) as caught:
            call()
        assert caught.value.errno == errno.EBADF
