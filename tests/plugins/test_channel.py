import socket
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesmith.channel import Channel, start

TEXT = st.text('ab \n\r\0"\\{}\x85\u2028é😀')
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=8,
)


@pytest.fixture
def ends():
    ours, theirs = map(Channel, socket.socketpair())
    yield ours, theirs
    ours.close(), theirs.close()


@given(st.dictionaries(TEXT, JSON))
def test_what_is_sent_is_received(message):
    ours, theirs = map(Channel, socket.socketpair())
    ours.send(message)
    assert theirs.receive() == message
    ours.close(), theirs.close()


def test_many_threads_may_send_at_once(ends):
    ours, theirs = ends
    senders = [threading.Thread(target=ours.send, args=({"from": n, "pad": "x" * 50_000},)) for n in range(8)]
    for sender in senders:
        sender.start()
    assert sorted(theirs.receive()["from"] for _ in senders) == list(range(8))
    for sender in senders:
        sender.join()


def test_none_is_received_once_the_other_side_has_gone(ends):
    ours, theirs = ends
    theirs.close()
    assert ours.receive() is None


def test_half_a_message_is_no_message():
    raw, theirs = socket.socketpair()
    channel = Channel(theirs)
    raw.sendall(b'{"half": ')
    raw.close()
    assert channel.receive() is None
    channel.close()


def test_sending_to_a_side_that_has_gone_is_an_os_error(ends):
    ours, theirs = ends
    theirs.close()
    with pytest.raises(OSError, match=r"."):
        for _ in range(100):
            ours.send({"pad": "x" * 10_000})


def test_a_module_is_started_in_another_process_with_a_line_to_it(tmp_path):
    (tmp_path / "parrot.py").write_text(
        "import sys\n"
        "from edgesmith.channel import Channel\n"
        "channel = Channel.inherited(int(sys.argv[1]))\n"
        "print('this goes to the log, not to the line')\n"
        "channel.send(channel.receive() | {'said': 'by the parrot'})\n"
    )
    with (tmp_path / "log").open("wb") as log:
        process, channel = start(sys.executable, {"parrot": str(tmp_path / "parrot.py")}, "parrot", output=log)
    channel.send({"word": "hello"})
    assert channel.receive() == {"word": "hello", "said": "by the parrot"}
    assert process.wait(10) == 0
    channel.close()
    assert "to the log" in (tmp_path / "log").read_text()


def test_a_process_started_here_sees_what_this_one_sees(tmp_path, monkeypatch):
    """PYTHONPATH and `pip install --user` count, though not the folder it happens to start in."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "from_pythonpath.py").write_text("")
    (tmp_path / "asks.py").write_text("import from_pythonpath\n")
    process, channel = start(sys.executable, {"asks": str(tmp_path / "asks.py")}, "asks", output=subprocess.DEVNULL)
    channel.close()
    assert process.wait(10) == 0
