//! What calls `build-and-signal` for others, held against its `action.yml`: the composite wrapper hands every input and output
//! on, the reusable workflow every input that means something there. And what must hold of every workflow and action here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{read, root};

/// The inputs of the action that the reusable workflow does not have, with the reason.
const NOT_THERE: [(&str, &str); 5] = [
    ("secrets", "the secret build-secrets"),
    ("registry-auth", "the secret registry-auth"),
    ("dispatch-token", "the secret dispatch-token"),
    ("token", "each job has its own"),
    ("digest", "the job `signal` takes that of the job `build`"),
];
/// The same: it is for a file that a step makes, as a secret is not committed, and the caller has no step in the job.
const NO_FILES: &str = "secret-files";
/// What both jobs of the reusable workflow must be told, so that they speak of the same image.
const OF_BOTH: [&str; 9] =
    ["service-name", "image", "tag", "extra-tags", "platforms", "insecure-registries", "ca-file", "api-url", "dry-run"];

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn entries<'a>(value: &'a Value, pointer: &str) -> &'a Map<String, Value> {
    value.pointer(pointer).and_then(Value::as_object).unwrap_or_else(|| panic!("no {pointer}"))
}

fn expression(path: &str) -> Value {
    json!(format!("${{{{ {path} }}}}"))
}

fn step<'a>(steps: &'a Value, uses: &str) -> &'a Value {
    let mut steps = steps.as_array().unwrap().iter();
    steps.find(|step| step["uses"].as_str().is_some_and(|used| used.contains(uses))).unwrap()
}

#[test]
fn the_wrapper_takes_what_the_action_takes_and_hands_it_all_on() {
    let (action, wrapper) = (yaml("actions/build-and-signal/action.yml"), yaml("actions/build-image/action.yml"));
    assert_eq!(wrapper["inputs"], action["inputs"]);
    let build = step(&wrapper["runs"]["steps"], "build-and-signal");
    let given: BTreeMap<&String, Value> =
        entries(&action, "/inputs").keys().map(|name| (name, expression(&format!("inputs.{name}")))).collect();
    assert_eq!(json!(given), build["with"]);
    let outputs = entries(&action, "/outputs").iter().map(|(name, output)| {
        let id = build["id"].as_str().unwrap();
        let value = expression(&format!("steps.{id}.outputs.{name}"));
        (name, json!({ "description": output["description"], "value": value }))
    });
    assert_eq!(json!(outputs.collect::<BTreeMap<_, _>>()), wrapper["outputs"]);
}

#[test]
fn the_reusable_workflow_takes_what_the_action_takes_and_hands_it_all_on() {
    let (action, workflow) = (yaml("actions/build-and-signal/action.yml"), yaml(".github/workflows/build-image.yml"));
    let declared = entries(&workflow, "/on/workflow_call/inputs");
    let of_action = entries(&action, "/inputs");
    let build = &step(&workflow["jobs"]["build"]["steps"], "build-image")["with"];
    let signal = &step(&workflow["jobs"]["signal"]["steps"], "build-and-signal")["with"];
    let announce = &step(&workflow["jobs"]["announce"]["steps"], "build-and-signal")["with"];
    let not_there: BTreeSet<&str> = NOT_THERE.iter().map(|(name, _)| *name).chain([NO_FILES]).collect();
    for (name, input) in of_action {
        let Some(here) = declared.get(name) else {
            assert!(not_there.contains(name.as_str()), "`{name}` is no input of the reusable workflow");
            continue;
        };
        assert!(!not_there.contains(name.as_str()), "`{name}` is an input after all");
        // What it signals is the other job's to do.
        if !["result", "signal"].contains(&name.as_str()) {
            let passed = match name.as_str() {
                "api-url" => expression("inputs.api-url || github.api_url"),
                name => expression(&format!("inputs.{name}")),
            };
            assert_eq!(build[name], passed, "{name} in the job `build`");
            if OF_BOTH.contains(&name.as_str()) {
                assert_eq!(signal[name], passed, "{name} in the job `signal`");
            }
            for (told, value) in announce.as_object().unwrap().iter().filter(|(told, _)| *told == name) {
                assert_eq!(*value, passed, "{told} in the job `announce`");
            }
            assert!(
                here["description"].as_str().unwrap().starts_with(input["description"].as_str().unwrap()),
                "{name}"
            );
        }
        let default = input["default"].as_str().unwrap_or_default();
        let default = if default.contains("${{") { "" } else { default };
        let here = here.get("default").map(|default| default.as_str().map_or(default.to_string(), str::to_owned));
        let here = here.unwrap_or_default();
        assert_eq!(here, default, "the default of {name}");
    }
    let readme = read("README.md");
    let paragraph = readme.split("`build-image.yml` takes the inputs of `build-and-signal` but").nth(1).unwrap();
    for name in &not_there {
        assert!(
            paragraph.split("\n\n").next().unwrap().contains(&format!("`{name}`")),
            "the README does not say it of {name}"
        );
    }
    let own: Vec<&str> = declared.keys().map(String::as_str).filter(|name| !of_action.contains_key(*name)).collect();
    assert_eq!(own, ["runs-on", "timeout-minutes"]);
    for (name, secret) in [("secrets", "build-secrets"), ("registry-auth", "registry-auth")] {
        assert_eq!(build[name], expression(&format!("secrets.{secret}")));
    }
    for name in ["registry-auth", "dispatch-token"] {
        assert_eq!(signal[name], expression(&format!("secrets.{name}")));
    }
    assert_eq!(
        (&signal["result"], &signal["digest"]),
        (&expression("needs.build.result"), &expression("needs.build.outputs.digest"))
    );
    for job in ["announce", "signal"] {
        let [checkout, of_build] =
            [job, "build"].map(|job| step(&workflow["jobs"][job]["steps"], "actions/checkout").clone());
        assert_eq!((&checkout["uses"], &checkout["with"]), (&of_build["uses"], &of_build["with"]), "{job}");
        assert_eq!(checkout["if"], expression("inputs.ca-file != ''"), "{job}");
    }
    let secrets: Vec<&String> = entries(&workflow, "/on/workflow_call/secrets").keys().collect();
    assert_eq!(secrets, ["build-secrets", "dispatch-token", "registry-auth"]);
    for (name, output) in entries(&workflow, "/on/workflow_call/outputs") {
        let of_action = &action["outputs"][name];
        assert_eq!(output["description"], of_action["description"]);
        assert_eq!(output["value"], expression(&format!("jobs.build.outputs.{name}")));
        assert_eq!(workflow["jobs"]["build"]["outputs"][name], expression(&format!("steps.build.outputs.{name}")));
    }
}

#[test]
fn the_job_that_runs_a_dockerfile_cannot_write_statuses_and_every_job_has_a_time_limit() {
    let workflow = yaml(".github/workflows/build-image.yml");
    let permissions = |job: &str| workflow["jobs"][job]["permissions"].clone();
    assert_eq!(permissions("build"), json!({ "contents": "read", "packages": "write" }));
    assert_eq!(permissions("signal"), json!({ "contents": "read", "packages": "read", "statuses": "write" }));
    assert_eq!(permissions("announce"), json!({ "contents": "read", "statuses": "write" }));
    assert_eq!(workflow["permissions"], json!({}));
    assert!(workflow["jobs"]["signal"]["if"].as_str().unwrap().starts_with("${{ always() && "));
    for (path, workflow) in workflows() {
        for (name, job) in entries(&workflow, "/jobs") {
            assert!(job.get("uses").is_some() || job.get("timeout-minutes").is_some(), "{path}: {name}");
        }
    }
}

#[test]
fn the_reusable_workflow_refuses_words_that_would_do_nothing_there() {
    let workflow = yaml(".github/workflows/build-image.yml");
    let refused = workflow["jobs"]["build"]["steps"][0]["if"].as_str().unwrap();
    for word in ["inputs.result != 'pending'", "inputs.signal != 'status'", "inputs.signal != 'none'"] {
        assert!(refused.contains(word), "{refused}");
    }
}

#[test]
fn runs_of_one_tag_wait_for_each_other_and_those_of_others_do_not() {
    let mut groups = BTreeSet::new();
    let example = workflows().into_iter().filter(|(path, _)| path.starts_with("examples/six-services/.github/"));
    for (path, workflow) in example {
        let name = path.rsplit('/').next().unwrap().trim_end_matches(".yml");
        assert_eq!(workflow["name"], name, "{path}");
        let group = workflow["concurrency"]["group"].as_str().unwrap();
        assert!(group.starts_with(&format!("{name}-${{{{ ")), "{path}: {group}");
        assert!(groups.insert(group.to_lowercase()), "{path}: {group} is another's too");
        let key = match name {
            "release-notes" => "inputs.tag || github.event.workflow_run.head_branch || github.ref_name",
            name if name.starts_with("release-") => "inputs.tag || github.ref_name",
            _ => continue,
        };
        assert_eq!(group, format!("{name}-${{{{ {key} }}}}"), "{path}");
        assert_eq!(workflow["concurrency"]["cancel-in-progress"], false, "{path}");
        assert_eq!(workflow["on"]["push"]["paths"], Value::Null, "{path}: a release is never filtered by paths");
    }
}

#[test]
fn no_expression_stands_in_a_script_and_no_action_of_others_is_unpinned() {
    let mut files = workflows();
    for action in ["build-and-signal", "build-image", "wait-and-release"] {
        let path = format!("actions/{action}/action.yml");
        files.push((path.clone(), yaml(&path)));
    }
    for (path, file) in files {
        visit(&file, &mut |key, text| match key {
            "run" => assert!(!text.contains("${{"), "{path}: {text}"),
            "uses" if !text.starts_with("./") && !text.starts_with("org/release-actions/") => {
                let commit = text.rsplit_once('@').unwrap().1;
                assert!(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{path}: {text}");
            }
            _ => {}
        });
        // The version that the commit is of stands beside it.
        for line in read(&path).lines().filter(|line| line.contains("uses: ") && line.contains('@')) {
            assert!(line.contains("org/release-actions/") || line.contains(" # v"), "{path}: {line}");
        }
    }
}

/// The texts of a file with their keys.
fn visit(value: &Value, see: &mut impl FnMut(&str, &str)) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                value.as_str().into_iter().for_each(|text| see(key, text));
                visit(value, see);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| visit(item, see)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The workflows here and those of the example, but what it had before.
fn workflows() -> Vec<(String, Value)> {
    let folders = [".github/workflows", "examples/six-services/.github/workflows", "examples/six-services/variants"];
    let files = folders.iter().flat_map(|folder| {
        let files = std::fs::read_dir(root().join(folder)).unwrap();
        files.map(move |file| format!("{folder}/{}", file.unwrap().file_name().to_str().unwrap()))
    });
    let mut files: Vec<(String, Value)> = files.map(|path| (path.clone(), yaml(&path))).collect();
    files.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert!(files.len() > 15, "{files:?}");
    files
}
