//! The steps that use an action: signing in, naming the image, building it.

use super::{Build, Known, Reader, cache, checkout, guard, with};
use crate::migrate::release::{self, Release};
use crate::migrate::{image, step_runs};
use crate::pipeline::Input;
use crate::yaml::{Node, Text};

impl Reader<'_, '_> {
    pub(super) fn action(&mut self, name: &str, step: &Node, release: &mut Option<Release>) {
        let at = step.get("uses").map_or(step.at, |uses| uses.at);
        match name {
            "actions/checkout" => {
                for (key, value) in with(step) {
                    let filled = self.scope.fill(&value.text().unwrap_or_default());
                    if key.text == "fetch-depth" && filled != "1" || key.text == "fetch-tags" && filled != "false" {
                        let help = "where the Dockerfile runs `git describe` or `git log`, give it the text as a build argument";
                        self.remarks.note(key.at, "the checkout is of one commit, without history and tags", help);
                    }
                }
                checkout(step, &self.scope, self.remarks);
            }
            "docker/setup-qemu-action" | "docker/setup-buildx-action" => {
                for (key, value) in with(step) {
                    let driver = key.text == "driver" && value.text().as_deref() == Some("docker-container");
                    if !driver && !["version", "install", "platforms", "use"].contains(&key.text.as_str()) {
                        let help = "build-image sets up emulators and a builder by itself; take the setting away";
                        self.remarks.refuse(key.at, format!("`{}` of {name} has no place", key.text), help);
                    }
                }
            }
            "docker/login-action" => self.login_action(step),
            "docker/metadata-action" => self.metadata(step),
            "docker/build-push-action" => self.build_action(step),
            "docker/bake-action" => self.bake_action(step),
            name if release::is_release(name) => {
                let known = Known { repository: self.known.repository, scope: &self.scope };
                release::action(&known, name, step, release, self.remarks);
            }
            name => {
                let help = "move it to a workflow of its own first";
                self.remarks.refuse(at, format!("{name} has no place in a release file"), help);
            }
        }
    }

    pub(super) fn login_action(&mut self, step: &Node) {
        let (mut host, mut user, mut password) = ("docker.io".to_owned(), String::new(), String::new());
        for (key, value) in with(step) {
            let filled = self.scope.fill(&value.text().unwrap_or_default());
            match key.text.as_str() {
                "registry" => host = filled,
                "username" => user = filled,
                "password" => password = filled,
                "logout" => {}
                "ecr" if filled == "false" => {}
                other => self.remarks.refuse(
                    key.at,
                    format!("`{other}` of docker/login-action has no place"),
                    "take it away",
                ),
            }
        }
        let at = step.get("uses").map_or(step.at, |uses| uses.at);
        self.login(at, &host, &user, &password);
    }

    pub(super) fn metadata(&mut self, step: &Node) {
        let id = step.get("id").and_then(Node::text).unwrap_or_default();
        let (mut images, mut tags, mut flavor) = (Vec::new(), Vec::new(), Vec::new());
        for (key, value) in with(step) {
            let lines = || {
                let text = self.scope.fill(&value.text().unwrap_or_default());
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
                lines.map(str::to_owned).collect::<Vec<_>>()
            };
            match key.text.as_str() {
                "images" => {
                    images = lines().join(",").split(',').map(|name| name.trim().to_owned()).collect();
                }
                "tags" => tags = lines(),
                "flavor" => flavor = lines(),
                "labels" | "annotations" => {
                    let help =
                        "release-actions sets revision, source, version, created and title; write others as `labels`";
                    self.remarks.note(key.at, format!("the {} of docker/metadata-action are left out", key.text), help);
                }
                "github-token" | "context" | "sep-tags" | "sep-labels" => {}
                other => {
                    self.remarks.refuse(
                        key.at,
                        format!("`{other}` of docker/metadata-action has no place"),
                        "take it away",
                    );
                }
            }
        }
        let (at, list) = step.at_path(&["with", "tags"]).map_or((step.at, None), |tags| (tags.at, Some(tags)));
        match image::metadata(&self.scope, &images, &tags, &flavor) {
            Ok(made) => {
                let mut set =
                    |name: &str, value: String| self.scope.outputs.insert(format!("steps.{id}.outputs.{name}"), value);
                set("tags", made.references.join("\n"));
                set("labels", String::new());
                set("annotations", String::new());
                if let Some(version) = made.version {
                    set("version", version);
                }
            }
            Err(what) => {
                let line = list.and_then(|list| {
                    let text = list.text()?;
                    let index = text.lines().position(|line| what.contains(line.trim()) && !line.trim().is_empty())?;
                    list.lines().get(index).copied()
                });
                self.scope.refuse_outputs(&id);
                let help = if what.contains("type=sha") {
                    "write `type=sha,format=long`: the short commit is known to no release file"
                } else {
                    "a release file writes the tags of one version; what moves, such as `1.2`, is set after the release"
                };
                self.remarks.refuse(
                    line.unwrap_or(at),
                    format!("{what} of docker/metadata-action cannot be written"),
                    help,
                );
            }
        }
    }

    /// Whether an action pushes what it builds for a tag.
    pub(super) fn pushes(&mut self, value: &Node, filled: &str) -> bool {
        guard(value.at, value, "`push`", self.remarks);
        step_runs(&self.scope, value).unwrap_or_else(|| {
            let message = format!("whether `{filled}` pushes is known only when the workflow runs");
            self.remarks.refuse(value.at, message, "write `true`");
            true
        })
    }

    /// What an action attests, as the input `sbom` or `provenance` of the release.
    pub(super) fn attest(&mut self, key: &str, value: &Node, filled: &str) -> Option<Input> {
        match (key, filled.strip_prefix("mode=").unwrap_or(filled)) {
            (_, "") => None,
            ("sbom", "true" | "false") => Some(Input::new("sbom", filled)),
            ("provenance", "true") => Some(Input::new("provenance", "max")),
            ("provenance", mode @ ("min" | "max" | "false")) => Some(Input::new("provenance", mode)),
            (name, _) => {
                let help = "write `true` or `false`, for `provenance` also `mode=min` or `mode=max`";
                self.remarks.refuse(value.at, format!("`{name}: {filled}` has no place in a release file"), help);
                None
            }
        }
    }

    pub(super) fn build_action(&mut self, step: &Node) {
        let mut build = Build { at: step.get("uses").map(|uses| uses.at), ..Build::default() };
        let mut arguments = Vec::new();
        for (key, value) in with(step) {
            let filled = self.scope.fill(&value.text().unwrap_or_default());
            let at = value.at;
            match key.text.as_str() {
                "context" => build.context = Some(Text { at, text: filled }),
                "file" => build.dockerfile = Some(Text { at, text: filled }),
                "tags" => {
                    let lines = filled.lines().flat_map(image::parts).map(str::trim);
                    build.references = lines.filter(|line| !line.is_empty()).map(str::to_owned).collect();
                    build.named_at = Some(at);
                }
                "push" => build.pushed = self.pushes(value, &filled),
                "outputs" if filled == "type=registry" || filled == "type=image,push=true" => build.pushed = true,
                "target" => self.pass(&mut build, "target", value, &filled),
                "platforms" => {
                    let list = filled.split([',', '\n']).map(str::trim).filter(|platform| !platform.is_empty());
                    let list = list.collect::<Vec<_>>().join(",");
                    self.pass(&mut build, "platforms", value, &list);
                }
                "build-args" => self.build_args(&mut build, value, &filled),
                "build-contexts" => self.pass(&mut build, "build-contexts", value, &filled),
                "labels" => self.labels(&mut build, "labels", value, &filled),
                "annotations" => self.labels(&mut build, "annotations", value, &filled),
                "sbom" | "provenance" => build.release_inputs.extend(self.attest(&key.text, value, &filled)),
                "secrets" => self.secrets(&mut build, value, &filled),
                "cache-from" | "cache-to" => cache(key, self.remarks),
                "load" | "no-cache" | "pull" if filled == "false" => {}
                "no-cache" | "pull" if filled == "true" => arguments.push(format!("--{}", key.text)),
                "add-hosts" | "shm-size" | "ulimit" | "network" | "cgroup-parent" | "allow" | "no-cache-filters" => {
                    let flag = match key.text.as_str() {
                        "add-hosts" => "add-host",
                        "no-cache-filters" => "no-cache-filter",
                        same => same,
                    };
                    let lines = self.value(&key.text, value, &filled).unwrap_or_default();
                    for value in lines.split(['\n', ',']).map(str::trim).filter(|value| !value.is_empty()) {
                        arguments.push(format!("--{flag}={value}"));
                    }
                }
                "github-token" | "builder" => {}
                "outputs" => {
                    let help = "write `push: true` and name the image in `tags`";
                    self.remarks.refuse(at, format!("`outputs: {}` has no place", filled.trim()), help);
                    return;
                }
                other => {
                    let help = "take it away, or build this image in a workflow of your own";
                    self.remarks.refuse(key.at, format!("`{other}` of docker/build-push-action has no place"), help);
                }
            }
        }
        build.pushes.clone_from(&build.references);
        if !arguments.is_empty() {
            build.inputs.push(Input::new("buildx-args", arguments.join("\n") + "\n"));
        }
        self.builds.push(build);
    }
}
