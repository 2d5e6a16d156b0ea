"""`submissions.media`: the durations of files that are built here byte by byte, and of files whose headers lie."""

import math
import os
import struct
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from receiver.errors import ImpossibleError
from receiver.submissions.media import CONTENT_TYPES, another_way, content_type, duration_seconds
from receiver.submissions.media.kinds import container

Write: TypeAlias = Callable[[str, bytes], Path]

# What the specification lists under `POST /api/v1/uploads`.
LISTED = {"audio/mpeg", "audio/wav", "audio/mp4", "audio/x-m4a", "audio/aac", "audio/ogg", "audio/webm", "audio/flac",
          "video/mp4", "video/webm", "video/quicktime", "video/x-msvideo"}  # fmt: skip


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that puts bytes into a file of a name."""

    def put(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return put


@pytest.fixture(autouse=True)
def tools(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make PATH one empty folder, so that ffprobe exists only if a test puts one there."""
    folder = tmp_path_factory.mktemp("tools")
    monkeypatch.setenv("PATH", str(folder))
    return folder


# --- builders --------------------------------------------------------------------------------------------------------


def wav(folder: Path, seconds: float, *, rate: int = 8000) -> bytes:
    path = folder / "built"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(4 * int(seconds * rate)))
    return path.read_bytes()


def pcm(codec: int = 1, *, rate: int = 1000, each: int = 1, bits: int = 8, more: bytes = b"") -> tuple[bytes, bytes]:
    """Return the `fmt ` chunk of a WAV with one channel: `rate` samples a second, of `each` bytes."""
    return b"fmt ", struct.pack("<HHIIHH", codec, 1, rate, rate * each, each, bits) + more


def riff(*chunks: tuple[bytes, bytes], size: int | None = None) -> bytes:
    """Return a WAV of chunks, with `size` in its header."""
    body = b"WAVE" + b"".join(kind + struct.pack("<I", len(c)) + c + bytes(len(c) % 2) for kind, c in chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


DATA = (b"data", b"\x80" * 2500)
TWO_AND_A_HALF = riff(pcm(), DATA)
JUNK = (b"JUNK", bytes(100_000))
EXTENSION = struct.pack("<HHIH14s", 22, 8, 4, 1, b"")
KBITS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)


def mp3_frame(kbits: int = 128, *, padded: bool = False, content: bytes = b"") -> bytes:
    """Return a frame of MPEG 1 layer III at 44.1 kHz: 1152 samples, 26.12 ms."""
    head = bytes([0xFF, 0xFB, KBITS.index(kbits) << 4 | padded << 1, 0xC0])
    return (head + bytes(17) + content).ljust(144 * kbits * 1000 // 44100 + padded, b"\x55")


def id3(length: int) -> bytes:
    return b"ID3\x04\0\0" + bytes(length >> shift & 127 for shift in (21, 14, 7, 0)) + bytes(length)


def crc8(content: bytes) -> int:
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1) ^ (0x107 if crc & 0x80 else 0)
    return crc


LURE = b"\xff\xf8\x55" * 30  # looks like the beginning of frames


def flac_frame(number: int, *, size: int = 4096, by_samples: bool = False, content: bytes = LURE) -> bytes:
    """Return a frame of FLAC; its number is coded like a character in UTF-8."""
    head = bytes([0xFF, 0xF8 | by_samples, 0x79, 0x18]) + chr(number).encode() + (size - 1).to_bytes(2, "big")
    return head + bytes([crc8(head)]) + content


def flac(samples: int, *, rate: int = 44100, frames: list[bytes] | None = None) -> bytes:
    """Return a FLAC whose header gives a number of samples, with as many, or with the given frames."""
    packed = rate << 44 | 1 << 41 | 15 << 36 | samples
    info = struct.pack(">HH6xQ16x", 4096, 4096, packed)
    head = b"fLaC\0" + len(info).to_bytes(3, "big") + info + b"\x81\0\0\x05\xff\xf9\x79\x18\0"  # and padding
    return head + b"".join(flac_frames(samples) if frames is None else frames)


def flac_frames(samples: int) -> list[bytes]:
    sizes = [min(4096, samples - at) for at in range(0, samples, 4096)]
    return [flac_frame(number, size=size) for number, size in enumerate(sizes)]


BEGINS, ENDS = 2, 4


def ogg_page(content: bytes, position: int, flags: int = 0, serial: int = 7) -> bytes:
    lacing = bytes([255] * (len(content) // 255) + [len(content) % 255])
    return struct.pack("<4sBBqIIIB", b"OggS", 0, flags, position, serial, 0, 0, len(lacing)) + lacing + content


def opus(*positions: int, preskip: int = 312, serial: int = 7, ends: bool = True) -> bytes:
    """Return an Ogg of one Opus stream: two pages of headers, then a page up to each position, in 1/48000 s."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 2, preskip, 48000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I4sI", 4, b"none", 0)
    pages = [ogg_page(bytes(100), at, ENDS * (ends and at == positions[-1]), serial) for at in positions]
    return b"".join([ogg_page(head, 0, BEGINS, serial), ogg_page(tags, 0, 0, serial), *pages])


def box(kind: str, *content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + sum(map(len, content)), kind.encode()) + b"".join(content)


def mvhd(scale: int, length: int, *, version: int = 0) -> bytes:
    times = struct.pack(">QQIQ" if version else ">IIII", 0, 0, scale, length)
    return box("mvhd", bytes([version, 0, 0, 0]), times, bytes(80))


FTYP = box("ftyp", b"M4A \0\0\0\0isom")
MDAT = box("mdat", bytes(64))


def trak(scale: int, length: int, *, sizes: tuple[int, ...] = (16, 48), offset: int = 24, wide: bool = False) -> bytes:
    """Return a track of samples of these sizes. If all are equal, the table gives the size once."""
    each = sizes[0] if len({*sizes}) == 1 else 0
    said = struct.pack(">III", 0, each, len(sizes))
    head = box("mdhd", bytes([wide, 0, 0, 0]), struct.pack(">QQIQ" if wide else ">IIII", 0, 0, scale, length), bytes(4))
    tables = box("stbl", box("stts", struct.pack(">IIIIII", 0, 2, 1, length - 1, 1, 1)),
                 box("stsz", said, b"" if each else struct.pack(f">{len(sizes)}I", *sizes)),
                 box("co64" if wide else "stco", struct.pack(">IIQ" if wide else ">III", 0, 1, offset)))  # fmt: skip
    return box("trak", box("tkhd", bytes(84)), box("mdia", head, box("minf", box("smhd", bytes(8)), tables)))


def moov(*more: bytes, scale: int = 1000, length: int = 2500, version: int = 0, **track: Any) -> bytes:
    """Return a movie of one track, whose length agrees with its header."""
    return box("moov", mvhd(scale, length, version=version), trak(scale, length, **track), *more)


def adts(frames: int) -> bytes:
    """Return raw AAC: frames of 200 bytes, each with the header of a stream."""
    length = 200
    head = bytes([0xFF, 0xF1, 0x50, 0x80 | length >> 11, length >> 3 & 0xFF, (length & 7) << 5 | 0x1F, 0xFC])
    return (head + bytes(length - len(head))) * frames


FRAME = 1152 / 44100  # seconds


# --- types -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "kind"), [
    ("talk.mp3", "audio/mpeg"), ("talk.mpga", "audio/mpeg"), ("talk.wav", "audio/wav"), ("talk.m4a", "audio/mp4"),
    ("book.m4b", "audio/mp4"),
    ("talk.aac", "audio/aac"), ("talk.ogg", "audio/ogg"), ("talk.oga", "audio/ogg"), ("talk.opus", "audio/ogg"),
    ("talk.flac", "audio/flac"), ("talk.weba", "audio/webm"), ("talk.webm", "video/webm"), ("talk.mp4", "video/mp4"),
    ("talk.m4v", "video/mp4"), ("talk.mov", "video/quicktime"), ("talk.avi", "video/x-msvideo"),
    ("TALK.MP3", "audio/mpeg"), ("a.wav.flac", "audio/flac"), ("-v.mp3", "audio/mpeg"),
])  # fmt: skip
def test_the_name_tells_the_type(name: str, kind: str) -> None:
    assert content_type(Path("somewhere", name)) == kind


def test_every_type_is_one_that_the_provider_lists() -> None:
    assert set(CONTENT_TYPES.values()) <= LISTED


@pytest.mark.parametrize("name", ["talk.txt", "talk", ".mp3", "mp3", "talk.mp3.zip", "talk.", "talk.mp3 "])
def test_a_name_without_a_known_extension_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(ImpossibleError) as refused:
        content_type(Path("somewhere", name))
    assert str(refused.value).startswith(f"{name} has no extension")
    assert all(extension in str(refused.value) for extension in CONTENT_TYPES)


# --- what the file itself tells --------------------------------------------------------------------------------------


def test_a_wav_is_as_long_as_its_samples(write: Write, tmp_path: Path) -> None:
    assert duration_seconds(write("talk.wav", wav(tmp_path, 2.5))) == 2.5


@pytest.mark.parametrize("content", [
    pytest.param(TWO_AND_A_HALF + b"LIST\x04\0\0\0INFO", id="a chunk behind it"),
    pytest.param(riff(JUNK, (b"odd ", b"x"), pcm(), DATA, (b"LIST", b"INFO")), id="chunks all around"),
    pytest.param(TWO_AND_A_HALF + b"LIST\x44\0\0\0INFO", id="a chunk behind it that is cut"),
    pytest.param(TWO_AND_A_HALF + b"TAG".ljust(128, b"\0"), id="a tag behind it"),
    pytest.param(riff(pcm(), DATA, size=0), id="no size of its own"),
    pytest.param(riff(pcm(), DATA, size=0xFFFFFFFF), id="a size of its own that is made up"),
    pytest.param(riff(pcm(3, rate=250, each=4, bits=32), (b"data", bytes(2500))), id="floating numbers"),
    pytest.param(riff(pcm(0xFFFE, more=EXTENSION), DATA), id="an extension"),
    pytest.param(riff(pcm(7), DATA), id="a telephone's samples"),
    pytest.param(riff(pcm(2, rate=1000, bits=4), (b"fact", b"\xc4\x09\0\0"), DATA), id="compressed samples"),
])  # fmt: skip
def test_a_wav_may_have_more_than_samples_and_any_kind_of_them(write: Write, content: bytes) -> None:
    assert duration_seconds(write("talk.wav", content)) == 2.5


@pytest.mark.parametrize(("frames", "count"), [
    pytest.param([mp3_frame()] * 100, 100, id="of constant bit rate"),
    pytest.param([mp3_frame(padded=n % 2 == 0) for n in range(100)], 100, id="padded"),
    pytest.param([mp3_frame(32)] * 50 + [mp3_frame(320)] * 50, 100, id="of variable bit rate"),
    pytest.param([id3(300), *[mp3_frame()] * 100, b"TAG".ljust(128, b"x")], 100, id="tagged"),
    pytest.param([mp3_frame()] * 100 + [b"APETAGEX" + struct.pack("<IIII8x", 2000, 64, 1, 0xA0000000), b"x" * 64], 100,
                 id="with another tag"),
    pytest.param([id3(9), bytes(777), *[mp3_frame()] * 100, bytes(5)], 100, id="with padding"),
    pytest.param([mp3_frame(content=b"Info\0\0\0\3\0\0\0\5"), *[mp3_frame()] * 100], 100, id="with a frame about them"),
    pytest.param([mp3_frame(content=b"Xing"), *[mp3_frame()] * 40, id3(20), *[mp3_frame()] * 60], 100, id="joined"),
    pytest.param([*[mp3_frame()] * 100, mp3_frame()[:300]], 100, id="cut in a frame"),
    pytest.param([mp3_frame()], 1, id="alone"),
])  # fmt: skip
def test_an_mp3_is_as_long_as_its_frames(write: Write, frames: list[bytes], count: int) -> None:
    for name in ("talk.mp3", "talk.mpga"):
        assert duration_seconds(write(name, b"".join(frames))) == pytest.approx(count * FRAME)


@pytest.mark.parametrize(("head", "length", "seconds"), [
    pytest.param("fffb9400", 384, 1152 / 48000, id="48 kHz"),
    pytest.param("fffa98c0", 576, 1152 / 32000, id="32 kHz with a checksum"),
    pytest.param("fff380c0", 208, 576 / 22050, id="MPEG 2 at 22.05 kHz"),
    pytest.param("fff388c0", 288, 576 / 16000, id="MPEG 2 at 16 kHz"),
    pytest.param("ffe348c0", 288, 576 / 8000, id="MPEG 2.5 at 8 kHz"),
])  # fmt: skip
def test_an_mp3_may_have_other_rates(write: Write, head: str, length: int, seconds: float) -> None:
    frames = bytes.fromhex(head).ljust(length, b"\x55") * 10
    assert duration_seconds(write("talk.mp3", frames)) == pytest.approx(10 * seconds)


def test_a_flac_is_as_long_as_its_frames(write: Write) -> None:
    """With more frames than a byte can number, in several pieces of the file, with and without a count in its head."""
    assert duration_seconds(write("talk.flac", flac(44100 * 90))) == 90
    many = [flac_frame(number, content=bytes(1000)) for number in range(2200)]
    for samples in (2200 * 4096, 0):
        assert duration_seconds(write("talk.flac", flac(samples, frames=many))) == pytest.approx(2200 * 4096 / 44100)


def test_a_flac_may_be_tagged_as_an_mp3_is(write: Write) -> None:
    assert duration_seconds(write("talk.flac", id3(300) + flac(44100))) == 1


def test_a_flac_may_number_its_samples(write: Write) -> None:
    frames = [flac_frame(at, size=1000, by_samples=True) for at in range(0, 44000, 1000)]
    assert duration_seconds(write("talk.flac", flac(44000, frames=frames))) == pytest.approx(44000 / 44100)


@pytest.mark.parametrize("name", ["talk.opus", "talk.ogg", "talk.oga"])
def test_an_ogg_is_as_long_as_the_position_of_its_end(write: Write, name: str) -> None:
    assert duration_seconds(write(name, opus(48000, 96000, 120312))) == 2.5


@pytest.mark.parametrize("movie", [
    pytest.param(FTYP + moov() + MDAT, id="header first"),
    pytest.param(FTYP + box("free") + MDAT + moov(box("udta", bytes(9))), id="header last"),
    pytest.param(FTYP + moov(scale=600, length=1500, version=1, wide=True) + MDAT, id="of 64 bits"),
    pytest.param(FTYP + struct.pack(">I4sQ", 1, b"mdat", 116) + bytes(100) + moov(scale=2, length=5), id="a long box"),
    pytest.param(FTYP + moov() + b"\0\0\0\0mdat" + bytes(99), id="a box up to the end"),
    pytest.param(FTYP + moov(sizes=(8,) * 8) + MDAT, id="of samples of one size"),
    pytest.param(FTYP + moov(trak(1, 2, sizes=(1,))) + box("mdat", bytes(65)), id="of two tracks"),
])  # fmt: skip
def test_an_mp4_is_as_long_as_its_tracks(write: Write, movie: bytes) -> None:
    for name in ("talk.m4a", "talk.m4b", "talk.mp4", "talk.m4v", "talk.mov"):
        assert duration_seconds(write(name, movie)) == 2.5


EBML = b"\x1a\x45\xdf\xa3\x84\x42\x86\x81\1" + bytes(300)
SECOND_OF_SOUND = b"WAVEfmt " + struct.pack("<IHHIIHH4sI4s", 16, 1, 1, 8, 8, 1, 8, b"data", 4, bytes(4))
JOINED = [
    ("two.flac", flac(44100) * 2, "two FLACs"),
    ("two.m4a", (FTYP + moov() + MDAT) * 2, "two MP4s"),
    ("two.mp4", (FTYP + moov(box("mvex")) + box("moof") + MDAT) * 2, "two fragmented MP4s"),
    ("two.opus", opus(48000, 96000, 120312) * 2, "two Oggs"),
    ("two.webm", EBML * 2, "two WebMs"),
    ("two.webm", EBML + bytes(2**20 - 306) + EBML, "two WebMs, and the second one begins in another piece"),
    ("two.avi", (b"RIFF\x0c\0\0\0AVI " + bytes(8)) * 2, "two AVIs"),
    ("two.wav", (b"RIFF\x28\0\0\0" + SECOND_OF_SOUND) * 2, "two WAVs"),
    ("two.wav", TWO_AND_A_HALF + bytes(2) + TWO_AND_A_HALF, "two WAVs with something between"),
    ("two.wav", riff(pcm(), DATA, size=0) * 2, "two WAVs without a size of their own"),
    ("two.wav", riff(pcm(), DATA, size=0xFFFFFFFF) * 2, "two WAVs of a size that is made up"),
    ("two.wav", TWO_AND_A_HALF[:-9] + TWO_AND_A_HALF, "two WAVs, and the first one is cut"),
    ("two.wav", TWO_AND_A_HALF + riff(JUNK, pcm())[:50], "two WAVs, and the second one is cut"),
    ("two.wav", riff(pcm(), DATA, DATA), "a WAV of two times samples"),
    ("two.wav", riff(pcm(), DATA, DATA)[:-9], "a WAV of two times samples that is cut"),
    ("two.wav", TWO_AND_A_HALF + bytes(1001), "a WAV of more samples than it says"),
    ("two.avi", b"RIFF\0\0\0\0AVI " + bytes(9) + b"RIFF\xff\xff\xff\xffAVI ", "two AVIs with something between"),
    ("two.flac", flac(44100) + b"x" + flac(44100), "two FLACs with something between"),
    ("two.flac", (id3(300) + flac(44100)) * 2, "two FLACs with tags"),
    ("two.m4a", FTYP + moov() + MDAT + b"x" + FTYP + moov() + MDAT, "two MP4s with something between"),
    ("two.m4a", (FTYP + moov() + b"\0\0\0\0mdat" + bytes(64)) * 2, "two MP4s whose media goes up to the end"),
    ("two.m4a", (FTYP + moov() + MDAT)[:-9] + FTYP + moov() + MDAT, "two MP4s, and the first one is cut"),
    ("two.m4a", FTYP + moov() + MDAT + FTYP[:12], "two MP4s, and the second one is cut"),
    ("two.mov", (moov() + MDAT) * 2, "two QuickTimes of old"),
    ("two.opus", opus(48000, 96312) + b"x" + opus(48000, 96312), "two Oggs with something between"),
    ("two.opus", opus(48000, 96312)[:-9] + opus(48000, 96312), "two Oggs, and the first one is cut"),
]
GUESSES = [
    ("talk.aac", adts(100), "raw AAC"),
    ("talk.wav", riff(JUNK, pcm(), DATA)[:-2500], "a WAV of much else that is cut behind its head"),
    ("talk.wav", riff(JUNK, pcm(), DATA)[:-1], "a WAV of much else that is cut"),
    ("talk.wav", riff(JUNK, pcm(), DATA)[:9000], "a WAV that is cut before its samples"),
    ("talk.wav", riff(pcm()), "a WAV without samples"),
    ("talk.wav", riff(DATA), "a WAV that does not say what its samples are"),
    ("talk.wav", riff(pcm(bits=16), DATA), "a WAV of two sizes of samples"),
    ("talk.wav", riff(pcm(rate=0), DATA), "a WAV without a rate"),
    ("talk.wav", riff(pcm(2), DATA), "a WAV of compressed samples that are not counted"),
    ("talk.wav", riff(pcm(2), (b"fact", b"\xff\xff\0\0"), DATA), "a WAV of compressed samples that are not there"),
    ("talk.wav", b"RF64" + TWO_AND_A_HALF[4:], "a WAV of more than 4 GiB"),
    ("talk.mp3", mp3_frame() * 10 + id3(300)[:9] + b"\x7f" + mp3_frame() * 10, "an MP3 with a tag beyond its end"),
    (
        "talk.mp3",
        mp3_frame() * 10 + b"APETAGEX" + struct.pack("<IIII8x", 2000, 2**32 - 1, 1, 0xA0000000) + mp3_frame() * 10,
        "an MP3 with another tag beyond its end",
    ),
    ("talk.m4a", FTYP + moov(box("mvex")) + MDAT, "fragmented, by its header"),
    ("talk.mp4", FTYP + moov() + box("moof") + MDAT, "fragmented, by its fragments"),
    ("talk.mp4", FTYP + box("moov", mvhd(1000, 0), trak(1000, 2500)) + MDAT, "an MP4 of no length"),
    ("talk.mp4", FTYP + box("moov", mvhd(0, 2500), trak(1000, 2500)) + MDAT, "an MP4 without a scale"),
    ("talk.mp4", FTYP + box("moov", mvhd(1000, 2500), trak(0, 2500)) + MDAT, "an MP4 whose track is without one"),
    ("talk.mp4", FTYP + box("moov", mvhd(1000, 2**32 - 1), trak(1000, 2500)) + MDAT, "an MP4 of unknown length"),
    ("talk.mp4", FTYP + box("moov", mvhd(1000, 2**64 - 1, version=1), trak(1000, 2500)) + MDAT, "of 64 bits"),
    ("talk.mp4", FTYP + box("moov", trak(1000, 2500)) + MDAT, "an MP4 without its header"),
    ("talk.mp4", FTYP + box("moov", mvhd(1000, 36_000_000)) + MDAT, "an MP4 without a track"),
    ("talk.mp4", FTYP + box("moov", mvhd(1000, 2500), box("trak")) + MDAT, "an MP4 of an empty track"),
    ("talk.mp4", FTYP + box("moov", mvhd(1000, 36_000_000), trak(1000, 2500)) + MDAT, "an MP4 cut by its edit list"),
    ("talk.mp4", FTYP + MDAT, "an MP4 without a movie"),
    ("talk.mp4", FTYP + moov(), "an MP4 without its media"),
    ("talk.mp4", FTYP + moov(sizes=(16, 49)) + MDAT, "an MP4 of less media than its samples"),
    ("talk.mp4", FTYP + moov(sizes=(13,) * 5) + MDAT, "the same with samples of one size"),
    ("talk.mp4", FTYP + moov(offset=2**20) + MDAT, "an MP4 whose media is beyond its end"),
    ("talk.mp4", (FTYP + moov() + MDAT)[:-1], "an MP4 cut short"),
    ("talk.mp4", FTYP + moov()[:24], "an MP4 whose header is cut short"),
    ("talk.mp4", FTYP + box("moov", box("mvhd", bytes(4)), trak(1000, 2500)) + MDAT, "an MP4 whose header is small"),
    ("talk.mp4", FTYP + MDAT + box("moov", box("mvhd"), trak(1000, 2500)), "an MP4 whose header is empty"),
    ("talk.mp4", FTYP + b"\0\0\0\7fre" + moov(), "a box of an impossible length"),
    ("talk.mp4", moov() + MDAT, "an MP4 that does not say so"),
    ("talk.flac", flac(44100 * 60, frames=[]), "a FLAC of a header alone"),
    ("talk.flac", flac(44100 * 60, frames=flac_frames(44100 * 30)), "a FLAC cut in the middle"),
    (
        "talk.flac",
        flac(44100, frames=[one for n, one in enumerate(flac_frames(44100)) if n != 4]),
        "a FLAC with a hole",
    ),
    ("talk.flac", flac(44100, frames=flac_frames(44100 * 2)), "a FLAC of more than it says"),
    ("talk.flac", flac(0, frames=[]), "a FLAC of unknown length and nothing in it"),
    ("talk.flac", flac(44100)[:20], "a FLAC cut in its header"),
    ("talk.flac", flac(44100)[:44], "a FLAC cut in its metadata"),
    ("talk.flac", flac(44100, rate=0), "a FLAC without a rate"),
    ("talk.opus", opus(48000, 96000, 120312) + opus(48000, 60312, serial=8), "an Ogg of one stream after another"),
    ("talk.opus", opus(48000, 96000, 120312, ends=False), "an Ogg without an end"),
    ("talk.opus", opus(48000, 96000, 120312)[:-1], "an Ogg cut in a page"),
    ("talk.opus", opus(48000, 96000, 120312) + b"OggZ" + bytes(50), "an Ogg with something after it"),
    ("talk.opus", b"OggZ".join(opus(48000, 96000, 120312).rsplit(b"OggS", 1)), "an Ogg with a damaged page"),
    ("talk.opus", opus(480_000_000, 480_048_000), "an Ogg from the middle of a broadcast"),
    ("talk.opus", opus(312), "an Ogg of nothing"),
    ("talk.ogg", ogg_page(b"no codec", 0, BEGINS) + ogg_page(b"x", 48000, ENDS), "an Ogg of no known codec"),
    ("talk.mp3", b"", "an empty file"),
    ("talk.mp3", id3(300), "an MP3 of a tag alone"),
    ("talk.mp3", mp3_frame()[:100], "an MP3 of less than a frame"),
    ("talk.mp3", mp3_frame() * 10 + b"something" + mp3_frame() * 10, "an MP3 with a hole"),
    ("talk.mp3", b"\xff\xfb\x00\xc0" * 200, "an MP3 of a bit rate that it does not say"),
    ("talk.mp3", b"\xff\xfb\xf0\xc0" * 200, "an MP3 of no bit rate"),
    ("talk.mp3", b"\xff\xfb\x9c\xc0" * 200, "an MP3 of no rate of samples"),
    ("talk.mp3", b"\xff\xeb\x90\xc0" * 200, "an MP3 of no version"),
    ("talk.mp3", b"\xff\xfd\x90\xc0" * 200, "an MP3 of another layer"),
    ("talk.mp3", b"ID3\x04", "a tag cut short"),
    ("talk.mp3", b"<html>not found</html>", "a page"),
    ("talk.webm", b"\x1a\x45\xdf\xa3" + bytes(50), "a container that we do not read"),
    ("talk.avi", b"RIFF" + bytes(4) + b"AVI " + bytes(50), "another one"),
    ("talk.txt", flac(44100), "a name that says nothing"),
    *JOINED,
]


@pytest.mark.parametrize(("name", "content"), [pytest.param(n, c, id=what) for n, c, what in GUESSES])
def test_what_would_be_a_guess_is_not_answered(write: Write, name: str, content: bytes) -> None:
    assert duration_seconds(write(name, content)) is None


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000, 80100])
def test_a_wav_whose_size_is_not_that_of_its_samples_is_not_answered(write: Write, tmp_path: Path, size: int) -> None:
    """A program that writes to a pipe cannot go back to fill in the size."""
    content = bytearray(wav(tmp_path, 2.5))
    content[40:44] = struct.pack("<I", size)
    assert duration_seconds(write("talk.wav", bytes(content))) is None


# --- names that say something else -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(CONTENT_TYPES))
@pytest.mark.parametrize("probing", [False, True])
def test_a_file_has_to_be_what_its_name_says(
    write: Write, tmp_path: Path, tools: Path, *, name: str, probing: bool
) -> None:
    """With and without ffprobe, which would read it under any name."""
    if probing:
        install(tools, ANSWERING)
    built = {"mp3": id3(20) + mp3_frame() * 9, "wav": wav(tmp_path, 1), "flac": flac(44100), "ogg": opus(48312),
             "mp4": FTYP + moov() + MDAT, "webm": EBML, "avi": b"RIFF\0\0\0\0AVI ",
             "aac": adts(9)}  # fmt: skip
    for kind, content in built.items():
        path = write(f"talk.{name}", content)
        if kind == container(name):
            duration_seconds(path)
        else:
            with pytest.raises(ImpossibleError, match=rf"talk\.{name} is .* by its content: rename it to talk\.{kind}"):
                duration_seconds(path)


def test_a_tag_in_front_hides_nothing(write: Write) -> None:
    with pytest.raises(ImpossibleError, match="is FLAC by its content"):
        duration_seconds(write("talk.mp3", id3(300) + flac(44100)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_no_damage_gets_out_of_the_readers(write: Write, tmp_path: Path, data: st.DataObject) -> None:
    """A good file with a few changed bytes, or without its end, gives a number or None, never an error."""
    whole = {"wav": wav(tmp_path, 0.02), "flac": flac(44100), "opus": opus(48000, 96312),
             "mp3": id3(20) + mp3_frame(32), "mp4": FTYP + moov() + MDAT}  # fmt: skip
    kind = data.draw(st.sampled_from(sorted(whole)))
    content = bytearray(whole[kind])
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[at] = data.draw(st.integers(0, 255))
    try:
        seconds = duration_seconds(write(f"talk.{kind}", bytes(content[: data.draw(st.integers(0, len(content)))])))
    except ImpossibleError:  # it has become another kind
        return
    assert seconds is None or (math.isfinite(seconds) and seconds > 0)


# --- ffprobe ---------------------------------------------------------------------------------------------------------


def install(tools: Path, script: str) -> None:
    path = tools / "ffprobe"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


# Says 61.25 s, and that the last packet ends there.
ANSWERING = """case "$*" in
    *packet=*) echo 'pts_time=61.200000|dts_time=N/A|duration_time=0.050000';;
    *) echo 'start_time=0.000000|duration=61.250000';;
esac"""


def test_ffprobe_is_asked_where_the_file_itself_does_not_tell(write: Write, tools: Path) -> None:
    install(tools, ANSWERING)
    assert duration_seconds(write("talk.webm", EBML)) == 61.25
    assert duration_seconds(write("talk.mp4", FTYP + moov(box("mvex")) + box("moof") + MDAT)) == 61.25
    assert duration_seconds(write("talk.flac", flac(44100))) == 1
    assert another_way(Path("talk.webm")) == ""


@pytest.mark.parametrize(("name", "content"), [pytest.param(n, c, id=what) for n, c, what in JOINED])
def test_what_is_joined_is_no_question_for_ffprobe(write: Write, tools: Path, name: str, content: bytes) -> None:
    """It would give the duration of the first recording."""
    install(tools, ANSWERING)
    assert duration_seconds(write(name, content)) is None


@pytest.mark.parametrize(
    ("start", "packets", "known"),
    [
        ("0.0", "pts_time=61.2|duration_time=0.05", True),
        ("0.0", "pts_time=60.0|duration_time=N/A", True),
        ("0.0", "pts_time=N/A|dts_time=61.2|duration_time=0.02", True),
        ("0.0", "pts_time=59.0|duration_time=0.02\\npts_time=61.2|duration_time=0.02\\npts_time=1", True),
        ("100.0", "pts_time=161.2|duration_time=0.05", True),
        ("N/A", "pts_time=61.2|duration_time=0.05", True),
        ("0.0", "pts_time=30.12|duration_time=0.02", False),
        ("0.0", "pts_time=90.00|duration_time=0.02", False),
        ("0.0", "pts_time=N/A|dts_time=N/A|duration_time=N/A", False),
        ("0.0", "", False),
    ],
)
def test_ffprobe_is_believed_where_the_last_packet_ends_with_what_it_says(
    write: Write, tools: Path, *, start: str, packets: str, known: bool
) -> None:
    """A download that broke off still has the header of the whole."""
    install(tools, f"case \"$*\" in *packet=*) printf '{packets}';; *) echo 'start_time={start}|duration=61.25';; esac")
    assert duration_seconds(write("talk.webm", EBML)) == (61.25 if known else None)


def test_ffprobe_reads_a_file_as_what_its_name_says_and_no_other_one(
    tools: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it follows no list of other files, and takes no name for an option or an address."""
    path = write("-v.webm", b"ffconcat version 1.0")
    install(tools, f'for each in "$@"; do echo "$each"; done >> {tools}/arguments; {ANSWERING}')
    monkeypatch.chdir(path.parent)
    assert duration_seconds(Path("-v.webm")) == 61.25
    bound = ["-v", "warning", "-protocol_whitelist", "file", "-f", "matroska", "-show_entries"]
    end = ["-of", "compact=print_section=0", "-i", f"file:{path}"]
    packets = "packet=pts_time,dts_time,duration_time"
    assert (tools / "arguments").read_text().splitlines() == [
        *bound, "format=start_time,duration", *end, *bound, packets, "-read_intervals", "51.250000%", *end
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "demuxer"),
    [
        ("a.m4b", "mov"), ("a.mp3", "mp3"), ("a.weba", "matroska"), ("a.oga", "ogg"), ("a.avi", "avi"),
        ("a.aac", "aac"), ("a.wav", "wav"), ("a.flac", "flac"),
    ],
)  # fmt: skip
def test_every_extension_has_its_reader_in_ffprobe(write: Write, tools: Path, name: str, demuxer: str) -> None:
    install(tools, f'echo "$*" >> {tools}/arguments')
    assert duration_seconds(write(name, b"?")) is None
    assert f" -f {demuxer} " in (tools / "arguments").read_text()


NO_ANSWERS = [
    pytest.param("echo duration=N/A", id="does not know"),
    pytest.param("true", id="says nothing"),
    pytest.param("echo start_time=0.0", id="says nothing of length"),
    pytest.param("echo 'duration=-1|pts_time=-1'", id="says less than nothing"),
    pytest.param("echo 'duration=nan|pts_time=nan'", id="says no number"),
    pytest.param("echo 'duration=inf|pts_time=inf'", id="says no end"),
    pytest.param(f"{ANSWERING}; exit 1", id="fails"),
    pytest.param("kill -9 $$", id="is killed"),
    pytest.param("printf '\\377\\376'", id="says what is no text"),
    pytest.param(f"{ANSWERING}; echo '[aac @ 0x1] Estimating duration from bitrate, this may be inaccurate' >&2",
                 id="estimates"),
]  # fmt: skip


@pytest.mark.parametrize("script", NO_ANSWERS)
def test_what_ffprobe_does_not_know_is_not_known(write: Write, tools: Path, script: str) -> None:
    install(tools, script)
    assert duration_seconds(write("talk.aac", adts(100))) is None


def test_another_warning_of_ffprobe_does_not_matter(write: Write, tools: Path) -> None:
    install(tools, f"{ANSWERING}; echo 'Skipping unhandled metadata' >&2")
    assert duration_seconds(write("talk.webm", EBML)) == 61.25


def test_ffprobe_is_told_no_key_and_no_password(write: Write, tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a foreign program that reads foreign files."""
    for name in ("TRANSCRIBE_API_KEY", "DATABASE_URL", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "s3cret")
    install(tools, f'export > "{tools}/told"')
    assert duration_seconds(write("talk.webm", EBML)) is None
    told = (tools / "told").read_text()
    assert str(tools) in told
    assert "s3cret" not in told


def test_an_ffprobe_that_cannot_run_is_none(write: Write, tools: Path) -> None:
    (tools / "ffprobe").write_bytes(b"\x7fELF no program")
    (tools / "ffprobe").chmod(0o755)
    assert duration_seconds(write("talk.webm", EBML)) is None


def test_ffmpeg_is_advised_where_it_is_not_there_and_might_help() -> None:
    assert another_way(Path("talk.webm")) == ", or install ffmpeg so that ffprobe can try"
    assert another_way(Path("talk.aac")) == ""


# --- files that cannot be read ---------------------------------------------------------------------------------------


def test_what_is_no_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    for name in ("missing.mp3", "pipe.mp3", "."):
        with pytest.raises(ImpossibleError, match="is not a file: check the path"):
            duration_seconds(tmp_path / name)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="takes a file of Linux that opens and cannot be read")
def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp3"
    path.symlink_to("/proc/self/mem")
    with pytest.raises(ImpossibleError, match=r"talk\.mp3 cannot be read: "):
        duration_seconds(path)
