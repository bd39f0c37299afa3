//! Tracing events as lines and annotations of the console. Chooses the form only; what is said is said elsewhere.

use std::fmt::{Debug, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::Console;

/// The crates of this workspace. What others log goes to the debug log when they warn, and nowhere otherwise: their
/// details may quote requests.
const OURS: [&str; 9] =
    ["action", "build_and_signal", "domain", "github", "registry", "runner", "sim", "transport", "wait_and_release"];

/// The layer: ERROR and WARN are annotations with the field `title` as their title, INFO is a line, DEBUG a debug line,
/// TRACE nothing. Fields other than `title` and the message follow as `name=value`.
#[derive(Debug, Clone)]
pub struct Log {
    console: Console,
}

impl Log {
    /// Prints to this console.
    pub fn new(console: Console) -> Self {
        Self { console }
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let level = *event.metadata().level();
        let ours = event.metadata().target().split("::").next().is_some_and(|name| OURS.contains(&name));
        if level == Level::TRACE || (!ours && level > Level::WARN) {
            return;
        }
        let mut text = Text::default();
        event.record(&mut text);
        let message = format!("{}{}", text.message, text.fields);
        match level {
            _ if !ours => self.console.debug(&format!("{}: {message}", event.metadata().target())),
            Level::ERROR => self.console.error(text.title.as_deref(), &message),
            Level::WARN => self.console.warning(text.title.as_deref(), &message),
            Level::INFO => self.console.line(&message),
            _ => self.console.debug(&message),
        }
    }
}

/// The words of an event.
#[derive(Default)]
struct Text {
    title: Option<String>,
    message: String,
    fields: String,
}

impl Text {
    fn record(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            "title" => self.title = Some(value),
            name => {
                // Writing to a String cannot fail.
                let _ = write!(self.fields, " {name}={value}");
            }
        }
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record(field, value.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::console::tests::on;

    fn logged(variables: &[(&str, &str)], say: impl FnOnce()) -> String {
        let (console, paper) = on(variables);
        console.masker().hide("hunter2");
        let before = paper.text();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(Log::new(console)), say);
        paper.text().split_off(before.len())
    }

    fn say() {
        let title = String::from("frontend");
        tracing::error!(title, "no image: {}", "::error::x");
        tracing::warn!(title = "api", left = 12, "low on requests");
        tracing::info!("found\n::add-mask::x hunter2");
        tracing::debug!(host = "ghcr.io", "asked");
        tracing::trace!("nothing");
        tracing::info!(target: "h2::codec", "frame");
        tracing::warn!(target: "rustls::conn", "odd");
    }

    #[test]
    fn a_runner_gets_annotations_and_lines_and_debug_lines_when_asked() {
        let commands = "::error title=frontend::no image: ::error::x\n\
             ::warning title=api::low on requests left=12\n\
             found\n: :add-mask::x ***\n";
        assert_eq!(logged(&[("GITHUB_ACTIONS", "true")], say), commands);
        assert_eq!(
            logged(&[("GITHUB_ACTIONS", "true"), ("RUNNER_DEBUG", "1")], say),
            format!("{commands}::debug::asked host=ghcr.io\n::debug::rustls::conn: odd\n")
        );
    }

    #[test]
    fn a_terminal_gets_plain_text_with_words() {
        let plain = "error: frontend: no image: ::error::x\n\
                     warning: api: low on requests left=12\n\
                     found\n: :add-mask::x ***\n";
        assert_eq!(logged(&[], say), plain);
        assert_eq!(
            logged(&[("RUNNER_DEBUG", "1")], say),
            format!("{plain}debug: asked host=ghcr.io\ndebug: rustls::conn: odd\n")
        );
    }
}
