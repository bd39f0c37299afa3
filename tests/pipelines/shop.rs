//! The shop: the example repository as a git repository of its own, the GitHub that has it, and a token for each of its jobs.
//!
//! act gives all jobs one token. So each step that calls an action of ours, or names `github.token`, is given that of its job, by
//! lines that are changed in copies of the workflows and printed; what such a token may do is what the job's `permissions:` say.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use runner::Environment;
use serde_json::Value;
use sim::{Access, GitHubToken, RepositorySpec, Served, World};

use super::ghcr::Ghcr;
use super::tell;
use crate::e2e::place::printed;

/// The tag that is released, but where a test names another.
pub(crate) const TAG: &str = "v1.0.0";
/// Our actions, as workflows call them.
const OURS: &str = "org/release-actions/";
const REUSABLE: &str = ".github/workflows/build-image.yml";

/// `permissions:` of a job.
type Permissions = BTreeMap<String, Access>;

pub(crate) struct Shop {
    pub(super) folder: tempfile::TempDir,
    pub(crate) world: World,
    pub(super) github: Served,
    pub(crate) ghcr: Ghcr,
    /// Owner and name.
    pub(super) repository: String,
    /// The tag that is released.
    pub(super) tag_name: String,
    /// What act gets beside what all runs have.
    pub(super) environment: BTreeMap<&'static str, String>,
    /// The release tree: what a workflow may name before `@…` and after it, and the folder that has it.
    pub(super) tree: Vec<(String, PathBuf)>,
    /// The reusable workflow of the tree.
    reusable: Value,
    /// The number of the newest run.
    pub(super) runs: Cell<u64>,
    /// The runs that have not begun, by workflow.
    pub(super) queued: RefCell<BTreeMap<String, u64>>,
}

/// A variable that the script sets.
pub(super) fn variable(name: &str) -> String {
    let value = Environment::capture().get(name).map(ToOwned::to_owned);
    value.unwrap_or_else(|| panic!("{name} is not set: run tests/e2e/pipelines.sh"))
}

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

impl Shop {
    /// A copy of the example.
    pub(crate) async fn open(name: &str) -> Self {
        let shop = Self::empty(name).await;
        let from = format!("{}/examples/six-services/.", root().display());
        printed("cp", &["--recursive", &from, &shop.path("repository")]).await;
        shop
    }

    /// A repository without any file.
    pub(crate) async fn empty(name: &str) -> Self {
        Self::of("octo", name).await
    }

    /// The same, of that owner.
    pub(super) async fn of(owner: &str, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = World::new("2026-11-23T12:00:00Z".parse().unwrap());
        world.repository(RepositorySpec {
            owner: owner.to_owned(),
            name: name.to_owned(),
            private: true,
            ..RepositorySpec::default()
        });
        world.rate_limit(100_000);
        let github = world.serve_github().await.unwrap();
        let certificates = PathBuf::from(variable("E2E_CERTIFICATES"));
        let ghcr = Ghcr::open(&variable("E2E_STORE"), &variable("E2E_PROXY"), &certificates).await;
        let repository = format!("{owner}/{name}");
        let (tree, reusable) = tree(folder.path(), Path::new(&variable("E2E_TREE"))).await;
        let shop = Self {
            folder,
            world,
            github,
            ghcr,
            repository,
            tag_name: TAG.to_owned(),
            environment: BTreeMap::new(),
            tree,
            reusable,
            runs: Cell::new(100),
            queued: RefCell::default(),
        };
        std::fs::create_dir(shop.path("repository")).unwrap();
        shop.git(&["init", "--quiet", "--initial-branch", "main"]).await;
        let origin = format!("{}/{}.git", shop.github.url(), shop.repository);
        shop.git(&["remote", "add", "origin", &origin]).await;
        shop
    }

    /// From now on the workflows call this release tree.
    pub(super) async fn take_tree(&mut self, from: &Path) {
        (self.tree, self.reusable) = tree(self.folder.path(), from).await;
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub(crate) async fn git(&self, arguments: &[&str]) -> String {
        let repository = self.path("repository");
        let who = ["-c", "user.name=Octo Cat", "-c", "user.email=octocat@example.com"];
        printed("git", &[&["-C", &repository], &who[..], arguments].concat()).await
    }

    /// A file of the repository; `None` when it is not there.
    pub(crate) fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join("repository").join(path)).ok()
    }

    /// Writes a file of the repository, and its folder.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join("repository").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The workflow files, by their names without `.yml`.
    pub(super) fn workflows(&self) -> BTreeMap<String, String> {
        let folder = self.folder.path().join("repository/.github/workflows");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.map(|path| (stem(&path), std::fs::read_to_string(&path).unwrap())).collect()
    }

    /// Gives the jobs their tokens, commits what is there, tags it and pushes the tag.
    pub(crate) async fn tag(&self) {
        self.give_tokens();
        self.git(&["add", "--all"]).await;
        self.git(&["commit", "--quiet", "--message", "Open the shop"]).await;
        self.git(&["tag", "--force", &self.tag_name]).await;
        self.push().await;
    }

    /// Gives each job a token of its own.
    pub(crate) fn give_tokens(&self) {
        for (name, text) in self.workflows() {
            let instrumented = with_tokens(&text, |job| format!("e2e-{name}-{job}"));
            report(&format!("{name}.yml"), &text, &instrumented);
            self.write(&format!(".github/workflows/{name}.yml"), &instrumented);
        }
    }

    /// The tag comes to GitHub, with its commit; jobs may do what their permissions say, and the builds are queued.
    pub(crate) async fn push(&self) {
        let commit = self.commit().await;
        let names = self.git(&["ls-files", ".github"]).await;
        let files = names.lines().map(|name| (name.to_owned(), self.read(name).unwrap()));
        self.world.import_commit(&commit, "Open the shop", files.collect::<Vec<_>>());
        self.world.tag(&self.tag_name, &commit);
        self.grant();
        self.queue().await;
    }

    /// The commit of the tag.
    pub(crate) async fn commit(&self) -> String {
        self.git(&["rev-parse", &self.tag_name]).await
    }

    /// What every job may do, by its token.
    pub(crate) fn permissions(&self) -> BTreeMap<String, Permissions> {
        let mut tokens = BTreeMap::new();
        for (name, text) in self.workflows() {
            let workflow: Value = serde_saphyr::from_str(&text).unwrap();
            for (job, caller) in workflow["jobs"].as_object().unwrap() {
                let granted = granted(caller, &workflow);
                if caller["uses"].as_str().is_none_or(|uses| !uses.contains(REUSABLE)) {
                    tokens.insert(format!("e2e-{name}-{job}"), granted);
                    continue;
                }
                let service = caller["with"]["service-name"].as_str().unwrap();
                for (job, callee) in self.reusable["jobs"].as_object().unwrap() {
                    let asked = self::granted(callee, &self.reusable);
                    let both = asked.into_iter().map(|(scope, access)| {
                        let most = granted.get(&scope).copied().unwrap_or_default();
                        (scope, access.min(most))
                    });
                    tokens.insert(format!("e2e-{service}-{job}"), both.collect());
                }
            }
        }
        tokens
    }

    /// Gives every job's token what its permissions say.
    pub(crate) fn grant(&self) {
        for (token, permissions) in self.permissions() {
            self.allow(&token, &permissions);
        }
    }

    /// Gives a token these permissions and no others.
    pub(crate) fn allow(&self, token: &str, permissions: &Permissions) {
        let access = |scope: &str| permissions.get(scope).copied().unwrap_or_default();
        let github = GitHubToken::new(token).contents(access("contents")).statuses(access("statuses"));
        self.world.token(github.actions(access("actions")).packages(access("packages")));
        self.ghcr.grant(token, access("packages"));
    }

    /// Lets time pass on GitHub.
    pub(crate) fn skip(&self, time: Duration) {
        self.world.skip(time);
    }

    /// Lets time fly on GitHub while something runs, as nobody waits minutes in a test.
    pub(crate) async fn hurried<T>(&self, runs: impl Future<Output = T>) -> T {
        let flies = async {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                self.skip(Duration::from_secs(30));
            }
        };
        tokio::select! {
            ended = runs => ended,
            () = flies => panic!("time ends"),
        }
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

fn granted(job: &Value, workflow: &Value) -> Permissions {
    let permissions = job.get("permissions").unwrap_or(&workflow["permissions"]);
    let access = |level: &Value| match level.as_str() {
        Some("write") => Access::Write,
        Some("read") => Access::Read,
        _ => Access::None,
    };
    permissions.as_object().unwrap().iter().map(|(scope, level)| (scope.clone(), access(level))).collect()
}

/// Copies the release tree, gives the jobs of its reusable workflow their tokens, and says what it is called by: each commit of
/// the chain by its id, and the last one, as a release is, by `v1`.
async fn tree(folder: &Path, from: &Path) -> (Vec<(String, PathBuf)>, Value) {
    let chain = std::fs::read_to_string(from.join("chain")).unwrap();
    let mut tree = Vec::new();
    for line in chain.lines() {
        let (reference, source) = line.split_once(' ').unwrap();
        let copy = folder.join(reference.rsplit_once('@').unwrap().1);
        printed("cp", &["--recursive", &from.join(source).display().to_string(), &copy.display().to_string()]).await;
        tree.push((reference.to_owned(), copy));
    }
    let last = tree.last().unwrap().1.clone();
    tree.push((format!("{}@v1", OURS.trim_end_matches('/')), last.clone()));
    let path = last.join(REUSABLE);
    let text = std::fs::read_to_string(&path).unwrap();
    let instrumented = with_tokens(&text, |job| format!("e2e-${{{{ inputs.service-name }}}}-{job}"));
    report("build-image.yml", &text, &instrumented);
    std::fs::write(path, &instrumented).unwrap();
    (tree, serde_saphyr::from_str(&text).unwrap())
}

/// The workflow with a `token` for each step that calls an action of ours, and in the place of `github.token`.
fn with_tokens(text: &str, token: impl Fn(&str) -> String) -> String {
    let (mut out, mut job) = (String::new(), "");
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("  ").and_then(|rest| rest.strip_suffix(':'))
            && !name.starts_with([' ', '-', '#'])
        {
            job = name;
        }
        writeln!(out, "{}", line.replace("${{ github.token }}", &token(job))).unwrap();
        let Some(at) = line.find("uses: ").filter(|at| line[*at..].starts_with(&format!("uses: {OURS}"))) else {
            continue;
        };
        if line.contains(".github/workflows/") {
            continue;
        }
        let indent = " ".repeat(at);
        writeln!(out, "{indent}with:\n{indent}  token: {}", token(job)).unwrap();
        lines.next_if(|next| next.trim() == "with:");
    }
    out
}

/// Prints what was added.
fn report(name: &str, before: &str, after: &str) {
    for change in similar::TextDiff::from_lines(before, after).iter_all_changes() {
        if change.tag() != similar::ChangeTag::Equal {
            tell(&format!("{name}: {}{change}", change.tag()));
        }
    }
}
