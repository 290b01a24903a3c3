"""A document that ends the task which reads it never fails its shard twice, and an innocent one is not blamed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from laws.handbook import NAME, Project, real_texts

from console.web.http.access import Person
from console.web.page import Visit
from console.web.pages import run
from corpus.catalog import decisions, profiles
from corpus.errors import ContractBlocked
from corpus.receipts import Receipt
from corpus.types import Outcome, utc_now
from ingestion import reports, staging, trial
from ingestion.metrics import gather
from ingestion.stages import acquire, admit, assess, relate, settle, stage
from ingestion.suspects import FOLDER, Attempt
from ingestion.trying import Trial

pytestmark = pytest.mark.slow

DEADLY = '''
import os, signal
from pathlib import Path


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


class Deadly:
    """Ends the process that it is inspected for, as the kernel ends a whole container for want of memory."""

    fingerprint = "deadly-1"

    def detect(self, blob, document):
        if "poison" in document.text:
            os.kill(parent_of(os.getppid()), signal.SIGKILL)
            signal.pause()
        if "greed" in document.text:
            taken = bytearray(700_000_000)
            taken[::4096] = b"x" * len(taken[::4096])
        return ()
'''
WORK = """
import json, sys
from pathlib import Path
from corpus.settings import Settings
from ingestion.runtime import open_runtime
from ingestion.stages import assess, stage
folder, run_id, shard, name = sys.argv[1:]
settings = Settings(project=Path(folder), home=folder + "/home", inspect_workers=1)
work = assess.assess if name == "assess" else stage.stage
print(json.dumps(work(open_runtime(settings), "handbook", run_id, shard).to_json()))
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    info = site / "deadly-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: deadly\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[stemma.detectors]\ndeadly = deadly:Deadly\n")
    (site / "deadly.py").write_text(DEADLY)
    return site


@pytest.fixture
def project(tmp_path: Path, plugin: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.syspath_prepend(plugin)
    made = Project.create(tmp_path / "project")
    made.settings = made.settings.model_copy(update={"shard_bytes": 1_000_000})
    text = made.contract_path.read_text().rstrip("\n")
    made.contract_path.write_text(f"{text}\n  - property: ragOrigin\n    value: {{detectors: [deadly]}}\n")
    made.fill(3)
    return made


def attempt(
    project: Project, plugin: Path, run_id: str, shard: str, name: str = "assess"
) -> subprocess.CompletedProcess[str]:
    """Runs one attempt at the shard, as a task does, in a process of its own."""
    path = os.pathsep.join((str(plugin), str(Path(__file__).parents[2])))
    return subprocess.run(
        [sys.executable, "-c", WORK, str(project.folder), run_id, shard, name],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_a_poisoned_document_fails_its_shard_once_and_never_twice(project: Project, plugin: Path) -> None:
    project.write("zz-poisoned", "# Pumps\n\n" + "Some poison stands among ordinary words of a manual. " * 20)
    [shard] = acquire.acquire(project.runtime, NAME, "run-1").outputs
    first = attempt(project, plugin, "run-1", shard)
    assert (first.returncode, first.stdout) == (-signal.SIGKILL, ""), first.stderr
    assert project.runtime.store.names(f"{FOLDER}/{shard}") == ("0",)
    second = attempt(project, plugin, "run-1", shard)
    assert second.returncode == 0, second.stderr
    counts = json.loads(second.stdout)["counts"]
    assert (counts["indexed"], counts["rejected"]) == (3, 1)
    rows = {row["doc_id"]: row for row in staging.read_assessed(project.runtime.store, "run-1", shard)}
    poisoned = rows["zz-poisoned.md"]
    assert poisoned["outcome"] == Outcome.REJECT
    assert "parse.crash" in poisoned["reasons"]
    assert "again when tried apart" in poisoned["reasons"]
    assert project.runtime.store.names(FOLDER) == ()
    shards = relate.relate(project.runtime, NAME, "run-1", [shard]).outputs
    admit.admit(project.runtime, NAME, "run-1", shards)
    staged = [stage.stage(project.runtime, NAME, "run-1", name) for name in shards]
    assert settle.settle(project.runtime, NAME, "run-1", staged).counts.balanced
    again = acquire.acquire(project.runtime, NAME, "run-2")
    assert (again.outputs, again.counts.unchanged) == ((), 4)


def test_a_machine_that_just_died_costs_no_document_its_place(project: Project, plugin: Path) -> None:
    [shard] = acquire.acquire(project.runtime, NAME, "run-1").outputs
    [first, *_] = staging.read_shard(project.runtime.store, "run-1", shard)
    Attempt(project.runtime.store, shard).reading(first.ref.doc_id)  # and then the power went
    done = attempt(project, plugin, "run-1", shard)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["indexed"] == 3


def test_a_trial_in_the_folder_of_a_project_takes_its_contracts_for_no_module(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("zz-poisoned", "# Pumps\n\n" + "Some poison stands among ordinary words of a manual. " * 20)
    [shard] = acquire.acquire(project.runtime, NAME, "run-1").outputs
    monkeypatch.chdir(project.folder)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    tried = Trial(settings=project.settings, contract=NAME, run_id="run-1", shard=shard)
    assert tried(["zz-poisoned.md"], cut=False) == {"zz-poisoned.md"}


def test_a_trial_takes_no_more_memory_than_its_container_has_left(project: Project, tmp_path: Path) -> None:
    limit, used = tmp_path / "memory.max", tmp_path / "memory.current"
    assert trial.left_mb(2048, tmp_path) == 2048
    limit.write_text("max\n")
    used.write_text("500000000\n")
    assert trial.left_mb(2048, tmp_path) == 2048
    limit.write_text("2500000000\n")
    assert trial.left_mb(2048, tmp_path) == 1400
    used.write_text("2400000000\n")
    assert trial.left_mb(2048, tmp_path) == 256


def test_a_document_that_the_container_has_no_memory_for_is_deadly(project: Project, tmp_path: Path) -> None:
    """A real document that takes what it can get; without the container's limit its own limit is enough."""
    project.write("greedy", "# Pumps\n\n" + "Some greed stands among ordinary words of a manual. " * 20)
    [shard] = acquire.acquire(project.runtime, NAME, "run-1").outputs
    (tmp_path / "memory.max").write_text("600000000\n")
    (tmp_path / "memory.current").write_text("100000000\n")
    harmless = staging.read_shard(project.runtime.store, "run-1", shard)[-1].ref.doc_id
    asked = {
        "settings": {**project.settings.model_dump(mode="json"), "inspect_memory_mb": 1024}, "contract": NAME,
        "run_id": "run-1", "shard": shard, "doc_ids": ["greedy.md", harmless], "path": [], "assessed": False,
        "cut": False,
    }  # fmt: skip
    said: list[str] = []
    trial.try_out(asked, said.append, tmp_path)
    assert said == ["at 0", "overran 0", "at 1"]
    said.clear()
    trial.try_out(asked, said.append, tmp_path / "no container")
    assert said == ["at 0", "at 1"]


CUTTER = '''
import os, signal
from ingestion.chunkers.structural import StructuralChunker
from index.embedders.static import StaticEmbedder


class DeadlyChunker(StructuralChunker):
    """Ends its process, as a tokenizer with a defect does, or has a fault."""

    def chunk(self, text, blocks):
        if "guillotine" in text:
            os.kill(os.getpid(), signal.SIGKILL)
        if "blunt" in text:
            raise IndexError("no such piece")
        return super().chunk(text, blocks)


embed = StaticEmbedder.embed


def choking(self, texts):
    if any("choke" in text for text in texts):
        os.kill(os.getpid(), signal.SIGSEGV)
    return embed(self, texts)


StaticEmbedder.embed = choking
'''
OLD = "# Presses\n\n" + "The hydraulic press of hall seven is tested on the first Monday of the month. " * 12
NEW = "---\nsupersedes: old.md\n---\n\n" + OLD.replace("first Monday", "second Tuesday by its guillotine")


@pytest.fixture
def cutter(tmp_path: Path) -> Path:
    """A site in which the contract's chunker, and the model, end their process for some texts."""
    site = tmp_path / "cutter"
    site.mkdir()
    (site / "deadly_cutter.py").write_text(CUTTER)
    (site / "sitecustomize.py").write_text(
        "from ingestion.chunkers.registry import CHUNKERS\n"
        "CHUNKERS.table['structural'] = 'deadly_cutter:DeadlyChunker'\n"
    )
    return site


def made(tmp_path: Path, *names: str) -> Project:
    project = Project.create(tmp_path / "project")
    project.settings = project.settings.model_copy(update={"shard_bytes": 1_000_000})
    project.fill(3)
    project.write("old", OLD)
    project.ingest()
    texts = {"new": NEW, "zz-blunt": real_texts()[3][1] + "\n\nA blunt remark.", "zz-choke": real_texts()[4][1]}
    for name in names:
        project.write(name, texts[name] + ("\n\nWords to choke on." if name == "zz-choke" else ""))
    return project


def up_to_stage(project: Project, run_id: str) -> tuple[str, ...]:
    due = acquire.acquire(project.runtime, NAME, run_id).outputs
    for shard in due:
        assess.assess(project.runtime, NAME, run_id, shard)
    shards = relate.relate(project.runtime, NAME, run_id, due).outputs
    admit.admit(project.runtime, NAME, run_id, shards)
    return shards


def test_what_ends_the_task_that_cuts_or_embeds_is_given_up_and_the_shard_goes_on(tmp_path: Path, cutter: Path) -> None:
    project = made(tmp_path, "new", "zz-blunt", "zz-choke")
    store = project.runtime.store
    shard, taken = up_to_stage(project, "run-2")  # the second holds old.md, which new.md supersedes
    first = attempt(project, cutter, "run-2", shard, "stage")
    assert (first.returncode, first.stdout) == (-signal.SIGKILL, ""), first.stderr
    last = attempt(project, cutter, "run-2", shard, "stage")
    assert last.returncode == 0, last.stderr
    receipt = json.loads(last.stdout)
    assert (receipt["counts"]["rejected"], receipt["figures"]["refused"]) == (3, 3)
    assert attempt(project, cutter, "run-2", shard, "stage").returncode == 0  # delivered again
    staged = [Receipt.from_json(receipt), stage.stage(project.runtime, NAME, "run-2", taken)]
    assert settle.settle(project.runtime, NAME, "run-2", staged).counts.balanced
    assert store.names(FOLDER) == ()
    counted_where_it_ended(project, "run-2", ("new.md", "zz-blunt.md", "zz-choke.md"))
    said = {name: reasons(project, f"{name}.md") for name in ("new", "zz-blunt", "zz-choke")}
    assert {code for code, _ in said.values()} == {"parse.crash"}
    assert "again when tried apart" in said["new"][1]
    assert "again when tried apart" in said["zz-choke"][1]
    assert "DeadlyChunker has a fault: IndexError: no such piece" in said["zz-blunt"][1]
    again = project.ingest()  # nobody takes the place of old.md, so it is back; the others are not tried again
    assert (again.counts.indexed, again.counts.unchanged) == (1, 6)
    assert {name: item.state for name, item in project.states().items()}["old.md"] == "active"


def counted_where_it_ended(project: Project, run_id: str, refused: tuple[str, ...]) -> None:
    """The report, the profile that later runs are compared with, the figures and the page say what settle counted."""
    served = sum(item.state == "active" for item in project.states().values())
    report = reports.read(project.runtime, NAME, run_id)
    assert (report["documents"], report["profile"]["documents"]) == (served, served)
    assert report["verdict"] == "fail"  # old.md is held until the next run
    [readable] = [rule for rule in report["rules"] if rule["name"] == "readable"]
    assert (readable["failing"], readable["verdict"]) == (sorted(refused), "warn")
    assert f"{len(refused)} documents could not be cut or embedded" in report["notices"][0]
    told = gather(project.runtime)["stemma_run_documents"]
    assert next(value for labels, value in told if labels["outcome"] == "rejected") == len(refused)
    with project.runtime.catalog.reading() as tx:
        baseline = profiles.latest(tx, NAME)
    assert baseline is not None
    assert (baseline.run_id, baseline.profile["documents"]) == (run_id, served)
    anna = Person(name="anna", session="", fixed=False)
    shown = run.load(Visit(runtime=project.runtime, person=anna, now=utc_now()), run.Asked(contract=NAME))
    assert shown.run is not None
    assert (shown.run_id, shown.documents, shown.verdict) == (run_id, served, "fail")
    assert {name: shown.run.counts[name] for name in ("indexed", "rejected")} == {"indexed": 0, "rejected": 3}


def test_a_run_that_a_rule_would_have_stopped_is_not_published_when_documents_are_lost_late(
    tmp_path: Path, cutter: Path
) -> None:
    project = made(tmp_path, "zz-choke")
    text = project.contract_path.read_text().replace("mustBeGreaterThan: 0", "mustBeGreaterThan: 4")
    project.contract_path.write_text(text.replace("version: 1.0.0", "version: 1.1.0", 1))
    live = project.reader().manifest.number
    [shard] = up_to_stage(project, "run-2")
    assert attempt(project, cutter, "run-2", shard, "stage").returncode == -signal.SIGSEGV
    staged = [Receipt.from_json(json.loads(attempt(project, cutter, "run-2", shard, "stage").stdout))]
    for _ in range(2):  # a task that is tried again comes to the same
        with pytest.raises(ContractBlocked, match=r"1 documents could not be cut .*zz-choke\.md"):
            settle.settle(project.runtime, NAME, "run-2", staged)
    assert reports.read(project.runtime, NAME, "run-2")["verdict"] == "block"
    assert project.reader().manifest.number == live
    assert acquire.acquire(project.runtime, NAME, "run-3").counts.unchanged == 4  # the lost one is due, and judged


def test_a_new_run_over_the_same_shard_gives_it_up_while_it_reads(tmp_path: Path, cutter: Path) -> None:
    """As from the command line, where a run that died is followed by another one."""
    project = made(tmp_path, "zz-choke")
    [shard] = up_to_stage(project, "run-2")
    assert attempt(project, cutter, "run-2", shard, "stage").returncode == -signal.SIGSEGV
    assert acquire.acquire(project.runtime, NAME, "run-3").outputs == (shard,)
    done = attempt(project, cutter, "run-3", shard, "assess")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["rejected"] == 1


def test_a_machine_that_died_while_it_cut_costs_nobody_a_place(tmp_path: Path, cutter: Path) -> None:
    project = made(tmp_path, "zz-blunt")
    [shard] = up_to_stage(project, "run-2")
    Attempt(project.runtime.store, shard).cutting(["zz-blunt.md"])  # and then the power went
    receipt = stage.stage(project.runtime, NAME, "run-2", shard)
    assert (receipt.counts.indexed, receipt.figures["refused"]) == (1, 0)
    assert project.runtime.store.names(FOLDER) == ()


def reasons(project: Project, doc_id: str) -> tuple[str, str]:
    with project.runtime.catalog.reading() as tx:
        [newest, *_] = decisions.of_document(tx, NAME, doc_id)
    last = newest.reasons[-1]
    return str(last["code"]), str(last["message"])
