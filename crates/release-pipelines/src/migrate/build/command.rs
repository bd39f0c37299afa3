//! The steps that run a script: the commands of Docker, and what works out the version.

use std::collections::BTreeMap;

use super::{Build, Known, Reader, cache, output, read_by_docker};
use crate::migrate::release::{self, Release};
use crate::migrate::shell::{self, Command, Flags};
use crate::pipeline::Input;
use crate::yaml::{Node, Position, Text, Value};

impl Reader<'_, '_> {
    pub(super) fn script(&mut self, step: &Node, run: &Node, release: &mut Option<Release>) {
        let id = step.get("id").and_then(Node::text).unwrap_or_default();
        match shell::commands(run, &self.scope) {
            Ok(commands) => {
                for command in commands {
                    self.command(&id, &command, release);
                }
            }
            Err((at, message)) => {
                self.remarks.refuse(at, message, shell::PLAINLY);
                self.scope.refuse_outputs(&id);
            }
        }
    }

    pub(super) fn command(&mut self, id: &str, command: &Command, release: &mut Option<Release>) {
        let words = command.words.iter().map(String::as_str).collect::<Vec<_>>();
        // Programs read what the script exports; what it prints for later steps is read without that.
        let program = words.first().is_some_and(|word| *word == "docker" || *word == "gh");
        let outer = program.then(|| self.scope.env.clone());
        if program {
            for name in command.exported.keys().filter(|name| read_by_docker(name)) {
                let message =
                    format!("`export {name}` changes how docker builds, and a called workflow gets no environment");
                self.remarks.refuse(command.at, message, "delete it");
            }
            self.scope.env.extend(command.exported.clone());
        }
        match words.as_slice() {
            ["set" | "true" | ":", ..] | ["docker", "buildx", "create" | "use" | "inspect" | "ls", ..] => {}
            ["echo", value] if command.tells_runner() => {
                if command.appends.as_deref() == Some("$GITHUB_ENV")
                    && read_by_docker(value.split('=').next().unwrap_or_default())
                {
                    let message = format!(
                        "`{value}` in `$GITHUB_ENV` changes how docker builds, and a called workflow gets no environment"
                    );
                    self.remarks.refuse(command.at, message, "delete it");
                }
                if !output(&mut self.scope, id, value, command.appends.as_deref()) {
                    self.remarks.refuse(command.at, format!("`{value}` is no `NAME=value`"), shell::PLAINLY);
                }
            }
            ["echo", ..] if command.appends.is_none() => {}
            ["docker", "login", rest @ ..] => self.login_command(command, rest),
            ["docker", "build", rest @ ..] | ["docker", "buildx" | "image", "build", rest @ ..] => {
                self.build_command(command.at, rest);
            }
            ["docker", "buildx", "bake", rest @ ..] => self.bake_command(command.at, rest),
            ["docker", "push", "--all-tags" | "-a", repository] => {
                let start = format!("{repository}:");
                for build in &mut self.builds {
                    let all = build.references.iter().filter(|reference| reference.starts_with(&start));
                    build.pushes.extend(all.cloned());
                    build.pushed |= !build.pushes.is_empty();
                }
            }
            ["docker", "push", reference]
            | ["docker", "push", "--quiet" | "-q", reference]
            | ["docker", "image", "push", reference] => self.push(command.at, reference),
            ["docker", "tag", from, to] | ["docker", "image", "tag", from, to] => {
                match self.builds.iter_mut().find(|build| build.references.iter().any(|known| known == from)) {
                    Some(build) => build.references.push((*to).to_owned()),
                    None => self.remarks.refuse(
                        command.at,
                        format!("`docker tag {from}`: nothing here builds it"),
                        "take it away",
                    ),
                }
            }
            ["gh", "release", "create", rest @ ..] => {
                let known = Known { repository: self.known.repository, scope: &self.scope };
                release::command(&known, command.at, rest, release, self.remarks);
            }
            other => {
                let name = other.iter().take(2).copied().collect::<Vec<_>>().join(" ");
                let help = "move it to a workflow of its own first";
                self.remarks.refuse(command.at, format!("`{name}` has no place in a release file"), help);
            }
        }
        if let Some(outer) = outer {
            self.scope.env = outer;
        }
    }

    pub(super) fn push(&mut self, at: Position, reference: &str) {
        match self.builds.iter_mut().find(|build| build.references.iter().any(|known| known == reference)) {
            Some(build) => {
                build.pushed = true;
                if !build.pushes.iter().any(|known| known == reference) {
                    build.pushes.push(reference.to_owned());
                }
            }
            None => self.remarks.refuse(
                at,
                "it pushes an image that nothing here builds",
                "build it by docker/build-push-action",
            ),
        }
    }

    pub(super) fn login_command(&mut self, command: &Command, words: &[&str]) {
        let (mut host, mut user, mut password) = ("docker.io", "", command.input.clone().unwrap_or_default());
        let mut flags = Flags::new(words);
        while let Some(flag) = flags.flag() {
            match flag {
                "-u" | "--username" => user = flags.value(),
                "-p" | "--password" => flags.value().clone_into(&mut password),
                "--password-stdin" => {}
                flag if flag.starts_with('-') => {
                    self.remarks.refuse(command.at, format!("`{flag}` of `docker login` has no place"), "take it away");
                    return;
                }
                name => host = name,
            }
        }
        self.login(command.at, host, user, &password);
    }

    pub(super) fn build_command(&mut self, at: Position, words: &[&str]) {
        let mut build = Build { at: Some(at), named_at: Some(at), ..Build::default() };
        let (mut lists, mut arguments) = (BTreeMap::<&'static str, Vec<String>>::new(), Vec::new());
        let mut flags = Flags::new(words);
        while let Some(flag) = flags.flag() {
            let is_set_switch = flags.is_set_switch(flag);
            let mut value = || flags.value().to_owned();
            let place = |text: String| Some(Text { at, text });
            match flag {
                flag if is_set_switch => {
                    self.remarks.refuse(at, format!("`{flag}` of `docker build` has a value"), "write the flag alone");
                }
                "-t" | "--tag" => build.references.push(value()),
                "-f" | "--file" => build.dockerfile = place(value()),
                "--platform" => lists.entry("platforms").or_default().push(value()),
                "--target" => lists.entry("target").or_default().push(value()),
                "--build-arg" => lists.entry("build-args").or_default().push(value()),
                "--build-context" => lists.entry("build-contexts").or_default().push(value()),
                "--label" => lists.entry("labels").or_default().push(value()),
                "--annotation" => lists.entry("annotations").or_default().push(value()),
                "--push" => build.pushed = true,
                "--pull" | "--no-cache" => arguments.push(flag.to_owned()),
                "--network" | "--add-host" | "--ulimit" | "--shm-size" => {
                    let value = self.value(flag, &Node { at, value: Value::Null }, &value()).unwrap_or_default();
                    arguments.push(format!("{flag}={value}"));
                }
                "--progress" | "--builder" => drop(value()),
                "--cache-from" | "--cache-to" => {
                    let key = Text { at, text: flag.trim_start_matches('-').to_owned() };
                    drop(value());
                    cache(&key, self.remarks);
                }
                "--rm" | "--load" | "-q" | "--quiet" => {}
                flag if flag.starts_with('-') => {
                    let help = "take it away, or build this image in a workflow of your own";
                    self.remarks.refuse(at, format!("`{flag}` of `docker build` has no place"), help);
                    return;
                }
                context if build.context.is_none() => build.context = place(context.to_owned()),
                extra => {
                    self.remarks.refuse(at, format!("`docker build` has two contexts: `{extra}`"), "name one");
                    return;
                }
            }
        }
        for (name, values) in lists {
            let separator = if name == "platforms" { "," } else { "\n" };
            let node = Node { at, value: Value::Null };
            let values = values.join(separator);
            match name {
                "labels" | "annotations" => self.labels(&mut build, name, &node, &values),
                "build-args" => self.build_args(&mut build, &node, &values),
                _ => self.pass(&mut build, name, &node, &values),
            }
        }
        if build.pushed {
            build.pushes.clone_from(&build.references);
        }
        if !arguments.is_empty() {
            build.inputs.push(Input::new("buildx-args", arguments.join("\n") + "\n"));
        }
        self.builds.push(build);
    }
}
