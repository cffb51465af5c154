//! `cargo bench -p talanoa-tests`: what the foundation costs, each line against something in the same run.
//!
//! `TALANOA_BENCH=publish,transfer,grant,catch-up,journal,followers,tables` chooses; `TALANOA_BENCH_ENTRIES` is the
//! largest journal. A ratio of 1 is the cost of the reference; 2 is twice its time.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on says so by ending")]
#![allow(clippy::disallowed_types, reason = "what is measured here is time")]

mod feed;
mod followers;
mod journal;
mod publish;
mod tables;
mod transfer;

/// One line of the table.
pub struct Row {
    pub what: String,
    pub measured: String,
    pub reference: String,
    /// Time of ours by time of the reference; `None` where nothing is comparable.
    pub ratio: Option<f64>,
}

impl Row {
    pub fn new(what: impl Into<String>, measured: String, reference: String, ratio: f64) -> Self {
        Self { what: what.into(), measured, reference, ratio: Some(ratio) }
    }

    pub fn alone(what: impl Into<String>, measured: String) -> Self {
        Self { what: what.into(), measured, reference: "–".into(), ratio: None }
    }

    fn print(&self) {
        let ratio = self.ratio.map_or("–".into(), |r| format!("{r:.2}"));
        println!("| {} | {} | {} | {ratio} |", self.what, self.measured, self.reference);
    }
}

fn main() {
    let chosen = std::env::var("TALANOA_BENCH").unwrap_or_default();
    let is_chosen = |name: &str| chosen.is_empty() || chosen.split(',').any(|c| c == name);
    println!("{}\n", machine());
    println!("| what | measured | compared with, in the same run | ratio |");
    println!("|---|---|---|---|");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let run = |name: &str, rows: &mut dyn FnMut() -> Vec<Row>| {
        if is_chosen(name) {
            rows().iter().for_each(Row::print);
        }
    };
    run("publish", &mut || runtime.block_on(publish::rows()));
    run("transfer", &mut || runtime.block_on(transfer::rows()));
    run("grant", &mut || runtime.block_on(feed::grant_rows()));
    run("catch-up", &mut || runtime.block_on(feed::catch_up_rows()));
    run("journal", &mut || runtime.block_on(journal::rows()));
    run("followers", &mut || runtime.block_on(followers::rows()));
    run("tables", &mut tables::rows);
}

/// What it ran on, for whoever compares.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = read("/proc/meminfo");
    let memory = memory.lines().next().and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok());
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{cores} processors ({}), {} GiB, Linux {}, loopback, {}",
        model.trim_start_matches(['\t', ' ', ':']),
        memory.unwrap_or_default() >> 20,
        kernel.trim(),
        if cfg!(debug_assertions) { "debug build" } else { "release build" },
    )
}
