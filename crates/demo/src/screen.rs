//! What the person at the terminal reads: numbered headings, and lines that say when and who.

use std::cell::Cell;

use tokio::time::Instant;

/// Longer lines of a page are cut on the screen; the files hold them whole.
const WIDTH: usize = 120;

/// The terminal.
pub(crate) struct Screen {
    began: Instant,
    headings: Cell<u8>,
}

impl Screen {
    /// The clock of the lines starts now.
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), headings: Cell::new(0) }
    }

    /// Seconds since the demo began.
    pub(crate) fn seconds(&self) -> f32 {
        self.began.elapsed().as_secs_f32()
    }

    /// The next step of the story.
    pub(crate) fn heading(&self, text: &str) {
        self.headings.set(self.headings.get() + 1);
        line(&format!("\n{}. {text}", self.headings.get()));
    }

    /// Something happened: who, and what.
    pub(crate) fn event(&self, who: &str, what: &str) {
        line(&format!("{:>6.1}s  {who:<23}  {what}", self.seconds()));
    }
}

/// Text of a file or a page.
pub(crate) fn quote(text: &str) {
    for text in text.lines() {
        match text.char_indices().nth(WIDTH) {
            Some((end, _)) => line(&format!("   | {}…", &text[..end])),
            None => line(&format!("   | {text}")),
        }
    }
}

/// Why the demo did not come to its end.
#[expect(clippy::print_stderr, reason = "a program for a person at a terminal")]
pub(crate) fn complaint(text: &str) {
    eprintln!("\nthe demo failed: {text}");
}

#[expect(clippy::print_stdout, reason = "a program for a person at a terminal, with nothing secret in it")]
fn line(text: &str) {
    println!("{text}");
}
