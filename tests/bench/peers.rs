//! The programs that others use for the same question, one process for each image: one after the other, and sixteen at a
//! time by `xargs`.

use std::path::{Path, PathBuf};

use crate::{Goal, repository, services};

/// A program, and how it is asked whether an image is there.
pub(crate) struct Peer {
    /// The command as people know it.
    pub(crate) name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    /// What stands before the name of an image.
    prefix: &'static str,
}

/// All of them. Plain http on loopback is what the options allow; crane does so by itself.
pub(crate) const PEERS: [Peer; 4] = [
    Peer { name: "crane digest", program: "crane", arguments: &["digest"], prefix: "" },
    Peer { name: "oras resolve", program: "oras", arguments: &["resolve", "--plain-http"], prefix: "" },
    Peer {
        name: "skopeo inspect --raw",
        program: "skopeo",
        arguments: &["inspect", "--raw", "--tls-verify=false"],
        prefix: "docker://",
    },
    Peer {
        name: "docker manifest inspect",
        program: "docker",
        arguments: &["manifest", "inspect", "--insecure"],
        prefix: "",
    },
];

impl Peer {
    /// Whether it is on the search path.
    pub(crate) fn is_installed(&self, search_path: &str) -> bool {
        search_path.split(':').any(|folder| Path::new(folder).join(self.program).is_file())
    }

    /// The command that asks for `count` images, so many at a time.
    pub(crate) fn command(
        &self,
        folder: &Path,
        host: &str,
        goal: Goal,
        count: u32,
        at_a_time: usize,
    ) -> anyhow::Result<Vec<String>> {
        let list: PathBuf = folder.join("images");
        let line = |service: String| format!("{}{host}/{}:{}\n", self.prefix, repository(&service), goal.version());
        std::fs::write(&list, services(count).map(line).collect::<String>())?;
        let xargs = [
            "xargs".to_owned(),
            format!("--arg-file={}", list.display()),
            format!("--max-procs={at_a_time}"),
            "--max-args=1".to_owned(),
            self.program.to_owned(),
        ];
        Ok(xargs.into_iter().chain(self.arguments.iter().map(|argument| (*argument).to_owned())).collect())
    }
}
