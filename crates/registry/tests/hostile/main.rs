//! The probe against registries that fail, lie or mean no good: the simulator's, in memory, under paused time. Each test
//! says what is seen, in how many requests, and what the servers were sent.
//!
//! | row | what the registry does | test |
//! |---|---|---|
//! | 1 | a manifest without end | `case_01_a_manifest_without_end_is_read_to_four_mebibytes` |
//! | 2 | a compressed body | `case_02_a_compressed_body_is_refused_and_none_is_asked_for` |
//! | 3 | another digest in the header | `case_03_a_wrong_digest_is_refused_with_content_and_a_candidate_without` |
//! | 4 | junk for a digest | `case_04_a_junk_digest_is_computed_instead` |
//! | 5 | a page of a captive portal | `case_05_a_page_of_a_captive_portal_is_no_image` |
//! | 6 | redirects | `case_06_a_redirect_to_a_place_that_is_not_safe_is_not_followed`, `case_06_a_followed_redirect_carries_no_access`, `case_06_five_redirects_are_followed_and_no_sixth` |
//! | 7 | realms elsewhere | `case_07_a_realm_that_is_not_safe_is_not_asked`, `case_07_a_realm_on_a_foreign_host_sees_no_password`, `case_07_a_password_is_for_its_own_host_and_port`, `case_07_a_realm_that_redirects_is_not_followed` |
//! | 8 | nonsense for a token | `case_08_a_token_that_cannot_be_used_is_an_error`, `case_08_any_lifetime_of_a_token_is_survived` |
//! | 9 | answers that do not come | `case_09_an_attempt_ends_after_ten_seconds`, `case_09_a_look_that_is_given_up_holds_up_no_other`, `case_09_a_look_ends_after_five_minutes_whatever_it_waits_for`; with real sockets: `case_09_a_server_that_stalls_at_tls_is_given_up` |
//! | 10 | broken JSON | `case_10_broken_json_is_no_image`, `case_10_a_cut_body_is_asked_for_again` |
//! | 11 | an index in an index | `case_11_one_index_inside_another_is_read_and_no_more` |
//! | 12 | platforms absent, unknown, twice | `case_12_platforms_must_be_named_and_agree` |
//! | 13 | two kinds of manifest at once | `case_13_what_is_both_or_neither_is_refused` |
//! | 14 | no container image | `case_14_what_is_no_container_image_is_named` |
//! | 15 | a tag that moves | `case_15_a_tag_that_moves_is_seen_as_what_it_was_at_one_moment` |
//! | 16 | parts that are gone | `case_16_an_image_whose_parts_are_gone_is_broken_until_they_are_back` |
//! | 17 | parts that are something else | `case_17_a_part_that_is_not_what_the_index_says_is_broken` |
//! | 18 | revisions that are absent or differ | `case_18_every_revision_is_shown_as_it_stands_with_its_place`; judged in `domain`, `decide/tests/proof.rs` |
//! | 19 | hosts | `case_19_a_host_is_read_strictly_and_ipv6_is_asked` |
//! | 20 | names | `case_20_a_name_outside_of_the_grammar_is_no_reference` |
//! | 21 | digests | `case_21_a_digest_beside_a_tag_is_checked_and_sha512_is_known` |
//! | 22 | 404 in every shape | `case_22_a_404_is_an_absence_whatever_its_body` |
//! | 23 | 401 and 403 in every shape | `case_23_access_is_renewed_once_and_then_denied`, `case_23_every_form_of_a_challenge_is_read`, `case_23_a_token_that_ends_is_renewed` |
//! | 24 | throttling | `case_24_a_wait_that_is_asked_for_is_kept_within_reason`, `case_24_a_pause_holds_for_all_images_of_a_host` |
//! | 25 | short failures | `case_25_a_short_failure_is_mended_and_a_long_one_is_unreachable`; with real sockets: `case_25_what_a_goaway_cuts_off_is_asked_again` |
//! | 26 | credentials that are stale | `case_26_a_stale_password_does_not_hide_a_public_image`; what reads configuration files: `case_26_each_form_of_an_entry_is_read`, `case_26_a_file_that_cannot_be_used_is_named_with_the_place_of_the_fault_and_not_its_content`, `case_26_a_helper_that_keeps_nothing_is_none_and_one_that_fails_is_named_with_its_host`, `case_26_a_helper_that_hangs_is_given_up_after_ten_seconds_and_killed` |
//! | 27 | plain http | `case_27_nothing_is_asked_by_http_that_did_not_opt_in`; with real sockets: `case_27_a_certificate_that_is_not_good_is_refused_with_the_cure`, `case_27_a_proxy_gets_its_password_and_the_excepted_hosts_go_past_it`, `case_27_the_program_takes_proxies_and_certificates_from_its_environment_and_prints_no_password` |
//! | 28 | secrets repeated, control characters | `case_28_no_secret_is_repeated_and_no_control_character_shown` |
//! | 29 | many images, one slow host | `case_29_five_hundred_images_and_a_slow_host`; a deadline of the run in row 9; no wall clock is read |
//! | 30 | protocol errors | `case_30_only_200_is_content_and_a_length_of_head_is_no_promise`, `case_30_a_protocol_error_on_the_wire_is_unreachable` |
//!
//!
//! | registry | its manners | test |
//! |---|---|---|
//! | GHCR | the token endpoint refuses what is hidden or absent; tokens without a lifetime; blobs elsewhere; a lag | `registry_ghcr` |
//! | Docker Hub | a token for everybody, then 401; a GET counts as a pull; `Retry-After` since 1970 | `registry_docker_hub` |
//! | ECR private | Basic, no token; a GET names no digest | `registry_ecr_private` |
//! | ECR Public | one scope for all | `registry_ecr_public` |
//! | GAR | 403 at the token endpoint for absent and private alike; blobs on a signed path of the same host | `registry_gar` |
//! | ACR | 401 for absent and private alike; a list needs its media type | `registry_acr` |
//! | Quay | 401 with a token; `TAG_EXPIRED`; 405 for a disabled namespace | `registry_quay` |
//! | Harbor | `NOT_FOUND`; `Basic` to credentials that are refused | `registry_harbor` |
//! | GitLab | the token endpoint on another host refuses | `registry_gitlab` |
//! | Gitea | two challenges, without scope and service | `registry_gitea` |
//! | zot | Basic; the body of a refusal is one object | `registry_zot` |
//! | distribution | `MANIFEST_UNKNOWN` for a missing repository too | `registry_distribution` |
//! | Artifactory | 403 for a missing tag of a virtual repository | `registry_artifactory` |

#![cfg(test)]

mod access;
mod addresses;
mod content;
mod registries;
mod time;
mod wire;

use domain::evidence::{ChildState, Sight};
use domain::image::{Host, ImageReference};
use registry::{Glance, Login, Registry, Secret, Settings, Wanted};
use sim::{Answer, Carrier, Fault, ImageSpec, RegistrySpec, World};
use transport::Core;

/// The registry of most cases; it asks for no access.
const HOST: &str = "reg.test";
/// The image of most cases: two platforms, a revision in the labels of each, attestations.
const IMAGE: &str = "reg.test/octo/api:1";
/// Where it is asked for.
const TAG: &str = "/v2/octo/api/manifests/1";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// `octo:hunter2`.
const PASSWORD: &str = "hunter2";
const BASIC: &str = "Basic b2N0bzpodW50ZXIy";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// A world with [`IMAGE`].
fn stocked() -> World {
    let world = World::new("2026-11-23T12:00:00Z".parse().unwrap());
    world.push(IMAGE, &spec());
    world
}

/// A world with [`IMAGE`] in which one thing goes wrong.
fn faulty(fault: Fault) -> World {
    let world = stocked();
    world.fault(fault);
    world
}

fn spec() -> ImageSpec {
    let spec = ImageSpec::new().platforms(&["linux/amd64", "linux/arm64"]).attestations(true);
    spec.revision(Carrier::ConfigLabel, COMMIT)
}

/// A fault of the manifest of the tag.
fn at_tag(answer: Answer) -> Fault {
    Fault::on("GET", HOST, TAG).answer(answer)
}

/// A scripted door for `host`: any `Authorization` opens it, and without one the `challenge` is given.
fn door(world: &World, host: &str, challenge: &str) {
    world.fault(Fault::on("*", host, "/v2/").anonymous().answer(Answer::challenge(&[challenge])));
}

/// A challenge that names `realm`.
fn bearer(realm: &str) -> String {
    format!("Bearer realm=\"{realm}\",service=\"reg.test\",scope=\"repository:octo/api:pull\"")
}

/// A registry of the simulator that gives tokens to anybody, from `realm`.
fn guarded(realm: &str) -> RegistrySpec {
    let auth = sim::Auth::Token { anonymous_pull: true, expires_in: None, realm: Some(realm.to_owned()) };
    RegistrySpec::distribution().auth(auth).user("octo", PASSWORD)
}

fn probe(world: &World) -> Registry {
    probe_with(world, Settings::default())
}

fn probe_with(world: &World, settings: Settings) -> Registry {
    Registry::new(Core::new(world.service()), settings)
}

/// A probe that has the password of `host`.
fn probe_with_login(world: &World, host: &str) -> Registry {
    let registry = probe(world);
    registry.sign_in(&host.parse::<Host>().unwrap(), Login::new("octo", Secret::new(PASSWORD), "registry-auth"));
    registry
}

fn named(text: &str) -> ImageReference {
    text.parse().unwrap()
}

/// Every platform, with its revision.
fn all() -> Wanted {
    Wanted { platforms: Vec::new(), read_revision: true }
}

/// A look at `image`, as text.
async fn look(registry: &Registry, image: &str) -> String {
    shown(&registry.look(&named(image), &all()).await)
}

/// A look at [`IMAGE`] without credentials, as text.
async fn verdict(world: &World) -> String {
    look(&probe(world), IMAGE).await
}

/// `absent`, `not an image: …`, `denied: …`, `unreachable: …`, or `image: ` and the state of each platform.
fn shown(sight: &Sight) -> String {
    match sight {
        Sight::Absent => "absent".to_owned(),
        Sight::NotAnImage { why } => format!("not an image: {why}"),
        Sight::Denied { why } => format!("denied: {why}"),
        Sight::Unreachable { why } => format!("unreachable: {why}"),
        Sight::Image(facts) => {
            let child = |child: &domain::evidence::Child| match &child.state {
                ChildState::Present => format!("{} present", child.platform),
                ChildState::NotLookedAt => format!("{} not looked at", child.platform),
                ChildState::Broken(why) => format!("{} broken: {}", child.platform, short(why)),
            };
            format!("image: {}", facts.children.iter().map(child).collect::<Vec<_>>().join(", "))
        }
    }
}

/// What [`IMAGE`] looks like when all is well.
const WELL: &str = "image: linux/amd64 present, linux/arm64 present";

/// A glance, as text.
async fn glance(registry: &Registry, image: &str) -> String {
    match registry.digest(&named(image)).await {
        Glance::Digest(digest) => digest.to_string(),
        Glance::Absent => "absent".to_owned(),
        Glance::Denied { why } => format!("denied: {why}"),
        Glance::Unreachable { why } => format!("unreachable: {why}"),
    }
}

/// What was asked since the last call: method, URL, and the kind of `Authorization` in brackets.
fn asked(world: &World) -> Vec<String> {
    let requests = world.requests();
    world.clear_requests();
    let line = |request: sim::RecordedRequest| {
        let access = request.authorization.as_deref().and_then(|access| access.split(' ').next());
        let access = access.map_or_else(String::new, |kind| format!(" [{kind}]"));
        format!("{} {}://{}{}{access}", request.method, request.scheme, request.host, short(&request.path_and_query))
    };
    requests.into_iter().map(line).collect()
}

/// How many requests came since the last call. All of them asked one registry for [`IMAGE`]'s repository, none with access.
#[track_caller]
fn asked_openly(world: &World) -> usize {
    let asked = asked(world);
    let home = |line: &String| {
        let host = line.split("://").nth(1)?.split('/').next()?.to_owned();
        let is_open =
            ["GET", "HEAD"].iter().any(|method| line.starts_with(&format!("{method} https://{host}/v2/octo/api/")));
        (is_open && !line.contains(" [")).then_some(host)
    };
    let homes: std::collections::HashSet<_> = asked.iter().map(home).collect();
    assert!(homes.len() <= 1 && !homes.contains(&None), "{asked:#?}");
    asked.len()
}

/// `text` and as many blanks as make `size` bytes.
fn padded_to(size: usize, text: &str) -> String {
    format!("{text}{}", " ".repeat(size - text.len()))
}

/// `text` with its digests cut.
fn short(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| format!("{text}sha256:…{}", part.get(64..).unwrap_or_default()))
}

/// The digests that the manifest of `reference` names, in order.
fn parts_of(world: &World, reference: &str) -> Vec<String> {
    let text = String::from_utf8(world.manifest(reference).unwrap().to_vec()).unwrap();
    text.split("\"digest\":\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn every_row_names_its_tests_and_each_of_them_is_there() {
    let sources = [
        include_str!("registries.rs"),
        include_str!("access.rs"),
        include_str!("addresses.rs"),
        include_str!("content.rs"),
        include_str!("time.rs"),
        include_str!("wire.rs"),
        include_str!("../../../runner/src/docker_config/tests.rs"),
        include_str!("../../../../tests/e2e/network.rs"),
    ];
    let table = |heading: &str| -> Vec<&str> {
        let rows = include_str!("main.rs").lines().filter_map(|line| line.strip_prefix("//! | "));
        rows.skip_while(|row| !row.starts_with(heading))
            .skip(1)
            .take_while(|row| !row.starts_with("registry |"))
            .collect()
    };
    let tests_of = |row: &str| -> Vec<String> {
        let words = row.split('`').filter(|word| word.starts_with("case_") || word.starts_with("registry_"));
        words.map(ToOwned::to_owned).collect()
    };
    let is_there = |name: &str| sources.iter().any(|source| source.contains(&format!("\nasync fn {name}(")));
    let there = |start: &str| -> usize {
        sources.iter().map(|source| source.matches(&format!("\nasync fn {start}")).count()).sum()
    };
    let cases = table("row |");
    let mut tests = 0;
    for row in 1..=30 {
        let line = cases.iter().find(|line| line.starts_with(&format!("{row} |")));
        let names = tests_of(line.unwrap_or_else(|| panic!("row {row} is not in the table")));
        assert!(!names.is_empty(), "row {row} names no test");
        for name in names {
            assert!(name.starts_with(&format!("case_{row:02}_")) && is_there(&name), "{name} in row {row}");
            tests += 1;
        }
    }
    assert_eq!((cases.len(), there("case_")), (30, tests), "a row or a test that the table does not know");
    let registries = table("registry |");
    for row in &registries {
        assert!(matches!(&tests_of(row)[..], [name] if is_there(name)), "{row}");
    }
    assert_eq!((registries.len(), there("registry_")), (13, 13), "a row or a test that the table does not know");
}
