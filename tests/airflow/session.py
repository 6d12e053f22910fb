"""Drives a server by the published client of Airflow's REST API 2.10, from the first dag to the last error.

Called as `session.py URL USERNAME PASSWORD COMPONENT OUT`. What it expects, it asserts; which operations of the API it called and
had answered is written to OUT as JSON, by operation id.
"""

import json
import sys
import time
import urllib.request
from base64 import b64encode
from datetime import datetime, timedelta, timezone

import airflow_client.client as client
from airflow_client.client import ApiException
from airflow_client.client.api import (
    config_api,
    connection_api,
    dag_api,
    dag_run_api,
    dag_stats_api,
    dag_warning_api,
    dataset_api,
    event_log_api,
    import_error_api,
    monitoring_api,
    permission_api,
    plugin_api,
    pool_api,
    provider_api,
    role_api,
    task_instance_api,
    user_api,
    variable_api,
    x_com_api,
)
from airflow_client.client.model.clear_dag_run import ClearDagRun
from airflow_client.client.model.clear_task_instances import ClearTaskInstances
from airflow_client.client.model.connection import Connection
from airflow_client.client.model.create_dataset_event import CreateDatasetEvent
from airflow_client.client.model.dag import DAG
from airflow_client.client.model.dag_run import DAGRun
from airflow_client.client.model.list_dag_runs_form import ListDagRunsForm
from airflow_client.client.model.list_task_instance_form import ListTaskInstanceForm
from airflow_client.client.model.pool import Pool
from airflow_client.client.model.set_dag_run_note import SetDagRunNote
from airflow_client.client.model.set_task_instance_note import SetTaskInstanceNote
from airflow_client.client.model.task_state import TaskState
from airflow_client.client.model.update_dag_run_state import UpdateDagRunState
from airflow_client.client.model.update_task_instance import UpdateTaskInstance
from airflow_client.client.model.update_task_instances_state import UpdateTaskInstancesState
from airflow_client.client.model.update_task_state import UpdateTaskState
from airflow_client.client.model.user import User
from airflow_client.client.model.user_collection_item_roles import UserCollectionItemRoles
from airflow_client.client.model.variable import Variable

URL, USERNAME, PASSWORD, COMPONENT, OUT = sys.argv[1:]
PATIENCE_S = 60

answered: dict[str, int] = {}
endpoints: dict[tuple[str, str], str] = {}


class Recorder(client.ApiClient):
    """Notes every operation that was answered with a success."""

    def call_api(self, resource_path, method, *args, **kwargs):
        answer = super().call_api(resource_path, method, *args, **kwargs)
        name = endpoints[(method, resource_path)]
        answered[name] = answered.get(name, 0) + 1
        return answer


api = Recorder(client.Configuration(host=f"{URL}/api/v1", username=USERNAME, password=PASSWORD))


def part(module, name):
    """An API of the client; its operations are noted by their names."""
    made = getattr(module, name)(api)
    for attribute in vars(made).values():
        settings = getattr(attribute, "settings", None)
        if settings:
            endpoints[(settings["http_method"], settings["endpoint_path"])] = settings["operation_id"]
    return made


configs = part(config_api, "ConfigApi")
connections = part(connection_api, "ConnectionApi")
datasets = part(dataset_api, "DatasetApi")
dags = part(dag_api, "DAGApi")
runs = part(dag_run_api, "DAGRunApi")
stats = part(dag_stats_api, "DagStatsApi")
warnings = part(dag_warning_api, "DagWarningApi")
logs = part(event_log_api, "EventLogApi")
import_errors = part(import_error_api, "ImportErrorApi")
monitoring = part(monitoring_api, "MonitoringApi")
permissions = part(permission_api, "PermissionApi")
plugins = part(plugin_api, "PluginApi")
pools = part(pool_api, "PoolApi")
providers = part(provider_api, "ProviderApi")
roles = part(role_api, "RoleApi")
tasks = part(task_instance_api, "TaskInstanceApi")
users = part(user_api, "UserApi")
variables = part(variable_api, "VariableApi")
xcoms = part(x_com_api, "XComApi")


def refused(status, call, *args, **kwargs):
    """The problem document of a call that is refused with this status."""
    try:
        call(*args, **kwargs)
    except ApiException as error:
        assert error.status == status, (error.status, error.body)
        problem = json.loads(error.body)
        assert {"type", "title", "status", "detail"} <= problem.keys(), problem
        assert problem["status"] == status, problem
        return problem
    raise AssertionError(f"{call} was not refused")


def until(what, look):
    """Waits until `look` finds something."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"it never came to this: {what}")


def apply(definition):
    """Applies a dag, which Airflow's API has no operation for."""
    request = urllib.request.Request(f"{URL}/api/v1/dags", data=json.dumps(definition).encode(), method="POST")
    request.add_header("Content-Type", "application/json")
    request.add_header("Authorization", "Basic " + b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode())
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201, answer.status


def finished(dag_id, run_id):
    return until(
        f"{run_id} to end",
        lambda: (run := runs.get_dag_run(dag_id, run_id)).state.value in ("success", "failed") and run,
    )


def states(dag_id, run_id):
    listed = tasks.get_task_instances(dag_id, run_id)
    assert listed.total_entries == len(listed.task_instances)
    return {instance.task_id: instance.state.value for instance in listed.task_instances}


# --- Health, version, configuration.
health = until("a scheduler to be at work", lambda: (found := monitoring.get_health()).scheduler.status.value == "healthy" and found)
assert health.metadatabase.status.value == "healthy"
assert datetime.now(timezone.utc) - datetime.fromisoformat(health.scheduler.latest_scheduler_heartbeat) < timedelta(seconds=60)
assert monitoring.get_version().version
assert "maximum_page_limit" in [option.key for section in configs.get_config().sections for option in section.options]
assert configs.get_value("api", "maximum_page_limit").sections[0].options[0].value == "1000"
refused(404, configs.get_value, "api", "secret_key")
assert [section.name for section in configs.get_config(section="api").sections] == ["api"]
assert plugins.get_plugins().total_entries == 0
assert COMPONENT in [provider["package_name"] for provider in providers.get_providers()["providers"]]

# --- Dags: applied, listed, filtered, paged.
task = {"component": COMPONENT}
apply(
    {
        "dag_id": "etl",
        "description": "Extract and load",
        "tags": ["nightly", "sales"],
        "owners": ["ada"],
        "schedule": "0 6 * * *",
        "params": {"year": 2000},
        "tasks": [
            {"task_id": "extract", **task, "input": {"do": "echo", "say": "reading", "value": {"$conf": "/year"}}},
            {
                "task_id": "load",
                **task,
                "input": {"do": "echo", "value": {"$from": "extract"}},
                "retries": 1,
                "priority": 7,
                "weight_rule": "upstream",
                "wait_for_downstream": True,
            },
        ],
    }
)
apply(
    {
        "dag_id": "breaks",
        "tags": ["nightly"],
        "tasks": [
            {"task_id": "bad", **task, "input": {"do": "fatal", "message": "no such station"}},
            {"task_id": "after", **task, "input": {"do": "echo", "value": 1}, "depends_on": ["bad"]},
        ],
    }
)
listed = dags.get_dags(tags=["nightly"], only_active=True, paused=False, order_by="-dag_id", limit=1)
assert (listed.total_entries, [dag.dag_id for dag in listed.dags]) == (2, ["etl"]), listed
assert [dag.dag_id for dag in dags.get_dags(tags=["nightly"], offset=1).dags] == ["etl"]
assert [dag.dag_id for dag in dags.get_dags(dag_id_pattern="BREAK").dags] == ["breaks"]
assert [dag.dag_id for dag in dags.get_dags(dag_id_pattern="%break%").dags] == ["breaks"]
assert dags.get_dags(tags=["sales", "nightly"], fields=["dag_id"]).dags[0].to_dict() == {"dag_id": "etl"}
etl = dags.get_dag("etl")
assert ([tag.name for tag in etl.tags], etl.owners, etl.is_paused, etl.is_active) == (["nightly", "sales"], ["ada"], False, True)
assert etl.schedule_interval.value == "0 6 * * *"
assert (etl.max_active_tasks, etl.last_expired, etl.pickle_id, etl.root_dag_id, etl.scheduler_lock) == (None, None, None, None, None)
assert dags.get_dag("breaks").schedule_interval is None
assert etl.next_dagrun_create_after > datetime.now(timezone.utc)
details = dags.get_dag_details("etl")
assert (details.timezone, details.catchup, details.params["year"]) == ("UTC", False, 2000)
assert (details.concurrency, details.dag_run_timeout, details.dataset_expression, details.orientation) == (None, None, None, None)
assert details.last_parsed is not None and not details.render_template_as_native_obj
assert [one.task_id for one in dags.get_tasks("etl", order_by="-task_id").tasks] == ["load", "extract"]
extract = dags.get_task("etl", "extract")
assert (extract.downstream_task_ids, extract.trigger_rule.value, extract.pool) == (["load"], "all_success", "default_pool")
assert (extract.weight_rule.value, extract.depends_on_past, extract.wait_for_downstream) == ("absolute", False, False)
load = dags.get_task("etl", "load")
assert (load.weight_rule.value, load.priority_weight, load.depends_on_past, load.wait_for_downstream) == ("upstream", 7.0, True, True)
assert [one.task_id for one in dags.get_tasks("etl", order_by="-retries").tasks] == ["load", "extract"]
assert [one.task_id for one in dags.get_tasks("etl", order_by="priority_weight").tasks] == ["extract", "load"]
refused(400, dags.get_tasks, "etl", order_by="colour")
assert json.loads(dags.get_dag_source(etl.file_token).content)["dag_id"] == "etl"
assert dags.patch_dag("etl", DAG(is_paused=True)).is_paused
assert dags.get_dags(paused=True).total_entries == 1
assert not dags.patch_dag("etl", DAG(is_paused=False), update_mask=["is_paused"]).is_paused
assert {dag.is_paused for dag in dags.patch_dags(dag_id_pattern="~", dag=DAG(is_paused=False)).dags} == {False}
assert warnings.get_dag_warnings(dag_id="etl", order_by="-timestamp", limit=5).total_entries == 0
refused(404, dags.get_dag, "nothing")
refused(404, dags.get_task, "etl", "nothing")
refused(400, dags.get_dags, order_by="colour")

# The test has synced a bundle with a broken file.
broken = import_errors.get_import_errors(order_by="-import_error_id")
assert (broken.total_entries, broken.import_errors[0].filename) == (1, "broken.yaml")
assert [one.filename for one in import_errors.get_import_errors(order_by="filename").import_errors] == ["broken.yaml"]
assert "broken.yaml:2:1: error[unknown_field]" in broken.import_errors[0].stack_trace
assert import_errors.get_import_error(broken.import_errors[0].import_error_id).filename == "broken.yaml"
refused(404, import_errors.get_import_error, 987654)

# --- Runs: triggered, waited for, listed, noted.
run = runs.post_dag_run("etl", DAGRun(dag_run_id="first", conf={"year": 2026}, note="by hand"))
assert (run.dag_run_id, run.conf["year"], run.note, run.run_type, run.external_trigger) == ("first", 2026, "by hand", "manual", True)
assert refused(409, runs.post_dag_run, "etl", DAGRun(dag_run_id="first"))["detail"]
assert finished("etl", "first").state.value == "success"
assert states("etl", "first") == {"extract": "success", "load": "success"}
assert runs.set_dag_run_note("etl", "first", SetDagRunNote(note="looked at")).note == "looked at"
second = runs.post_dag_run("etl", DAGRun(dag_run_id="second"))
finished("etl", "second")
listed = runs.get_dag_runs("etl", order_by="-start_date", state=["success"], limit=1)
assert (listed.total_entries, listed.dag_runs[0].dag_run_id) == (2, "second")
now = datetime.now(timezone.utc)
assert runs.get_dag_runs("~", execution_date_gte=now - timedelta(hours=1), end_date_lte=now).total_entries == 2
assert runs.get_dag_runs("etl", start_date_gte=now + timedelta(hours=1)).total_entries == 0
form = ListDagRunsForm(dag_ids=["etl"], states=["success"], order_by="dag_run_id", page_limit=1, page_offset=1)
batch = runs.get_dag_runs_batch(form)
assert (batch.total_entries, batch.dag_runs[0].dag_run_id) == (2, "second")
counts = {entry.state: entry.count for entry in stats.get_dag_stats("etl").dags[0].stats}
assert counts == {"queued": 0, "running": 0, "success": 2, "failed": 0}
assert [one.dag_run_id for one in runs.get_dag_runs("etl", order_by="-id").dag_runs] == ["second", "first"]
assert [one.dag_run_id for one in runs.get_dag_runs("etl", order_by="updated_at").dag_runs] == ["first", "second"]
assert runs.get_dag_runs("~", order_by="-state").total_entries == 2
start, end = now - timedelta(days=2), now - timedelta(days=1)
covers = runs.post_dag_run("etl", DAGRun(dag_run_id="covers", data_interval_start=start, data_interval_end=end))
assert (covers.data_interval_start, covers.data_interval_end) == (start, end)
refused(422, runs.post_dag_run, "etl", DAGRun(dag_run_id="half", data_interval_start=start))
refused(422, runs.post_dag_run, "etl", DAGRun(dag_run_id="back", data_interval_start=end, data_interval_end=start))
finished("etl", "covers")
runs.delete_dag_run("etl", "covers")
refused(404, runs.get_dag_run, "etl", "nothing")
refused(422, runs.post_dag_run, "etl", DAGRun(dag_run_id="a b"))

# --- Task instances, tries, logs, XComs.
instance = tasks.get_task_instance("etl", "first", "extract")
assert (instance.state.value, instance.try_number, instance.map_index, instance.operator) == ("success", 1, -1, COMPONENT)
assert (instance.pid, instance.executor, instance.rendered_map_index, instance.sla_miss, instance.trigger) == (None,) * 5
assert (instance.unixname, instance.executor_config, instance.rendered_fields) == ("", "{}", {})
assert tasks.get_mapped_task_instance("etl", "first", "extract", -1).task_id == "extract"
assert tasks.get_mapped_task_instances("etl", "first", "extract").total_entries == 1
assert tasks.get_task_instance_tries("etl", "first", "extract").task_instances[0].state.value == "success"
assert tasks.get_task_instance_try_details("etl", "first", "extract", 1).try_number == 1
assert tasks.get_mapped_task_instance_tries("etl", "first", "extract", -1, order_by="-try_number").total_entries == 1
assert tasks.get_mapped_task_instance_try_details("etl", "first", "extract", -1, 1).hostname
refused(404, tasks.get_task_instance_try_details, "etl", "first", "extract", 7)
assert tasks.get_extra_links("etl", "first", "extract").extra_links == []
stands = tasks.get_task_instance_dependencies("etl", "first", "extract").dependencies
assert "success" in stands[0].reason
assert len(tasks.get_mapped_task_instance_dependencies("etl", "first", "extract", -1).dependencies) == 1
assert tasks.get_task_instances("~", "~", state=["success"], pool=["default_pool"], limit=3).total_entries == 4
form = ListTaskInstanceForm(dag_ids=["etl"], task_ids=["load"], state=[TaskState("success")])
assert tasks.get_task_instances_batch(form).total_entries == 2
log = until(
    "the log to be there",
    lambda: "reading" in (log := tasks.get_log("etl", "first", "extract", 1, full_content=True)).content and log,
)
more = tasks.get_log("etl", "first", "extract", 1, token=log.continuation_token)
assert "reading" not in more.content
assert [entry.key for entry in xcoms.get_xcom_entries("etl", "first", "extract").xcom_entries] == ["return_value"]
left = xcoms.get_xcom_entries("~", "~", "~")
assert [(one.task_id, one.dag_id) for one in left.xcom_entries] == [("extract", "etl")] * 2 + [("load", "etl")] * 2
assert xcoms.get_xcom_entries("etl", "~", "load", xcom_key="return_value", map_index=-1, limit=1).total_entries == 2
assert xcoms.get_xcom_entries("~", "first", "~", map_index=0).total_entries == 0
refused(404, xcoms.get_xcom_entries, "nothing", "~", "~")
assert xcoms.get_xcom_entries("etl", "first", "extract", xcom_key="other").total_entries == 0
assert xcoms.get_xcom_entry("etl", "first", "load", "return_value").value == "2026"
assert xcoms.get_xcom_entry("etl", "first", "load", "return_value", stringify=True).value == "2026"
assert xcoms.get_xcom_entry("etl", "first", "load", "return_value", stringify=False).value == 2026
refused(404, xcoms.get_xcom_entry, "etl", "first", "extract", "other")
noted = tasks.set_task_instance_note("etl", "first", "extract", SetTaskInstanceNote(note="slow"))
assert noted.note == "slow"
assert tasks.set_mapped_task_instance_note("etl", "first", "extract", -1, SetTaskInstanceNote(note="")).note is None

# --- Mapped tasks, in every order; what is in the way of tasks; what tasks with run_dag lead to.
pools.post_pool(Pool(name="closed", slots=0))
apply(
    {
        "dag_id": "maps",
        "max_active_tasks": 2,
        "tasks": [
            {"task_id": "each", **task, "input": {"do": "echo"}, "expand": {"over": {"value": [3, {"rows": 1}]}}},
            {"task_id": "child", "run_dag": {"dag_id": "etl"}},
            {"task_id": "stuck", **task, "input": {"do": "echo", "value": 1}, "pool": "closed", "queue": "nobody"},
            {"task_id": "behind", **task, "input": {"do": "echo", "value": 1}, "depends_on": ["stuck"]},
        ],
    }
)
runs.post_dag_run("maps", DAGRun(dag_run_id="mapped"))
until("the mapped task to end", lambda: [one.state.value for one in tasks.get_mapped_task_instances("maps", "mapped", "each").task_instances] == ["success"] * 2)
until("the run of the other dag to end", lambda: tasks.get_task_instance("maps", "mapped", "child").state.value == "success")
for field in ["state", "duration", "start_date", "end_date", "map_index"]:
    for order in [field, f"-{field}"]:
        assert tasks.get_mapped_task_instances("maps", "mapped", "each", order_by=order).total_entries == 2
listed = tasks.get_mapped_task_instances("maps", "mapped", "each", order_by="-map_index", limit=1)
assert (listed.total_entries, [one.map_index for one in listed.task_instances]) == (2, [1])
refused(400, tasks.get_mapped_task_instances, "maps", "mapped", "each", order_by="colour")
assert xcoms.get_xcom_entries("maps", "mapped", "each", map_index=1).total_entries == 1
assert xcoms.get_xcom_entry("maps", "mapped", "each", "return_value", map_index=1).value == "{'rows': 1}"
stands = tasks.get_task_instance_dependencies("maps", "mapped", "stuck").dependencies
assert [one.name for one in stands] == ["Pool Slots Available", "Worker Available"], stands
assert "'closed' has 0 slots" in stands[0].reason
assert "'nobody'" in stands[1].reason
stands = tasks.get_task_instance_dependencies("maps", "mapped", "behind").dependencies
assert [one.name for one in stands] == ["Trigger Rule"], stands
link = tasks.get_extra_links("maps", "mapped", "child").extra_links[0]
assert (link.name, link.class_ref.class_name) == ("Triggered DAG", "run_dag")
assert link.href.startswith("/dags/etl/runs/"), link.href
tasks.patch_task_instance("maps", "mapped", "stuck", UpdateTaskInstance(dry_run=False, new_state=UpdateTaskState("success")))
assert finished("maps", "mapped").state.value == "success"
for made in runs.get_dag_runs("etl").dag_runs:
    if made.dag_run_id not in ("first", "second"):
        finished("etl", made.dag_run_id)
        runs.delete_dag_run("etl", made.dag_run_id)
dags.delete_dag("maps")
pools.delete_pool("closed")

# --- Clearing, marking, deleting.
runs.post_dag_run("breaks", DAGRun(dag_run_id="bad"))
assert finished("breaks", "bad").state.value == "failed"
assert states("breaks", "bad") == {"bad": "failed", "after": "upstream_failed"}
said = dags.post_clear_task_instances("breaks", ClearTaskInstances(dag_run_id="bad"))
assert sorted(one.task_id for one in said.task_instances) == ["after", "bad"]
assert runs.get_dag_run("breaks", "bad").state.value == "failed", "a dry run changes nothing"
asked = UpdateTaskInstance(dry_run=True, new_state=UpdateTaskState("success"))
assert tasks.patch_task_instance("breaks", "bad", "bad", asked).task_id == "bad"
mark = UpdateTaskInstancesState(dry_run=False, task_id="bad", dag_run_id="bad", new_state=UpdateTaskState("success"))
assert len(dags.post_set_task_instances_state("breaks", mark).task_instances) == 1
assert finished("breaks", "bad").state.value == "success"
assert states("breaks", "bad") == {"bad": "success", "after": "success"}
skip = UpdateTaskInstance(dry_run=False, new_state=UpdateTaskState("skipped"))
tasks.patch_mapped_task_instance("breaks", "bad", "after", -1, update_task_instance=skip)
assert states("breaks", "bad")["after"] == "skipped"
assert runs.update_dag_run_state("breaks", "bad", UpdateDagRunState(state="failed")).state.value == "failed"
clear = ClearTaskInstances(dry_run=False, dag_run_id="first", task_ids=["load"], only_failed=False)
assert len(dags.post_clear_task_instances("etl", clear).task_instances) == 1
assert finished("etl", "first").state.value == "success"
assert tasks.get_task_instance("etl", "first", "load").try_number == 2
said = runs.clear_dag_run("etl", "second", ClearDagRun(dry_run=True))
assert len(said["task_instances"]) == 2
runs.clear_dag_run("etl", "second", ClearDagRun(dry_run=False))
assert finished("etl", "second").state.value == "success"
runs.delete_dag_run("etl", "second")
refused(404, runs.get_dag_run, "etl", "second")

# --- Variables, connections, pools.
assert variables.post_variables(Variable(key="station", value="berlin", description="Where")).key == "station"
assert variables.get_variable("station").value == "berlin"
assert variables.patch_variable("station", Variable(key="station", value="paris"), update_mask=["value"]).value == "paris"
assert [one.key for one in variables.get_variables(limit=10).variables] == ["station"]
variables.post_variables(Variable(key="area", value="zealand"))
assert [one.key for one in variables.get_variables(order_by="value").variables] == ["station", "area"]
assert [one.key for one in variables.get_variables(order_by="-value", limit=1).variables] == ["area"]
assert [one.key for one in variables.get_variables(order_by="id").variables] == ["station", "area"]
assert [one.key for one in variables.get_variables(order_by="-key", offset=1).variables] == ["area"]
refused(400, variables.get_variables, order_by="colour")
variables.delete_variable("area")
refused(409, variables.post_variables, Variable(key="station", value="rome"))
variables.delete_variable("station")
refused(404, variables.get_variable, "station")
warehouse = Connection(connection_id="warehouse", conn_type="http", host="db.example", port=443, password="hidden", extra='{"a": 1}')
connections.post_connection(warehouse)
kept = connections.get_connection("warehouse")
assert (kept.host, kept.port) == ("db.example", 443)
assert "hidden" not in str(kept.to_dict()), "a password is written and not read"
changed = Connection(connection_id="warehouse", conn_type="http", login="ada")
assert connections.patch_connection("warehouse", changed, update_mask=["login"]).login == "ada"
assert connections.get_connections().total_entries == 1
connections.post_connection(Connection(connection_id="archive", conn_type="ssh", host="archive.example", port=22, description="Old ones"))
for field, first in {"connection_id": "archive", "conn_type": "warehouse", "host": "archive", "port": "archive", "id": "warehouse"}.items():
    assert connections.get_connections(order_by=field).connections[0].connection_id == first, field
    assert connections.get_connections(order_by=f"-{field}", offset=1).connections[0].connection_id == first, field
assert connections.get_connections(order_by="-description").connections[0].connection_id == "archive", "what has none comes last"
refused(400, connections.get_connections, order_by="password")
connections.delete_connection("archive")
assert connections.test_connection(Connection(connection_id="t", conn_type="http")).status is False
connections.delete_connection("warehouse")
refused(404, connections.get_connection, "warehouse")
pool = pools.post_pool(Pool(name="heavy", slots=4, description="Big ones", include_deferred=True))
assert (pool.slots, pool.open_slots, pool.include_deferred) == (4, 4, True)
assert pools.patch_pool("heavy", Pool(name="heavy", slots=2), update_mask=["slots"]).slots == 2
assert pools.get_pool("heavy").occupied_slots == 0
assert [one.name for one in pools.get_pools().pools] == ["default_pool", "heavy"]
assert [one.name for one in pools.get_pools(order_by="-name", limit=1).pools] == ["heavy"]
assert [one.name for one in pools.get_pools(order_by="slots").pools] == ["heavy", "default_pool"], "that without a bound is the largest"
pools.delete_pool("heavy")
refused(404, pools.get_pool, "heavy")

# --- Users, roles, the log of what was done.
viewer = UserCollectionItemRoles(name="Viewer")
grace = User(username="grace", first_name="Grace", last_name="Hopper", email="grace@example.org", password="a long password", roles=[viewer])
made = users.post_user(grace)
assert (made.username, made.first_name, made.last_name, made.email) == ("grace", "Grace", "Hopper", "grace@example.org")
assert [role.name for role in users.get_user("grace").roles] == ["viewer"]
assert (users.get_user("grace").last_login, users.get_user("grace").login_count) == (None, None)
for field in ["id", "first_name", "last_name", "user_name", "email", "is_active", "role"]:
    names = [user.username for user in users.get_users(order_by=field).users]
    assert sorted(names) == sorted(["grace", USERNAME]), field
assert users.get_users(order_by="role", limit=1).users[0].username == "grace"
assert users.get_users(order_by="-role", limit=1).users[0].username == USERNAME
renamed = users.patch_user("grace", User(first_name="Admiral", last_name="Ignored"), update_mask=["first_name"])
assert (renamed.first_name, renamed.last_name, renamed.email) == ("Admiral", "Hopper", "grace@example.org")
promoted = User(roles=[UserCollectionItemRoles(name="Op"), viewer])
assert [role.name for role in users.patch_user("grace", promoted, update_mask=["roles"]).roles] == ["operator"]
limited = Recorder(client.Configuration(host=f"{URL}/api/v1", username="grace", password="a long password"))
assert dag_api.DAGApi(limited).get_dags().total_entries == 2
refused(403, user_api.UserApi(limited).get_users)
users.delete_user("grace")
refused(401, dag_api.DAGApi(client.ApiClient(client.Configuration(host=f"{URL}/api/v1"))).get_dags)
assert [role.name for role in roles.get_roles().roles] == ["viewer", "operator", "editor", "admin"]
assert [role.name for role in roles.get_roles(order_by="-name", limit=2).roles] == ["viewer", "operator"]
assert [role.name for role in roles.get_roles(order_by="name", limit=1).roles] == ["admin"]
assert len(roles.get_role("admin").actions) > len(roles.get_role("viewer").actions)
assert "can_edit" in [action.name for action in permissions.get_permissions().actions]
events = logs.get_event_logs(dag_id="etl", event="dag_run.trigger", order_by="-event_log_id")
assert (events.total_entries, events.event_logs[0].run_id, events.event_logs[0].owner) == (3, "covers", USERNAME)
assert [one.run_id for one in logs.get_event_logs(dag_id="etl", event="dag_run.trigger", order_by="run_id").event_logs] == ["covers", "first", "second"]
for field in ["when", "dag_id", "task_id", "event", "owner", "extra"]:
    assert logs.get_event_logs(order_by=field, limit=1).event_logs, field
about = logs.get_event_logs(dag_id="breaks", task_id="after", map_index=-1, event="task_instance.mark_skipped")
assert (about.total_entries, about.event_logs[0].map_index) == (1, -1)
tried = about.event_logs[0].try_number
assert logs.get_event_logs(task_id="after", try_number=tried, event="task_instance.mark_skipped").total_entries == 1
assert logs.get_event_logs(task_id="after", try_number=tried + 1, event="task_instance.mark_skipped").total_entries == 0
assert logs.get_event_logs(dag_id="breaks", map_index=3).total_entries == 0
assert logs.get_event_log(events.event_logs[0].event_log_id).event == "dag_run.trigger"

# --- Datasets: produced, waited for, told of, forgotten.
orders, customers = "s3://warehouse/orders", "s3://warehouse/customers"
apply({"dag_id": "makes", "tasks": [{"task_id": "make", **task, "input": {"do": "echo", "value": {"rows": 3}}, "produces": [{"asset": orders, "extra": "return_value"}]}]})
apply({"dag_id": "follows", "schedule": {"assets": orders}, "tasks": [{"task_id": "follow", **task, "input": {"do": "echo", "value": 1}}]})
apply({"dag_id": "waits", "schedule": {"assets": [orders, customers]}, "tasks": [{"task_id": "wait", **task, "input": {"do": "echo", "value": 1}}]})
assert dags.get_dag_details("waits").dataset_expression == {"all": [orders, customers]}
runs.post_dag_run("makes", DAGRun(dag_run_id="made"))
assert finished("makes", "made").state.value == "success"
assert [one.uri for one in datasets.get_datasets(uri_pattern="warehouse", order_by="-uri").datasets] == [orders, customers]
assert datasets.get_datasets(dag_ids="makes").total_entries == 1
assert datasets.get_datasets(order_by="-updated_at").datasets[0].uri == orders, "it changed last"
assert [one.uri for one in datasets.get_datasets(order_by="created_at").datasets] == [orders, customers]
known = datasets.get_dataset(orders)
assert sorted(one.dag_id for one in known.consuming_dags) == ["follows", "waits"]
assert [(one.dag_id, one.task_id) for one in known.producing_tasks] == [("makes", "make")]
refused(404, datasets.get_dataset, "s3://nothing")
followed = until("the run that follows", lambda: runs.get_dag_runs("follows").dag_runs)[0]
assert finished("follows", followed.dag_run_id).state.value == "success"
events = datasets.get_dataset_events(dataset_id=known.id, source_dag_id="makes", source_task_id="make", source_run_id="made", source_map_index=-1)
assert (events.total_entries, events.dataset_events[0].dataset_uri, events.dataset_events[0].extra["rows"]) == (1, orders, 3)
assert [one.dag_id for one in events.dataset_events[0].created_dagruns] == ["follows"]
for field in ["source_dag_id", "source_task_id", "source_run_id", "source_map_index"]:
    assert datasets.get_dataset_events(order_by=f"-{field}").total_entries == 1, field
assert runs.get_upstream_dataset_events("follows", followed.dag_run_id).dataset_events[0].source_run_id == "made"
assert [one["uri"] for one in datasets.get_dag_dataset_queued_events("waits").queued_events] == [orders]
assert datasets.get_dag_dataset_queued_event("waits", orders).dag_id == "waits"
refused(404, datasets.get_dag_dataset_queued_event, "waits", customers)
assert datasets.get_dataset_queued_events(orders).total_entries == 1
assert datasets.get_dataset_queued_events(orders, before=now).total_entries == 0
datasets.delete_dag_dataset_queued_event("waits", orders)
assert datasets.get_dataset_queued_events(orders).total_entries == 0
told = datasets.create_dataset_event(CreateDatasetEvent(dataset_uri=customers, extra={"rows": 5}))
assert (told.dataset_uri, told.extra["rows"], told.source_dag_id) == (customers, 5, None)
assert datasets.get_dataset_events(order_by="-timestamp", limit=1).dataset_events[0].dataset_uri == customers
datasets.delete_dag_dataset_queued_events("waits")
datasets.create_dataset_event(CreateDatasetEvent(dataset_uri=customers))
datasets.delete_dataset_queued_events(customers)
assert datasets.get_dag_dataset_queued_events("waits").total_entries == 0

# --- A time without an offset is meant in UTC.
noon = runs.post_dag_run("etl", DAGRun(dag_run_id="noon", execution_date=datetime(2026, 1, 1, 12)))
assert noon.execution_date == datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
found = runs.get_dag_runs("etl", execution_date_gte=datetime(2026, 1, 1), execution_date_lte=datetime(2026, 1, 2))
assert [one.dag_run_id for one in found.dag_runs] == ["noon"]
finished("etl", "noon")
runs.delete_dag_run("etl", "noon")

# --- The end.
dags.delete_dag("breaks")
refused(404, dags.get_dag, "breaks")

operations = {name: {"method": method, "path": path} for (method, path), name in endpoints.items()}
with open(OUT, "w", encoding="utf-8") as out:
    json.dump({"answered": answered, "operations": operations}, out, indent=1, sort_keys=True)
