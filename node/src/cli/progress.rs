//! A bar on a terminal, nothing in a pipe.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

pub struct Progress(ProgressBar);

impl Progress {
    /// `total` of 0: not known.
    pub fn bytes(what: &str, total: u64) -> Self {
        // Draws on standard error, and only when that is a terminal.
        let bar = ProgressBar::with_draw_target(Some(total).filter(|n| *n > 0), ProgressDrawTarget::stderr());
        let template = if total > 0 {
            "{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}"
        } else {
            "{msg} {spinner} {bytes} {bytes_per_sec}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        Self(bar)
    }

    pub fn advance(&self, bytes: usize) {
        self.0.inc(bytes as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
