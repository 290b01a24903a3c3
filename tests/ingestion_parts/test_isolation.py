"""A document that runs away loses its worker and gets a reason; nobody else notices."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import MappingProxyType

import psutil
import pytest
from ingestion_parts.hostile import install
from ingestion_parts.makers import MARKDOWN, blob_of, docx_of

from corpus.errors import ConfigurationError, ParseError
from corpus.settings import Settings
from corpus.types import EMPTY, RawBlob
from ingestion.inspect import Recipe, inspect
from ingestion.isolation import Limits, Preparation, Workers, close_all, workers_for
from ingestion.sandbox import IDLE_SECONDS, answered, packed, peak_bytes

LIMITS = Limits(seconds=1, memory_mb=512, workers=2)
PATIENT = Limits(seconds=30, memory_mb=512, workers=2)
"""Where another limit than the time is meant to end a document, on a slow machine too."""
HOSTILE = Recipe(detectors=("bad",), parsers={"text/plain": "hostile"})
PLAIN = Recipe(detectors=("declared", "residue"))
TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module", autouse=True)
def plugin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    install(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("HOSTILE_NOTE", str(folder / "note"))
        yield folder
    sys.modules.pop("hostile_plugin", None)


@pytest.fixture
def workers():
    opened = Workers(LIMITS)
    yield opened
    opened.close()
    assert opened.pids == ()


@pytest.fixture
def patient():
    opened = Workers(PATIENT)
    yield opened
    opened.close()
    assert opened.pids == ()


def asking(what: str) -> RawBlob:
    return blob_of(what.encode(), "a.txt")


def reason(workers: Workers, what: str) -> ParseError:
    with pytest.raises(ParseError) as caught:
        workers.inspect(HOSTILE, asking(what))
    return caught.value


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_until_gone(pids, seconds=10.0):
    until = time.monotonic() + seconds
    while any(map(is_running, pids)) and time.monotonic() < until:
        time.sleep(0.02)
    assert [pid for pid in pids if is_running(pid)] == []


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("spin", "timeout"),
        ("backtrack", "timeout"),
        ("sleep", "timeout"),
        ("grow", "memory"),
        ("huge", "memory"),
        ("abort", "crash"),
        ("segfault", "crash"),
        ("leave", "crash"),
        ("system_exit", "crash"),
        ("interrupt", "crash"),
        ("fine poke", "crash"),
        ("connect", "network"),
        ("resolve", "network"),
    ],
)
def test_a_runaway_gets_a_reason_and_the_next_document_its_text(workers, patient, what, code):
    pool = workers if code == "timeout" else patient
    error = reason(pool, what)
    assert error.code == code
    assert str(error)[0].isupper()
    assert str(error).endswith(".")
    assert pool.inspect(HOSTILE, asking("fine")).document.text == "fine"


def test_a_parser_that_unsets_the_timers_is_ended_all_the_same():
    opened = Workers(Limits(seconds=0.05, memory_mb=512, workers=1))
    started = time.monotonic()
    assert reason(opened, "deaf_sleep").code == "timeout"
    assert time.monotonic() - started < 30
    opened.close()


@pytest.mark.parametrize("what", ["c_socket", "child_socket"])
def test_compiled_code_and_child_programs_get_no_socket_either(workers, what):
    assert workers.inspect(HOSTILE, asking(what)).document.text == what


def test_a_parser_lays_no_hand_on_another_process(workers):
    """ptrace, process_vm_readv and process_vm_writev: its parent has the network that it has not."""
    assert workers.inspect(HOSTILE, asking("foreign_memory")).document.text == "foreign_memory"


class Interrupted(BaseException):
    """What a signal's handler raises in the middle of a document."""


def test_an_interrupted_exchange_gives_the_next_document_its_own_text():
    def stop(_signal, _frame):
        raise Interrupted

    opened = Workers(Limits(seconds=5, memory_mb=512, workers=1))
    assert opened.inspect(HOSTILE, asking("fine warm")).document.text == "fine warm"
    (before,) = opened.pids
    old = signal.signal(signal.SIGUSR1, stop)
    try:
        threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        with pytest.raises(Interrupted):
            opened.inspect(HOSTILE, asking("slow first"))
        assert opened.inspect(HOSTILE, asking("fine second")).document.text == "fine second"
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert not is_running(before)
    opened.close()


def test_an_answer_to_another_request_is_no_answer(workers):
    """As after an exchange that broke off in a way nobody foresaw."""
    workers.inspect(HOSTILE, asking("fine first"))
    (worker,) = workers._all
    worker._exchange(packed((99, HOSTILE, asking("fine stray"))), time.monotonic() + 20)
    os.write(worker._process.stdin.fileno(), packed((98, HOSTILE, asking("fine stray"))))
    time.sleep(0.2)
    assert workers.inspect(HOSTILE, asking("fine second")).document.text == "fine second"


def test_a_process_that_ignores_its_children_gets_a_reason_too(workers):
    """Where SIGCHLD is ignored, the kernel reaps workers itself and wait4(2) finds none."""
    old = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert reason(workers, "abort").code in ("crash", "memory")
        assert workers.inspect(HOSTILE, asking("fine")).document.text == "fine"
    finally:
        signal.signal(signal.SIGCHLD, old)


def test_findings_of_default_detail_pass_the_pipe():
    """A sheet that is too large to read is told by such a finding; it must not end as a crash."""
    opened = Workers(Limits(seconds=20, memory_mb=1500, workers=1))
    page = "<style>/*" + "x" * 4_100_000 + "*/</style><p>Our refund policy is simple and clear.</p>"
    found = opened.inspect(Recipe(detectors=("hidden",)), blob_of(page.encode(), "a.html"))
    assert [finding.code for finding in found.findings] == ["visibility.unchecked"]
    assert "characters" in found.findings[0].quote
    opened.close()


@pytest.mark.parametrize("value", [EMPTY, MappingProxyType({"a": MappingProxyType({"b": 1})})])
def test_read_only_mappings_pass_the_pipe_and_stay_read_only(value):
    again = answered(packed(value))
    assert (again, type(again)) == (value, MappingProxyType)


def test_path_objects_on_the_import_path_are_no_hindrance(workers, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, tmp_path])
    assert workers.inspect(HOSTILE, asking("fine")).document.text == "fine"


@pytest.mark.parametrize(("system", "factor"), [("linux", 1024), ("darwin", 1)])
def test_peak_memory_is_counted_in_the_unit_of_the_system(monkeypatch, system, factor):
    usage = resource.getrusage(resource.RUSAGE_SELF)
    monkeypatch.setattr(sys, "platform", system)
    assert peak_bytes(usage) == usage.ru_maxrss * factor


def test_files_that_a_parser_writes_have_an_end(patient):
    assert reason(patient, "fill").code in ("unparseable", "crash")


def test_what_a_parser_prints_is_no_answer(workers):
    assert workers.inspect(HOSTILE, asking("chatter")).document.text == "chatter"
    assert workers.inspect(HOSTILE, asking("fine")).document.text == "fine"


def test_what_a_parser_started_dies_with_its_worker(workers, plugin):
    assert reason(workers, "orphan").code == "crash"
    wait_until_gone([int((plugin / "note").read_text())])


def test_no_core_file_is_left(workers):
    assert str(reason(workers, "core")) == "(0, 0)"


def test_a_worker_loads_nothing_that_inspecting_needs_not(workers):
    loaded = set(str(reason(workers, "modules")).split())
    assert "ingestion.inspect" in loaded
    heavy = {"torch", "airflow", "great_expectations", "sqlalchemy", "pandas", "transformers", "faiss", "unstructured"}
    assert loaded & heavy == set()


def test_what_one_document_leaves_behind_does_not_decide_about_the_next(workers):
    """Six documents leave 150 MB each in their worker, which may have 512."""
    for _ in range(6):
        assert workers.inspect(HOSTILE, asking("keep")).document.text == "keep"


def test_an_idle_worker_that_was_killed_is_replaced(workers):
    workers.inspect(HOSTILE, asking("fine"))
    (old,) = workers.pids
    os.kill(old, signal.SIGKILL)
    assert workers.inspect(HOSTILE, asking("fine")).document.text == "fine"
    assert workers.pids != (old,)


def test_workers_are_forked_from_one_process_and_outlive_its_end(workers):
    recipe = Recipe(detectors=(), parsers={"text/plain": "hostile"})
    workers.prepare(40, 1_000_000)
    work = lambda number: workers.inspect(recipe, asking(f"fine {number}")).document.text  # noqa: E731
    assert list(workers.map(work, range(40), size=lambda _: 10_000)) == [f"fine {number}" for number in range(40)]
    (cradle,) = workers._cradles
    assert {psutil.Process(pid).ppid() for pid in workers.pids} == {cradle.pid}
    before = workers.pids
    os.kill(cradle.pid, signal.SIGKILL)
    wait_until_gone([*before, cradle.pid])
    assert list(workers.map(work, range(40), size=lambda _: 10_000)) == [f"fine {number}" for number in range(40)]
    assert not set(before) & set(workers.pids)


def test_a_worker_made_ready_too_early_is_no_reason_to_refuse_a_document(workers):
    """It ends by itself after a while without work; that it had not served yet says nothing of the document."""
    workers.prepare(1, 100)
    until = time.monotonic() + 60
    while not workers.pids and time.monotonic() < until:
        time.sleep(0.05)
    (early,) = workers.pids
    wait_until_gone([early], IDLE_SECONDS + 20)
    assert workers.inspect(HOSTILE, asking("fine")).document.text == "fine"


def test_nothing_is_started_twice_for_what_is_expected(tmp_path):
    settings = Settings(project=tmp_path, inspect_workers=2, inspect_memory_mb=512)
    expected = Preparation(settings)
    for _ in range(40):
        expected.expect(100)
    with workers_for(settings) as opened:
        assert opened.inspect(HOSTILE, asking("fine")).document.text == "fine"
        assert len(opened.pids) <= 2 + 1  # this thread's own beside those of the pool
    close_all()


def test_warm_workers_are_used_again(workers):
    first, second = (str(reason(workers, "process")) for _ in range(2))
    assert first == second
    assert int(first.split()[0]) != os.getpid()


def test_results_are_in_order_and_nothing_is_lost(workers):
    words = ["spin" if number % 17 == 5 else "abort" if number % 17 == 9 else "fine" for number in range(60)]

    def work(number: int) -> str:
        try:
            return workers.inspect(HOSTILE, asking(f"{words[number]} {number}")).document.text
        except ParseError as error:
            return error.code

    answers = list(workers.map(work, range(60), size=lambda _: 100))
    codes = {"spin": "timeout", "abort": "crash"}
    assert answers == [codes.get(word, f"fine {number}") for number, word in enumerate(words)]
    assert len(workers.pids) <= LIMITS.workers


def test_few_small_documents_start_one_worker_and_none_start_none(workers):
    assert list(workers.map(lambda _: None, [], size=lambda _: 0)) == []
    assert workers.pids == ()
    work = lambda number: workers.inspect(HOSTILE, asking("fine"))  # noqa: E731
    assert len(list(workers.map(work, range(5), size=lambda _: 100))) == 5
    assert len(workers.pids) == 1


def test_what_is_misconfigured_stops_the_run(workers):
    with pytest.raises(ConfigurationError, match="Did you mean 'declared'"):
        workers.inspect(Recipe(detectors=("declare",)), blob_of(MARKDOWN, "a.md"))
    with pytest.raises(ConfigurationError, match="declare"):
        list(
            workers.map(
                lambda _: workers.inspect(Recipe(detectors=("declare",)), blob_of(MARKDOWN, "a.md")),
                range(40),
                size=lambda _: 1,
            )
        )


def test_a_worker_that_cannot_start_says_so(monkeypatch, tmp_path):
    (tmp_path / "ingestion").mkdir()
    (tmp_path / "ingestion" / "__init__.py").write_text("raise RuntimeError('not the real one')")
    monkeypatch.syspath_prepend(tmp_path)
    opened = Workers(LIMITS)
    with pytest.raises(ConfigurationError, match="cannot start"):
        opened.inspect(PLAIN, blob_of(MARKDOWN, "a.md"))
    opened.close()


@pytest.mark.parametrize(("data", "path"), [(MARKDOWN, "a.md"), (docx_of(), "a.docx"), (b"<p>one</p>", "a.html")])
def test_a_worker_finds_what_this_process_would(data, path):
    opened = Workers(Limits(seconds=60, memory_mb=2048, workers=1))
    assert opened.inspect(PLAIN, blob_of(data, path)) == inspect(PLAIN, blob_of(data, path))
    opened.close()


def test_large_documents_pass_both_ways():
    opened = Workers(Limits(seconds=120, memory_mb=4096, workers=1))
    text = ("A line of a large document, which has very many of them.\n" * 100_000).encode()
    assert opened.inspect(Recipe(detectors=()), blob_of(text, "a.txt")).document.text == text.decode()
    opened.close()


def test_workers_stay_warm_from_shard_to_shard(tmp_path):
    settings = Settings(project=tmp_path, inspect_workers=1, inspect_memory_mb=512)
    for _ in range(2):
        with workers_for(settings) as opened:
            opened.inspect(HOSTILE, asking("fine"))
            pids = opened.pids
    with workers_for(settings) as opened:
        assert opened.pids == pids
    close_all()
    wait_until_gone(pids)
    with workers_for(settings) as opened:
        assert opened.inspect(HOSTILE, asking("fine")).document.text == "fine"
    close_all()


def test_a_new_place_for_plug_ins_reaches_a_warm_worker(workers, tmp_path, monkeypatch):
    workers.inspect(PLAIN, blob_of(MARKDOWN, "a.md"))
    other = tmp_path / "other"
    other.mkdir()
    (other / "late_plugin.py").write_text("from hostile_plugin import Hostile\nclass Late(Hostile):\n    pass\n")
    info = other / "late-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: late\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[stemma.parsers]\nlate = late_plugin:Late\n")
    monkeypatch.syspath_prepend(other)
    recipe = Recipe(detectors=(), parsers={"text/plain": "late"})
    assert workers.inspect(recipe, asking("fine")).document.text == "fine"


PROGRAM = """
import sys, time
sys.path[:0] = {path!r}
from ingestion_parts.test_isolation import HOSTILE, LIMITS, asking
from ingestion.isolation import Limits, Workers

def main():
    workers = Workers(Limits(seconds=600, memory_mb=512, workers=2))
    def work(number):
        if number > 3:
            sys.stdout.write(" ".join(map(str, workers.pids)) + "\\n")  # one write: two threads say it
            sys.stdout.flush()
            return workers.inspect(HOSTILE, asking("{what}"))
        return workers.inspect(HOSTILE, asking("fine"))
    list(workers.map(work, range(40), size=lambda _: 1000))

if __name__ == "__main__":
    main()
"""


@pytest.fixture
def running(plugin):
    """Starts a process that inspects; gives it and the ids of its workers once they are busy."""
    started = []

    def start(what: str):
        path = [str(plugin), str(TESTS.parent), str(TESTS)]
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(path=path, what=what)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        started.append(process)
        lines = [process.stdout.readline(), process.stdout.readline()]
        time.sleep(0.3)
        return process, {int(word) for line in lines for word in line.split()}

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("what", ["spin", "backtrack", "sleep"])
def test_workers_die_with_a_killed_parent(running, what):
    process, pids = running(what)
    assert len(pids) == 2
    process.kill()
    process.wait()
    wait_until_gone(pids)


def test_an_interrupt_ends_the_workers_and_the_run(running):
    process, pids = running("spin")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) != 0
    wait_until_gone(pids)


def _in_child(queue) -> None:
    opened = Workers(LIMITS)
    queue.put(opened.inspect(HOSTILE, asking("fine")).document.text)
    opened.close()


def test_a_daemonic_process_may_have_workers():
    spawn = multiprocessing.get_context("spawn")
    queue = spawn.Queue()
    process = spawn.Process(target=_in_child, args=(queue,), daemon=True)
    process.start()
    assert queue.get(timeout=60) == "fine"
    process.join(20)
    queue.close()
    assert process.exitcode == 0


def test_a_forked_process_has_workers_of_its_own(tmp_path):
    """As a task of Airflow is: forked from a parent that may have some."""
    code = f"""
import os, sys
sys.path[:0] = {[p for p in sys.path if p]!r}
from pathlib import Path
from ingestion_parts.makers import MARKDOWN, blob_of
from ingestion_parts.test_isolation import PLAIN
from corpus.settings import Settings
from ingestion.isolation import workers_for

settings = Settings(project=Path({str(tmp_path)!r}))
def once():
    with workers_for(settings) as workers:
        return workers.inspect(PLAIN, blob_of(MARKDOWN, "a.md")).document.title, workers.pids
title, pids = once()
child = os.fork()
if child == 0:
    again, others = once()
    os._exit(0 if again == title and not set(pids) & set(others) else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert once() == (title, pids)
print("done")
"""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout.strip() == "done", ran.stderr
