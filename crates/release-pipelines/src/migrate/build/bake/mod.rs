//! The targets of a bake file (Docker, "Bake file reference"), each as a build. What only bake itself can know is refused:
//! functions of its own, Compose files, targets that build on other targets.

mod definitions;
mod readable;

use std::collections::BTreeMap;

use hcl::{Block, Body, Expression, Map, Value};

use super::{Build, Reader, cache, with};
use crate::migrate::expression;
use crate::migrate::shell::{self, Flags};
use crate::pipeline::Input;
use crate::repository::normal;
use crate::yaml::{self, Node, Position, Text};
use definitions::{Definitions, Target, body, pairs, texts};

/// A call of bake.
#[derive(Debug, Default)]
struct Call {
    /// Paths; what docker/metadata-action writes is one of its outputs.
    files: Vec<String>,
    targets: Vec<String>,
    /// `PATTERN.ATTRIBUTE=VALUE`.
    set: Vec<String>,
    pushed: bool,
    arguments: Vec<String>,
    /// The inputs `sbom` and `provenance` of the release.
    release_inputs: Vec<Input>,
}

impl Reader<'_, '_> {
    /// docker/bake-action.
    pub(super) fn bake_action(&mut self, step: &Node) {
        let mut call = Call::default();
        for (key, value) in with(step) {
            let raw = value.text().unwrap_or_default();
            let filled = self.scope.fill(&raw);
            let words = |text: &str| text.split(['\n', ',']).map(str::trim).map(str::to_owned).collect::<Vec<_>>();
            match key.text.as_str() {
                "files" => call.files = words(&raw),
                "targets" => call.targets = words(&filled),
                "set" => call.set = filled.lines().map(|line| line.trim().to_owned()).collect(),
                "push" => call.pushed = self.pushes(value, &filled),
                "load" | "no-cache" | "pull" if filled == "false" => {}
                "no-cache" | "pull" if filled == "true" => call.arguments.push(format!("--{}", key.text)),
                "source" | "workdir" if filled == "." => {}
                "builder" | "github-token" => {}
                "provenance" | "sbom" => call.release_inputs.extend(self.attest(&key.text, value, &filled)),
                other => {
                    let help = "take it away, or build these images in a workflow of your own";
                    self.remarks.refuse(key.at, format!("`{other}` of docker/bake-action has no place"), help);
                }
            }
        }
        self.bake(step.get("uses").map_or(step.at, |uses| uses.at), call);
    }

    /// `docker buildx bake`.
    pub(super) fn bake_command(&mut self, at: Position, words: &[&str]) {
        let mut call = Call::default();
        let mut flags = Flags::new(words);
        while let Some(flag) = flags.flag() {
            let is_set_switch = flags.is_set_switch(flag);
            let mut value = || flags.value().to_owned();
            match flag {
                flag if is_set_switch => {
                    self.remarks.refuse(
                        at,
                        format!("`{flag}` of `docker buildx bake` has a value"),
                        "write the flag alone",
                    );
                }
                "-f" | "--file" => call.files.push(value()),
                "--set" => call.set.push(value()),
                "--push" => call.pushed = true,
                "--pull" | "--no-cache" => call.arguments.push(flag.to_owned()),
                "--progress" | "--builder" => drop(value()),
                flag if flag.starts_with('-') => {
                    let help = "take it away, or build these images in a workflow of your own";
                    self.remarks.refuse(at, format!("`{flag}` of `docker buildx bake` has no place"), help);
                    return;
                }
                target => call.targets.push(target.to_owned()),
            }
        }
        self.bake(at, call);
    }

    fn bake(&mut self, at: Position, mut call: Call) {
        for list in [&mut call.files, &mut call.targets, &mut call.set] {
            list.retain(|word| !word.is_empty());
        }
        let read = self.definitions(at, &call.files).and_then(|(definitions, files)| {
            let (mut targets, mut known) = (Vec::new(), BTreeMap::new());
            let wanted = if call.targets.is_empty() { &["default".to_owned()][..] } else { &call.targets };
            call.set.iter().try_for_each(|line| definitions.takes(line))?;
            for name in definitions.names(wanted)? {
                let target = definitions.target(&name, &call.set, &mut known)?;
                targets.push((name, target));
            }
            Ok((files, targets))
        });
        match read {
            Ok((files, targets)) => {
                for file in files {
                    let help = "they hold what it says; keep it for builds by hand, or delete it";
                    self.remarks.note(at, format!("the new files do not read `{file}`"), help);
                }
                for (name, target) in targets {
                    self.target(at, &call, &name, &target);
                }
            }
            Err(message) => {
                let help = "write it plainly, or each target as a row of a matrix with docker/build-push-action";
                self.remarks.refuse(at, message, help);
            }
        }
    }

    /// What all files define.
    fn definitions(&mut self, at: Position, files: &[String]) -> Result<(Definitions, Vec<String>), String> {
        // Docker, "Overriding configurations", "Default file lookup".
        const COMPOSE: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
        const BAKE: [&str; 4] =
            ["docker-bake.json", "docker-bake.hcl", "docker-bake.override.json", "docker-bake.override.hcl"];
        let is_there = |name: &&str| self.known.repository.has_file(name);
        if let Some(name) = COMPOSE.iter().find(|name| files.is_empty() && is_there(name)) {
            return Err(format!("bake reads `{name}` too, which is not read here: name the bake file in `files`"));
        }
        let default = || BAKE.iter().filter(|name| is_there(name)).map(|name| (*name).to_owned()).collect();
        let files = if files.is_empty() { default() } else { files.to_vec() };
        if files.is_empty() {
            return Err("there is no bake file".into());
        }
        let (mut bodies, mut read) = (Vec::new(), Vec::new());
        for file in &files {
            let file = file.strip_prefix("cwd://").unwrap_or(file);
            // What docker/metadata-action writes (its README, "Bake definition").
            let output = expression::only(file).and_then(|text| text.strip_prefix("steps.")?.split_once(".outputs."));
            if let Some((id, output)) = output.filter(|(_, output)| output.starts_with("bake-file")) {
                let tags = self.scope.fill(&format!("${{{{ steps.{id}.outputs.tags }}}}"));
                if tags.contains("${{ steps.") {
                    return Err(format!("`{file}` is of no step that is read here"));
                }
                let tags = tags.lines().map(|tag| Expression::String(tag.to_owned())).collect::<Vec<_>>();
                if output == "bake-file" || output == "bake-file-tags" {
                    let made =
                        Block::builder("target").add_label("docker-metadata-action").add_attribute(("tags", tags));
                    bodies.push((file.to_owned(), Body::builder().add_block(made.build()).build()));
                }
                if ["bake-file", "bake-file-labels", "bake-file-annotations"].contains(&output) {
                    let help =
                        "release-actions sets revision, source, version, created and title; write others by hand";
                    let message = "the labels of docker/metadata-action, with description, licenses and url, and `DOCKER_META_…` go";
                    self.remarks.note(at, message, help);
                }
                continue;
            }
            let path = self.scope.fill(file);
            let path = normal(&path).unwrap_or(path);
            let text = self.known.repository.read(&path).map_err(|error| error.to_string())?;
            let text = text.ok_or_else(|| format!("the bake file `{path}` is not there"))?;
            bodies.push((path.clone(), body(&path, &text)?));
            read.push(path);
        }
        let runner = shell::runner_variables();
        let environment = |name: &str| {
            let set = self.scope.env.get(name);
            let set = set.or_else(|| runner.iter().find(|(known, _)| *known == name).map(|(_, value)| value));
            // The runner sets more than is known here (GitHub, "Default environment variables").
            let other = ["GITHUB_", "RUNNER_", "ACTIONS_"].iter().any(|start| name.starts_with(start));
            let other = other || ["HOME", "PATH", "USER"].contains(&name);
            if set.is_none() && other { Err(()) } else { Ok(set.cloned()) }
        };
        Ok((Definitions::read(&bodies, environment)?, read))
    }

    /// One target as a build.
    fn target(&mut self, at: Position, call: &Call, name: &str, target: &Target) {
        let node = Node { at, value: yaml::Value::Null };
        let place = |text: String| Some(Text { at, text });
        let mut build = Build { at: Some(at), named_at: Some(at), name: Some(name.to_owned()), ..Build::default() };
        let (mut arguments, mut pushed) = (call.arguments.clone(), call.pushed);
        for (key, value) in target {
            let (list, lines) = (texts(value), pairs(value, '=').join("\n"));
            let joined = list.join(",");
            let nested = value.as_array().is_some_and(|items| items.iter().any(Value::is_object));
            if nested || lines.lines().count() > value.as_object().map_or(usize::MAX, Map::len) {
                let help = "write it as plain texts of one line";
                self.remarks.refuse(at, format!("`{key}` of the target `{name}` of bake is more than texts"), help);
                continue;
            }
            match key.as_str() {
                "description" => {}
                "context" => build.context = place(joined),
                "tags" => build.references = list,
                "target" => self.pass(&mut build, "target", &node, &joined),
                "platforms" => self.pass(&mut build, "platforms", &node, &joined),
                "args" => self.build_args(&mut build, &node, &lines),
                "labels" => self.labels(&mut build, "labels", &node, &lines),
                "annotations" => self.labels(&mut build, "annotations", &node, &list.join("\n")),
                "contexts" if !lines.contains("=target:") => self.pass(&mut build, "build-contexts", &node, &lines),
                "cache-from" | "cache-to" => cache(&Text { at, text: key.clone() }, self.remarks),
                "output" if list.iter().all(|output| IMAGES.contains(&output.as_str())) => {
                    pushed |= list.iter().any(|output| output != "type=image" && output != "type=docker");
                }
                // It stands below the context (Docker, "Bake file reference", `target.dockerfile`).
                "dockerfile" => {
                    let context = target.get("context").and_then(Value::as_str).unwrap_or(".");
                    build.dockerfile = place(format!("{context}/{joined}"));
                }
                "no-cache" | "pull" if matches!(joined.as_str(), "true" | "false") => {
                    arguments.extend((joined == "true").then(|| format!("--{key}")));
                }
                "network" | "shm-size" => arguments.push(format!("--{key}={joined}")),
                "ulimits" => arguments.extend(list.iter().map(|limit| format!("--ulimit={limit}"))),
                "entitlements" => arguments.extend(list.iter().map(|right| format!("--allow={right}"))),
                "no-cache-filter" => arguments.extend(list.iter().map(|stage| format!("--no-cache-filter={stage}"))),
                "extra-hosts" => arguments.extend(pairs(value, ':').iter().map(|host| format!("--add-host={host}"))),
                other => {
                    let help = "take it away, or build this image in a workflow of your own";
                    let message = format!("`{other}` of the target `{name}` of bake has no place");
                    self.remarks.refuse(at, message, help);
                }
            }
        }
        if pushed {
            (build.pushed, build.pushes) = (true, build.references.clone());
        }
        build.release_inputs.extend(call.release_inputs.iter().cloned());
        self.pass(&mut build, "buildx-args", &node, &arguments.join("\n"));
        self.builds.push(build);
    }
}

/// Outputs that are an image.
const IMAGES: [&str; 5] =
    ["type=registry", "type=image,push=true", "push=true,type=image", "type=image", "type=docker"];
