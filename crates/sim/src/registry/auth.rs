//! Who may do what at a registry: challenges, the token endpoint, and the check of what a client then brings.
//! Source: distribution docs "Token Authentication Specification"; GHCR's own manners from the issues named beside them.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::{Auth, Flavour, Registry};
use crate::github::GithubState;
use crate::message::{Call, Outcome, Reply, base64_decoded, base64_encoded, basic_credentials, hex};

/// Life of a token whose life is not told.
const UNTOLD_LIFE: Duration = Duration::from_secs(300);

/// A token that was given out.
pub(super) struct Issued {
    until: Timestamp,
    /// Repository and what may be done there.
    grants: Vec<(String, Vec<String>)>,
}

/// Who asks for a token.
enum Asker {
    Anonymous,
    /// An account of the registry, or a GitHub token that may write packages.
    Writer,
    /// A GitHub token that may read packages.
    Reader,
    Wrong,
}

impl Registry {
    /// Is this a request to the realm?
    pub(super) fn is_token_endpoint(&self, call: &Call) -> bool {
        let Auth::Token { realm, .. } = &self.spec.auth else { return false };
        let path = realm
            .as_ref()
            .and_then(|realm| realm.parse::<http::Uri>().ok())
            .map_or_else(|| "/token".to_owned(), |realm| realm.path().to_owned());
        call.path == path && call.reads()
    }

    /// May this call do `action` in a repository? `None`: may it ask `/v2/`?
    pub(super) fn authorise(
        &self,
        github: &GithubState,
        call: &Call,
        wanted: Option<(&str, &str)>,
        now: Timestamp,
    ) -> Result<(), Reply> {
        let sent = call.header("authorization");
        match &self.spec.auth {
            Auth::Anonymous => Ok(()),
            Auth::Basic => {
                let account = sent.and_then(basic_credentials).is_some_and(|pair| self.spec.users.contains(&pair));
                if account { Ok(()) } else { Err(self.challenge(call, wanted, None)) }
            }
            Auth::Token { .. } => {
                let Some(sent) = sent else { return Err(self.challenge(call, wanted, None)) };
                let bearer = sent.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
                match bearer {
                    Some((_, token)) => self.check_token(github, call, wanted, token.trim(), now),
                    // GHCR answers Basic at the registry itself with 403 "invalid token"
                    // (argoproj-labs/argocd-image-updater#303); distribution challenges again.
                    None if self.spec.flavour == Flavour::Ghcr => Err(self.invalid_token()),
                    None => Err(self.challenge(call, wanted, None)),
                }
            }
        }
    }

    fn check_token(
        &self,
        github: &GithubState,
        call: &Call,
        wanted: Option<(&str, &str)>,
        token: &str,
        now: Timestamp,
    ) -> Result<(), Reply> {
        let ghcr = self.spec.flavour == Flavour::Ghcr;
        let Some(issued) = self.tokens.get(token) else {
            // GHCR takes base64(GitHub token) as a bearer, without an exchange (containerd#3291); a token that is
            // nothing of the kind is 403 without a challenge (renovatebot/renovate#11446).
            let encoded = base64_decoded(token).and_then(|bytes| String::from_utf8(bytes).ok());
            return match encoded.and_then(|value| self.github_asker(github, &value)) {
                Some(asker) if self.allowed(&asker, wanted) => Ok(()),
                Some(_) => Err(self.denied()),
                None if ghcr => Err(self.invalid_token()),
                None => Err(self.challenge(call, wanted, Some("invalid_token"))),
            };
        };
        if issued.until <= now {
            return Err(self.challenge(call, wanted, (!ghcr).then_some("invalid_token")));
        }
        let granted = wanted.is_none_or(|(name, action)| {
            issued.grants.iter().any(|(held, actions)| held == name && actions.iter().any(|held| held == action))
        });
        if granted {
            Ok(())
        } else if ghcr {
            Err(self.denied())
        } else {
            // distribution `registry/auth/token`: ErrInsufficientScope.
            Err(self.challenge(call, wanted, Some("insufficient_scope")))
        }
    }

    fn github_asker(&self, github: &GithubState, value: &str) -> Option<Asker> {
        if self.spec.flavour != Flavour::Ghcr {
            return None;
        }
        let token = github.tokens.iter().find(|token| token.value == value)?;
        Some(match token.packages {
            crate::github::Access::Write => Asker::Writer,
            crate::github::Access::Read => Asker::Reader,
            crate::github::Access::None => Asker::Wrong,
        })
    }

    fn allowed(&self, asker: &Asker, wanted: Option<(&str, &str)>) -> bool {
        let Some((name, action)) = wanted else { return true };
        let public = self.published(name) && !self.spec.private_repositories.contains(name);
        match asker {
            Asker::Writer => true,
            Asker::Reader => action == "pull" && self.published(name),
            Asker::Anonymous => action == "pull" && public,
            Asker::Wrong => false,
        }
    }

    /// The token endpoint, GET form.
    pub(super) fn token(&mut self, github: &GithubState, call: &Call, now: Timestamp) -> Outcome {
        let Auth::Token { anonymous_pull, expires_in, .. } = self.spec.auth.clone() else {
            return Err(super::not_routed());
        };
        let ghcr = self.spec.flavour == Flavour::Ghcr;
        let asker = match call.header("authorization") {
            None => Asker::Anonymous,
            Some(sent) => match basic_credentials(sent) {
                Some(pair) if self.spec.users.contains(&pair) => Asker::Writer,
                Some((_, password)) => self.github_asker(github, &password).unwrap_or(Asker::Wrong),
                None => Asker::Wrong,
            },
        };
        if matches!(asker, Asker::Wrong) {
            // Bad credentials break public pulls too: GHCR 403 "invalid token" without a challenge
            // (renovatebot/renovate#11446, keel-hq/keel#632); elsewhere 401 ("Token Authentication Specification").
            return Err(if ghcr { self.invalid_token() } else { self.wrong_credentials() });
        }
        let mut grants = Vec::new();
        for (name, actions) in scopes(call) {
            let granted: Vec<String> = actions
                .iter()
                .filter(|action| match asker {
                    // Without a GHCR behind it a public repository need not exist to be granted: Docker Hub's endpoint
                    // always answers 200 and leaves the grant out (docker/hub-feedback#1771).
                    Asker::Anonymous if !anonymous_pull => false,
                    Asker::Anonymous | Asker::Reader | Asker::Writer | Asker::Wrong => {
                        self.allowed(&asker, Some((&name, action)))
                    }
                })
                .cloned()
                .collect();
            // GHCR refuses at the endpoint what it hides or does not have: 403 `DENIED: denied`
            // (prometheus-community/helm-charts#765, sigstore/scaffolding#127).
            if granted.is_empty() && ghcr {
                return Err(self.error(403, "DENIED", "denied", None));
            }
            grants.push((name, granted));
        }
        let value = self.token_value(&grants, now);
        let life = expires_in.unwrap_or(UNTOLD_LIFE);
        let until = now.checked_add(life).unwrap_or(Timestamp::MAX);
        self.tokens.insert(value.clone(), Issued { until, grants });
        let mut body = json!({ "token": value });
        if !ghcr {
            body["access_token"] = value.into();
            body["issued_at"] = crate::message::iso(now).into();
        }
        if let Some(life) = expires_in {
            body["expires_in"] = life.as_secs().into();
        }
        Ok(Reply::json(200, &body))
    }

    /// GHCR's anonymous tokens are base64 of `v1:owner/repo:nanoseconds` (containerd#3291).
    fn token_value(&mut self, grants: &[(String, Vec<String>)], now: Timestamp) -> String {
        let number = self.next();
        let name = grants.first().map_or("", |(name, _)| name.as_str());
        if self.spec.flavour == Flavour::Ghcr {
            return base64_encoded(format!("v1:{name}:{}", now.as_nanosecond() + i128::from(number)).as_bytes());
        }
        format!("tk_{}", hex(crate::message::object_id(format!("{number} {name}").as_bytes()).as_bytes()))
    }

    fn challenge(&self, call: &Call, wanted: Option<(&str, &str)>, error: Option<&str>) -> Reply {
        let ghcr = self.spec.flavour == Flavour::Ghcr;
        let actions = match wanted {
            Some((_, "push")) => "pull,push",
            Some(_) | None => "pull",
        };
        let header = match &self.spec.auth {
            // distribution `auth/htpasswd`, with the realm of its documentation's example configuration.
            Auth::Anonymous | Auth::Basic => "Basic realm=\"basic-realm\"".to_owned(),
            Auth::Token { realm, .. } => {
                let realm = realm.clone().unwrap_or_else(|| format!("{}/token", call.origin()));
                let mut header = format!("Bearer realm=\"{realm}\",service=\"{}\"", self.host);
                let scope = match wanted {
                    Some((name, _)) => Some(format!("{name}:{actions}")),
                    // GHCR fills its `/v2/` challenge with this very placeholder (recalled, not measured).
                    None => ghcr.then(|| "user/image:pull".to_owned()),
                };
                header.extend(scope.map(|scope| format!(",scope=\"repository:{scope}\"")));
                header.extend(error.map(|error| format!(",error=\"{error}\"")));
                header
            }
        };
        // distribution `handlers/app.go` `authorized`: the detail lists the access records that were wanted; at `/v2/` it
        // is null (both seen of 2.8.2).
        let record = |name: &str, action| json!({ "Type": "repository", "Class": "", "Name": name, "Action": action });
        let records =
            wanted.map_or(json!(null), |(name, _)| actions.split(',').map(|action| record(name, action)).collect());
        self.error(401, "UNAUTHORIZED", "authentication required", Some(records)).with("WWW-Authenticate", header)
    }

    fn denied(&self) -> Reply {
        self.error(403, "DENIED", "requested access to the resource is denied", None)
    }

    fn invalid_token(&self) -> Reply {
        self.error(403, "DENIED", "invalid token", None)
    }

    fn wrong_credentials(&self) -> Reply {
        self.error(401, "UNAUTHORIZED", "authentication required", None)
    }
}

/// `repository:<name>:<actions>`, several in one parameter (separated by spaces) or in several.
fn scopes(call: &Call) -> Vec<(String, Vec<String>)> {
    call.queries("scope")
        .iter()
        .flat_map(|scope| scope.split(' '))
        .filter_map(|scope| {
            let (name, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
            Some((name.to_owned(), actions.split(',').map(str::to_owned).collect()))
        })
        .collect()
}
