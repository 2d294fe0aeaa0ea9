"""Letters to a running server: asked once, answered once, given up when either side has gone."""

import threading

import pytest

from spanledger.cli import mailbox
from spanledger.cli.failures import Failed
from spanledger.cli.mailbox import ask, empty, letters


def serving(folder, answers):
    """A thread that waits for one letter and gives these answers, one after the other as they are read."""

    def serve():
        while not (found := list(letters(folder))):
            threading.Event().wait(0.01)
        (letter,) = found
        seen.append((letter.kind, letter.body))
        for answer in answers:
            letter.answer(answer)
            threading.Event().wait(0.2)  # so that each of them is read

    seen = []
    thread = threading.Thread(target=serve)
    thread.start()
    return thread, seen


def test_a_letter_is_answered_and_nothing_is_left_behind(tmp_path):
    thread, seen = serving(tmp_path, [{"progress": [1, 2]}, {"progress": [2, 2]}, {"done": 2}])
    told = []
    assert ask(tmp_path, "reprice", b"body", told.append) == {"done": 2}
    thread.join()
    assert seen == [("reprice", b"body")]
    assert told == [{"progress": [1, 2]}, {"progress": [2, 2]}]
    assert list((tmp_path / "mailbox").iterdir()) == []


def test_what_the_server_cannot_do_fails_with_its_sentence(tmp_path):
    thread, _ = serving(tmp_path, [{"error": "It cannot."}])
    with pytest.raises(Failed, match=r"^It cannot\.$"):
        ask(tmp_path, "catalogue", b"")
    thread.join()
    assert list((tmp_path / "mailbox").iterdir()) == []


def test_a_server_that_says_nothing_is_not_waited_for_and_finds_no_letter_later(tmp_path, monkeypatch):
    monkeypatch.setattr(mailbox, "ANSWER_WITHIN_S", 0.2)
    with pytest.raises(Failed, match=r"The server that holds the ledger in .* does not react: stop it"):
        ask(tmp_path, "reprice", b"")
    assert list(letters(tmp_path)) == []


def test_a_letter_whose_sender_has_gone_is_wanted_no_more_and_gets_no_answer(tmp_path):
    (tmp_path / "mailbox").mkdir()
    (tmp_path / "mailbox" / "a.reprice").write_bytes(b"body")
    (letter,) = letters(tmp_path)
    assert letter.is_wanted
    letter.path.unlink()
    assert not letter.is_wanted
    letter.answer({"done": 1})
    assert list((tmp_path / "mailbox").iterdir()) == []


def test_a_letter_with_an_answer_is_not_opened_again(tmp_path):
    (tmp_path / "mailbox").mkdir()
    (tmp_path / "mailbox" / "a.catalogue").write_bytes(b"body")
    (letter,) = letters(tmp_path)
    letter.answer({"progress": [0, 1]})
    assert list(letters(tmp_path)) == []


def test_only_whole_letters_of_known_kinds_are_found(tmp_path):
    (tmp_path / "mailbox").mkdir()
    for name in ("a.reprice.new", "b.something", "notes.txt"):
        (tmp_path / "mailbox" / name).write_bytes(b"")
    assert list(letters(tmp_path)) == []


def test_what_was_sent_to_a_server_that_has_gone_is_thrown_away(tmp_path):
    empty(tmp_path)
    (tmp_path / "mailbox").mkdir()
    (tmp_path / "mailbox" / "a.reprice").write_bytes(b"body")
    empty(tmp_path)
    assert list((tmp_path / "mailbox").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "mailbox").write_text("a file where the folder should be")
    with pytest.raises(Failed, match=r"cannot be written: "):
        ask(tmp_path, "reprice", b"")
