//! What stands in for buildx: it does to the simulated registry what its arguments say, takes ten virtual seconds for a call,
//! and fails when it is told to, in the words of the real one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use build_and_signal::{Call, Engine, Exit};
use serde_json::json;
use sim::{Carrier, ImageSpec, World};

use crate::stage::SECOND;

/// How one call goes, other than well.
#[derive(Clone)]
pub(crate) enum Fault {
    /// It fails before anything is pushed, in these words.
    Fails(&'static str),
    /// It pushes so many tags, then fails in these words.
    Pushes(usize, &'static str),
    /// It ends well and pushes nothing.
    Lies,
    /// It does not end by itself.
    Hangs,
    /// It pushes so many tags, and does not end by itself.
    PushesAndHangs(usize),
    /// Something happens in the world, and the call goes well.
    Meanwhile(Arc<dyn Fn(&World) + Send + Sync>),
}

/// One call as it was made.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    /// What `config.json` of its `DOCKER_CONFIG` held.
    pub(crate) docker_config: String,
    /// The certificates in the first folder of its `SSL_CERT_DIR`.
    pub(crate) certificates: String,
}

impl Made {
    /// The values of an option, in order.
    pub(crate) fn all(&self, option: &str) -> Vec<String> {
        let pairs = self.arguments.windows(2).filter(|pair| pair[0] == option);
        pairs.map(|pair| pair[1].clone()).collect()
    }

    pub(crate) fn has(&self, argument: &str) -> bool {
        self.arguments.iter().any(|given| given == argument)
    }
}

#[derive(Clone)]
pub(crate) struct Builder {
    world: World,
    faults: Arc<Mutex<VecDeque<Option<Fault>>>>,
    made: Arc<Mutex<Vec<Made>>>,
}

impl Builder {
    pub(crate) fn new(world: &World) -> Self {
        Self { world: world.clone(), faults: Arc::default(), made: Arc::default() }
    }

    /// How the next calls go, each in turn; `None` = well.
    pub(crate) fn next(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.faults.lock().unwrap().extend(faults);
    }

    /// The calls so far.
    pub(crate) fn made(&self) -> Vec<Made> {
        self.made.lock().unwrap().clone()
    }

    /// The calls so far by their first words: `build`, `push`, `create`, `imagetools`.
    pub(crate) fn kinds(&self) -> Vec<String> {
        let kind = |made: &Made| if made.has("--push") { "push".to_owned() } else { made.arguments[0].clone() };
        self.made().iter().map(kind).collect()
    }

    pub(crate) fn engine(&self) -> Engine {
        let builder = self.clone();
        Engine::new(move |call| {
            let builder = builder.clone();
            Box::pin(async move { Ok(builder.answer(call).await) })
        })
    }

    async fn answer(&self, call: Call) -> Exit {
        let Call { arguments, environment, lines, mut stop, .. } = call;
        let folder = |variable: &str| environment.get(variable).map(|folders| folders.split(':').next().unwrap());
        let held = |folder: Option<&str>, file: &str| {
            folder.and_then(|folder| std::fs::read_to_string(format!("{folder}/{file}")).ok()).unwrap_or_default()
        };
        let docker_config = held(folder("DOCKER_CONFIG"), "config.json");
        let certificates = held(folder("SSL_CERT_DIR"), "ca.pem");
        let made = Made { arguments, environment, docker_config, certificates };
        self.made.lock().unwrap().push(made.clone());
        let fault = self.faults.lock().unwrap().pop_front().flatten();
        let hangs = matches!(fault, Some(Fault::Hangs | Fault::PushesAndHangs(_)));
        if let Some(Fault::PushesAndHangs(tags)) = fault {
            self.push(&made, tags);
        }
        tokio::select! {
            () = tokio::time::sleep(10 * SECOND), if !hangs => {}
            _ = stop.wait_for(|stop| *stop) => return Exit::Stopped,
        }
        let words = match &fault {
            Some(Fault::Fails(words)) => Some(*words),
            Some(Fault::Pushes(tags, words)) => {
                self.push(&made, *tags);
                Some(*words)
            }
            Some(Fault::Meanwhile(event)) => {
                event(&self.world);
                self.push(&made, usize::MAX);
                None
            }
            Some(Fault::Lies) => None,
            Some(Fault::Hangs | Fault::PushesAndHangs(_)) | None => {
                self.push(&made, usize::MAX);
                None
            }
        };
        for line in words.unwrap_or("#1 DONE 0.1s").lines() {
            lines.send(line.to_owned()).unwrap();
        }
        Exit::Code(Some(i32::from(words.is_some())))
    }

    /// What `--push` and `imagetools create` do.
    fn push(&self, made: &Made, tags: usize) {
        let images = made.all("--tag");
        if made.arguments[0] == "imagetools" {
            let (name, digest) = made.arguments.last().unwrap().split_once('@').unwrap();
            let source = format!("{name}@{digest}");
            for image in images.iter().take(tags) {
                let tag = image.rsplit_once(':').unwrap().1;
                assert!(self.retag(&source, tag), "{source} is not there");
            }
            return;
        }
        if !made.has("--push") {
            return;
        }
        let value = |option: &str, key: &str| {
            let key = format!("{key}=");
            made.all(option).iter().find_map(|pair| pair.strip_prefix(&key).map(ToOwned::to_owned))
        };
        let platforms = made.all("--platform").pop().unwrap_or_else(|| "linux/amd64".into());
        let mut spec = ImageSpec::new().platforms(&platforms.split(',').collect::<Vec<_>>()).attestations(true);
        if let Some(commit) = value("--annotation", "index:org.opencontainers.image.revision") {
            spec = spec.revision(Carrier::IndexAnnotation, &commit);
        }
        if let Some(commit) = value("--label", "org.opencontainers.image.revision") {
            spec = spec.revision(Carrier::ConfigLabel, &commit);
        }
        if let Some(source) = value("--label", "org.opencontainers.image.source") {
            spec = spec.source(&source);
        }
        // Two builds differ by when they were made.
        spec = spec.salt(&value("--label", "org.opencontainers.image.created").unwrap());
        let mut digest = String::new();
        for image in images.iter().take(tags) {
            digest = self.world.push(image, &spec);
        }
        if let Some(file) = made.all("--metadata-file").pop().filter(|_| tags >= images.len()) {
            std::fs::write(file, json!({ "containerimage.digest": digest }).to_string()).unwrap();
        }
    }

    fn retag(&self, source: &str, tag: &str) -> bool {
        let (name, digest) = source.split_once('@').unwrap();
        // The world names what is retagged by a tag.
        ["1.0.0", "latest"].iter().any(|known| {
            let known = format!("{name}:{known}");
            self.world.image_digest(&known).as_deref() == Some(digest) && self.world.retag(&known, tag)
        })
    }
}
