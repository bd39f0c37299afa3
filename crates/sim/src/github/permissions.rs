//! Tokens, what they may do, and the refusals: docs pages "Authenticating to the REST API" and "Permissions required for
//! fine-grained personal access tokens"; "Troubleshooting the REST API" for the forms of 401, 403 and 404.

use super::Exchange;
use super::page::{not_found, refusal};
use crate::message::{Reply, basic_credentials};

/// What a token may do in one area.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Nothing.
    #[default]
    None,
    /// Read.
    Read,
    /// Read and write.
    Write,
}

/// A token of GitHub, by default an Actions `GITHUB_TOKEN` of this repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitHubToken {
    /// The secret.
    pub value: String,
    /// Who its writes are shown as.
    pub login: String,
    /// `contents:`
    pub contents: Access,
    /// `statuses:`
    pub statuses: Access,
    /// `actions:`
    pub actions: Access,
    /// `packages:`
    pub packages: Access,
    /// `administration:`, which no `GITHUB_TOKEN` can be given ("Workflow syntax", `permissions`).
    pub administration: Access,
}

impl GitHubToken {
    /// A token of `github-actions[bot]` without any permission (metadata can always be read).
    pub fn new(value: &str) -> GitHubToken {
        GitHubToken {
            value: value.to_owned(),
            login: "github-actions[bot]".to_owned(),
            contents: Access::None,
            statuses: Access::None,
            actions: Access::None,
            packages: Access::None,
            administration: Access::None,
        }
    }

    /// The same as another user.
    #[must_use]
    pub fn login(mut self, login: &str) -> GitHubToken {
        login.clone_into(&mut self.login);
        self
    }

    /// The same with `contents:`.
    #[must_use]
    pub fn contents(mut self, access: Access) -> GitHubToken {
        self.contents = access;
        self
    }

    /// The same with `statuses:`.
    #[must_use]
    pub fn statuses(mut self, access: Access) -> GitHubToken {
        self.statuses = access;
        self
    }

    /// The same with `actions:`.
    #[must_use]
    pub fn actions(mut self, access: Access) -> GitHubToken {
        self.actions = access;
        self
    }

    /// The same with `packages:`.
    #[must_use]
    pub fn packages(mut self, access: Access) -> GitHubToken {
        self.packages = access;
        self
    }

    /// The same with `administration:`.
    #[must_use]
    pub fn administration(mut self, access: Access) -> GitHubToken {
        self.administration = access;
        self
    }
}

/// A permission of the REST API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Area {
    Metadata,
    Contents,
    Statuses,
    Actions,
}

impl Area {
    fn name(self) -> &'static str {
        match self {
            Area::Metadata => "metadata",
            Area::Contents => "contents",
            Area::Statuses => "statuses",
            Area::Actions => "actions",
        }
    }

    fn of(self, token: &GitHubToken) -> Access {
        match self {
            Area::Metadata => Access::Read,
            Area::Contents => token.contents,
            Area::Statuses => token.statuses,
            Area::Actions => token.actions,
        }
    }
}

impl Exchange<'_> {
    /// Who asks. No Authorization header is nobody; a bad one is 401 "Bad credentials", even for public data.
    pub(super) fn identify(&mut self) -> Result<(), Reply> {
        let Some(sent) = self.call.header("authorization") else { return Ok(()) };
        let value = match sent.split_once(' ') {
            Some((scheme, value)) if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token") => {
                Some(value.trim().to_owned())
            }
            _ => basic_credentials(sent).map(|(_, password)| password),
        };
        let known = |value: &String| self.state.github.tokens.iter().find(|token| token.value == *value).cloned();
        self.token = value.as_ref().and_then(known);
        if self.token.is_some() { Ok(()) } else { Err(refusal(401, "Bad credentials")) }
    }

    /// May this be read? Each of these endpoints' pages says: "This endpoint can be used without authentication or the
    /// aforementioned permissions if only public resources are requested."
    pub(super) fn may_read(&mut self, area: Area) -> Result<(), Reply> {
        self.accepted = Some(format!("{}=read", area.name()));
        if !self.state.git.spec.private {
            return Ok(());
        }
        match &self.token {
            // What is private is hidden from strangers: 404, not 403.
            None => Err(not_found()),
            Some(token) if area.of(token) >= Access::Read => Ok(()),
            Some(_) => Err(refusal(403, "Resource not accessible by integration")),
        }
    }

    /// May the settings be read? "The authenticated user must have admin read access to the repository", also to a public
    /// one.
    pub(super) fn may_read_settings(&mut self) -> Result<(), Reply> {
        self.accepted = Some("administration=read".to_owned());
        match &self.token {
            None => Err(not_found()),
            Some(token) if token.administration >= Access::Read => Ok(()),
            Some(_) => Err(refusal(403, "Resource not accessible by integration")),
        }
    }

    /// May this be written?
    pub(super) fn may_write(&mut self, area: Area) -> Result<(), Reply> {
        self.accepted = Some(format!("{}=write", area.name()));
        match &self.token {
            None if self.state.git.spec.private => Err(not_found()),
            None => Err(refusal(401, "Requires authentication")),
            Some(token) if area.of(token) >= Access::Write => Ok(()),
            Some(_) => Err(refusal(403, "Resource not accessible by integration")),
        }
    }

    /// Push access: what drafts are shown to.
    pub(super) fn may_push(&self) -> bool {
        self.token.as_ref().is_some_and(|token| token.contents >= Access::Write)
    }
}
