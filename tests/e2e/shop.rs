//! The shop: six services, one tag, a simulated GitHub on loopback, and a folder of its own in a real registry.

use sim::{Served, World};

use super::image::Image;
use super::place::{Place, printed};
use super::program::{self, Step};
use super::push;
use crate::stage::{SERVICES, Scene, token};

/// The platforms that every image is built for.
pub(crate) const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];

pub(crate) struct Shop {
    /// The GitHub side.
    pub(crate) scene: Scene,
    pub(crate) place: Place,
    pub(crate) github: Served,
    folder: String,
}

impl Shop {
    /// Opens the shop, with its images in `folder` of the registry.
    pub(crate) async fn open(folder: &str, place: Place) -> Self {
        // Now, so that no story counts the time of the build.
        program::binaries().await;
        let world = World::new("2026-11-23T12:00:00Z".parse().unwrap());
        let commit = world.commit("release 1.0.0");
        world.tag("v1.0.0", &commit);
        world.token(token());
        let github = world.serve_github().await.unwrap();
        let scene = Scene { world, tag: "v1.0.0".to_owned(), commit };
        Self { scene, place, github, folder: folder.to_owned() }
    }

    /// The image of a service, as its build makes it.
    pub(crate) fn image(&self, service: &str) -> Image {
        Image::new(service, &self.scene.commit, &PLATFORMS)
    }

    /// Where its images stand, without a service.
    pub(crate) fn reference(&self) -> String {
        format!("{}/{}", self.place.host, self.folder)
    }

    /// The repository of a service in the registry.
    pub(crate) fn repository(&self, service: &str) -> String {
        format!("{}/{service}", self.folder)
    }

    /// Pushes an image: the first service's by skopeo, the others' by oci-client.
    pub(crate) async fn push(&self, service: &str, image: &Image) {
        let repository = self.repository(service);
        if service == SERVICES[0] {
            push::by_skopeo(&self.place, &repository, "1.0.0", image).await;
        } else {
            push::by_oci_client(&self.place, &repository, "1.0.0", image).await;
        }
    }

    /// Pushes the image of a service and signals success, in this attempt of its run.
    pub(crate) async fn build(&self, service: &str, attempt: u64) {
        let image = self.image(service);
        self.push(service, &image).await;
        self.scene.green(service, &image.index.digest, attempt);
    }

    /// The digest of a service's image, by skopeo.
    pub(crate) async fn digest(&self, service: &str) -> String {
        let image = format!("docker://{}/{}:1.0.0", self.place.host, self.repository(service));
        let credentials = self.place.credentials();
        let mut arguments = vec!["inspect", "--tls-verify=false", "--format", "{{.Digest}}"];
        if let Some(credentials) = &credentials {
            arguments.extend(["--creds", credentials]);
        }
        arguments.push(&image);
        printed("skopeo", &arguments).await
    }

    /// The release step in a run that the push of the tag started. Waits are short, as this is real time.
    pub(crate) fn step(&self) -> Step {
        let mut step = Step::of_tag_push("wait-and-release", &self.github.url(), &self.scene.commit);
        step.input("services", &SERVICES.join(" "));
        step.input("image", &format!("{}/{}/{{service}}:{{version}}", self.place.host, self.folder));
        step.input("poll-interval", "1s").input("timeout", "60s");
        if let Some((name, password)) = &self.place.account {
            step.input("registry-auth", &format!("{} {name} {password}", self.place.host));
        }
        step
    }
}
