"""`receiver.inbox.spool.segments`: whole records, cut-off frames and damage are told apart."""

import os
import zlib
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.inbox.spool.before import OLD_FRAME, OLD_MAGIC, RECORD_BYTES
from receiver.inbox.spool.segments import FRAME_BYTES, HEAD, MAGIC, START, Scan, State, scan, used, written

MARKER = b"\x01marker\x00"
ZEROS = b"\0" * 5000


def segment(*contents: bytes) -> bytes:
    return written(MARKER, contents, 1.5)


def flipped(content: bytes, bit: int) -> bytes:
    wrong = bytearray(content)
    wrong[bit // 8] ^= 1 << bit % 8
    return bytes(wrong)


def test_a_segment_is_read_as_it_was_written() -> None:
    contents = (b"a", b"", b"\0" * 10, MARKER, os.urandom(1000))
    assert scan(segment(*contents)) == scan(segment(*contents) + ZEROS) == Scan(contents, State.WHOLE)


@pytest.mark.parametrize("behind", [b"", ZEROS], ids=["cut", "in room that was taken"])
def test_what_is_cut_at_any_byte_gives_every_whole_record_and_is_no_damage(behind: bytes) -> None:
    """A frame that a crash cut off was never answered."""
    contents = tuple(f"record {number} ".encode() * number for number in range(20))
    content = segment(*contents)
    ends = list(accumulate((FRAME_BYTES + len(one) + 1 for one in contents), initial=START))[1:]
    for cut in range(len(content) + 1):
        found = scan(content[:cut] + behind)
        assert found == Scan(contents[: sum(end <= cut for end in ends)], State.WHOLE), cut


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=8), st.data())
def test_damage_costs_the_record_that_it_is_in_and_is_told(contents: list[bytes], data: st.DataObject) -> None:
    """Any byte of any frame can be damaged, even of the last frame: each might have been answered."""
    whole = bytearray(segment(*contents) + ZEROS)
    at = data.draw(st.integers(START, len(whole) - len(ZEROS) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    starts = list(accumulate((FRAME_BYTES + len(one) + 1 for one in contents), initial=START))[:-1]
    hit = max(number for number, start in enumerate(starts) if start <= at)
    assert scan(bytes(whole)) == Scan(tuple(contents[:hit] + contents[hit + 1 :]), State.DAMAGED)


@given(st.integers(len(MAGIC), len(MAGIC) + len(MARKER) - 1), st.integers(1, 255))
def test_damage_to_the_marker_in_the_head_costs_no_record_and_is_told(at: int, flipped: int) -> None:
    whole = bytearray(segment(b"a", b"b") + ZEROS)
    whole[at] ^= flipped
    assert scan(bytes(whole)) == Scan((b"a", b"b"), State.DAMAGED)


def test_a_record_cannot_pass_for_a_frame() -> None:
    """Its sender does not know the marker, so this holds even if the frame around it is damaged."""
    forged = written(b"guessed!", [b"forged"], 1.0)[START:]
    content = segment(b"a", b"x" + forged + OLD_FRAME.pack(OLD_MAGIC, 6, 0) + b"forged", b"c")
    assert scan(content.replace(b"x" + forged, b"y" + forged)) == Scan((b"a", b"c"), State.DAMAGED)


def test_a_segment_full_of_false_frames_is_read_in_one_go() -> None:
    content = segment(b"a", (OLD_MAGIC + b"\0\0\0\1") * 20_000, b"c")
    assert scan(content.replace(b"a\n", b"b\n")).records[1:] == (b"c",)


@pytest.mark.parametrize("content", [b"", b"\0", ZEROS, MAGIC, MAGIC + MARKER[:3], MAGIC[:2], MAGIC + MARKER + ZEROS])
def test_a_segment_that_was_being_made_is_nothing(content: bytes) -> None:
    assert scan(content) == Scan((), State.WHOLE)


@pytest.mark.parametrize("content", [b"rcv9 anything", b"x", os.urandom(500).replace(b"rcv", b"")])
def test_another_format_is_unknown(content: bytes) -> None:
    assert scan(content) == Scan((), State.UNKNOWN)


def old(*contents: bytes) -> bytes:
    return b"".join(OLD_FRAME.pack(OLD_MAGIC, len(one), zlib.crc32(one)) + one for one in contents)


def test_the_format_before_is_read_and_its_damage_told() -> None:
    content = old(b"a", b"bb", b"ccc")
    assert scan(content) == Scan((b"a", b"bb", b"ccc"), State.WHOLE)
    assert scan(content[:-1]) == scan(content[:-8]) == Scan((b"a", b"bb"), State.WHOLE)
    assert scan(content.replace(b"bb", b"bx")) == Scan((b"a", b"ccc"), State.DAMAGED)
    assert scan(content.replace(b"ccc", b"ccx")) == Scan((b"a", b"bb"), State.DAMAGED)
    assert scan(old(b"a") + OLD_FRAME.pack(OLD_MAGIC, RECORD_BYTES + 1, 0)).state is State.DAMAGED
    assert scan(old(b"a") + b"noise").state is State.DAMAGED


def test_one_bit_anywhere_in_the_format_before_costs_at_most_its_record_and_is_told() -> None:
    """A frame with a damaged length looks like one that a crash cut off and that was never answered."""
    contents = tuple(f'{{"id": "evt_{number}"}}'.encode() for number in range(4))
    whole = old(*contents)
    frame = len(whole) // 4
    for bit in range(len(whole) * 8):
        hit = bit // 8 // frame
        found = scan(flipped(whole, bit))
        assert found.state is State.DAMAGED, bit
        assert {*contents[:hit], *contents[hit + 1 :]} <= {*found.records} <= {*contents}, bit


@pytest.mark.parametrize("zeroed", [0, HEAD.size, 512, START + FRAME_BYTES], ids=["bit", "head", "sector", "more"])
def test_whole_frames_behind_a_head_that_is_not_are_read(zeroed: int) -> None:
    """They were answered, and a damaged head is not the head of another version."""
    contents = (b"one\nline", b"b", b"c" * 2000)
    whole = segment(*contents)
    heads = [bytes(zeroed) + whole[zeroed:]] if zeroed else []
    heads += [flipped(whole, bit) for bit in range(0 if zeroed else HEAD.size * 8)]
    for content in heads:
        left = contents[1:] if zeroed > START else contents
        assert scan(content) == scan(content + ZEROS) == Scan(left, State.DAMAGED), content[: HEAD.size]
        if content[: len(MAGIC)] != MAGIC:
            assert scan(content, searching=False).records == (), "any file of ours may hold what looks like frames"


def test_how_much_it_holds_is_told_by_its_first_bytes() -> None:
    content = segment(b"a", b"b")
    assert used(content[:START], len(content)) == (2 * (FRAME_BYTES + 2), 1.5)
    assert used((segment() + ZEROS)[:START], START + len(ZEROS)) == (0, 1.5)
    assert used(b"", 0) == used(b"rcv9" + ZEROS, 9) == (0, None)
    assert used(OLD_MAGIC + ZEROS, 123) == (123, None)
