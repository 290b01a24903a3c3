"""What docs/deploy.md says to type for KubernetesExecutor: its provider reads our pod, kubectl its secrets."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from docs.pages import ROOT, page
from environments import beside, unavailable

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

TEMPLATE = ROOT / "examples" / "kubernetes" / "pod_template.yaml"
PLACE = "/opt/stemma/pod_template.yaml"
"""Where the image has the pod."""
KEY = "-----BEGIN PRIVATE KEY-----\nof a test\n-----END PRIVATE KEY-----\n"
POD = """
import json
from airflow.executors.executor_loader import ExecutorLoader
from airflow.providers.cncf.kubernetes.kube_config import KubeConfig
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
executor, _ = ExecutorLoader.import_default_executor_cls()
config = KubeConfig()
base = PodGenerator.deserialize_model_file(config.pod_template_file)
pod = PodGenerator.construct_pod(
    dag_id="corpus_ingest__handbook", task_id="stage", map_index=3, run_id="r", try_number=1, pod_id="stage-1",
    kube_image="stemma:latest", args=["airflow", "tasks"], date=None, scheduler_job_id="1", pod_override_object=None,
    base_worker_pod=base, namespace=config.kube_namespace,
)
print(json.dumps([executor.__name__, PodGenerator.serialize_pod(pod)]))
"""


KUBECTL = """#!/bin/sh
echo --- >> {told}
exec {real} "$@" --dry-run=client -o yaml >> {told}
"""
"""A kubectl without a cluster: the real one, which says what it would make."""


@dataclass(frozen=True)
class Seen:
    """What the page's lines led to: the executor, the pod of a task, and the secrets by name."""

    executor: str
    pod: dict[str, Any]
    secrets: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    pytest.importorskip("airflow", reason="apache-airflow is not installed (pip install 'stemma-rag[airflow]')")
    real = shutil.which("kubectl")
    if real is None:
        unavailable("no kubectl", "Install the client of Kubernetes (Debian: apt-get install kubernetes-client).")
    folder = tmp_path_factory.mktemp("kubernetes")
    programs, told = beside(folder / "environment"), folder / "secrets.yaml"
    (programs / "kubectl").write_text(KUBECTL.format(real=real, told=told))
    (programs / "kubectl").chmod(0o755)
    (folder / "constraints.txt").write_bytes((ROOT / "constraints.txt").read_bytes())
    (folder / "stemma-signing.pem").write_text(KEY)
    (folder / "pod.py").write_text(POD)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHONPATH"))}
    path = os.pathsep.join((str(programs), os.environ["PATH"]))
    own = {"PATH": path, "AIRFLOW_HOME": str(folder / "airflow"), "KUBECONFIG": os.devnull, "PIP_NO_COMPILE": "1"}
    [text] = [block.text for block in page("docs/deploy.md").blocks("bash") if "kubectl" in block.text]
    assert PLACE in text
    script = f"{text.replace(PLACE, str(TEMPLATE))}python -W ignore pod.py\n"
    done = subprocess.run(
        ["bash", "-euc", script], cwd=folder, env=kept | own, capture_output=True, text=True, check=False
    )
    if done.returncode and "Successfully installed" not in done.stdout:
        unavailable(f"the provider of Kubernetes cannot be installed: {done.stderr}", "It needs a package index.")
    assert done.returncode == 0, done.stdout + done.stderr
    executor, pod = json.loads(done.stdout.splitlines()[-1])
    secrets = {value["metadata"]["name"]: value for value in yaml.safe_load_all(told.read_text("utf-8")) if value}
    return Seen(executor, pod, secrets)


def test_airflow_starts_a_task_in_our_pod(seen: Seen) -> None:
    assert seen.executor == "KubernetesExecutor"
    assert seen.pod["metadata"]["namespace"] == "stemma"
    [container] = seen.pod["spec"]["containers"]
    assert (container["name"], container["args"]) == ("base", ["airflow", "tasks"])
    [ours] = yaml.safe_load(TEMPLATE.read_text("utf-8"))["spec"]["containers"]
    assert container["resources"] == ours["resources"]
    variables = {item["name"]: item.get("value") for item in container["env"]}
    assert {item["name"]: item["value"] for item in ours["env"]}.items() <= variables.items()


def test_the_image_has_the_pod_where_the_page_says() -> None:
    lines = (TEMPLATE.parent / "Dockerfile").read_text("utf-8").splitlines()
    assert f"WORKDIR {PLACE.rpartition('/')[0]}" in lines
    assert f"COPY examples/kubernetes/{TEMPLATE.name} {PLACE.rpartition('/')[2]}" in lines


def test_the_secrets_are_those_that_the_pod_takes(seen: Seen) -> None:
    [container] = seen.pod["spec"]["containers"]
    taken = {item["secretRef"]["name"] for item in container["envFrom"]}
    volumes = {item["secret"]["secretName"] for item in seen.pod["spec"]["volumes"] if "secret" in item}
    assert set(seen.secrets) == taken | volumes == {"stemma", "stemma-signing"}
    assert {value["metadata"]["namespace"] for value in seen.secrets.values()} == {"stemma"}
    assert set(seen.secrets["stemma"]["data"]) == {"STEMMA_CATALOG_URL", "AIRFLOW__API_AUTH__JWT_SECRET"}
    [(name, kept)] = seen.secrets["stemma-signing"]["data"].items()
    assert base64.b64decode(kept).decode() == KEY
    [first] = seen.pod["spec"]["initContainers"]
    assert f"/secret/{name}" in first["command"]
