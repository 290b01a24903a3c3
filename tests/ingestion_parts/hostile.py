"""A parser and a detector that misbehave as a document's text tells them to; tests install them as plug-ins."""

from __future__ import annotations

PARSER = r"""
import ctypes, os, re, resource, signal, socket, subprocess, sys, time

from corpus.errors import ParseError
from corpus.types import ParsedDocument

KEPT = []


def spin():
    while True:
        pass


def backtrack():
    re.match(r"(a|a)+$", "a" * 60 + "b")


def sleep():
    time.sleep(600)


def deaf_sleep():
    for name in (signal.SIGALRM, signal.SIGPROF, signal.SIGTERM, signal.SIGINT):
        signal.signal(name, signal.SIG_IGN)
    time.sleep(600)


def grow():
    while True:
        KEPT.append(bytearray(10_000_000))


def huge():
    bytearray(1 << 40)


def keep():
    KEPT.append(bytearray(b"x") * 150_000_000)


def fill():
    with open("/dev/shm/stemma-test-%d" % os.getpid(), "wb") as out:
        os.unlink(out.name)
        while True:
            out.write(bytes(10_000_000))


def abort():
    os.abort()


def segfault():
    ctypes.string_at(0)


def leave():
    os._exit(0)


def system_exit():
    raise SystemExit(0)


def interrupt():
    raise KeyboardInterrupt


def chatter():
    print("x" * 100_000)
    os.write(1, b"not an answer")
    os.close(0)


def connect():
    socket.create_connection(("127.0.0.1", 9))


def resolve():
    socket.getaddrinfo("example.invalid", 80)


def c_socket():
    if ctypes.CDLL(None).socket(socket.AF_INET, socket.SOCK_STREAM, 0) >= 0:
        raise ParseError("a socket was given", "leak")


def child_socket():
    code = "import socket; socket.socket()"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True)
    if ran.returncode == 0:
        raise ParseError("a socket was given", "leak")


def orphan():
    child = subprocess.Popen(["sleep", "600"])
    with open(os.environ["HOSTILE_NOTE"], "w") as out:
        out.write(str(child.pid))
    os.abort()


def modules():
    raise ParseError(" ".join(sys.modules), "modules")


def core():
    raise ParseError(str(resource.getrlimit(resource.RLIMIT_CORE)), "core")


def process():
    raise ParseError("%d %d" % (os.getpid(), len(KEPT)), "process")


def slow():
    time.sleep(0.5)


def foreign_memory():
    calls = {"x86_64": (101, 310, 311), "aarch64": (117, 270, 271)}[os.uname().machine]
    for call in calls:
        ctypes.set_errno(0)
        LIBC.syscall(call, 16, os.getppid(), 0, 0, 0, 0)
        if ctypes.get_errno() != 13:
            raise ParseError("%d was not refused but said %d" % (call, ctypes.get_errno()), "leak")


LIBC = ctypes.CDLL(None, use_errno=True)


def fine():
    pass


class Hostile:
    fingerprint = "hostile"

    def parse(self, blob, media_type):
        text = blob.data.decode()
        globals()[text.split()[0]]()
        return ParsedDocument(text=text, blocks=(), title="", media_type=media_type, metadata={}, parser="hostile")


class BadDetector:
    fingerprint = "bad"

    def detect(self, blob, document):
        if "poke" in document.text:
            raise ZeroDivisionError("the detector's own fault")
        return ()
"""
ENTRY_POINTS = """[stemma.parsers]
hostile = hostile_plugin:Hostile

[stemma.detectors]
bad = hostile_plugin:BadDetector
"""


def install(folder):
    """Writes the plug-in and its entry points into a folder that then goes on the path."""
    info = folder / "hostile_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (folder / "hostile_plugin.py").write_text(PARSER)
