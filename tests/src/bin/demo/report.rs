//! What a person sees.

use std::{
    io::{IsTerminal, stdout},
    path::Path,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tiered_storage::Tier;
use tiered_storage_tests::server::Counts;

use crate::{
    assets::File,
    numbers::{bytes, count, counted, percent, time},
    reads::Tally,
    world::World,
};

/// A progress bar; invisible where there is no terminal.
pub(crate) type Bar = ProgressBar;

/// The printed report.
#[derive(Debug)]
pub(crate) struct Report {
    has_colours: bool,
}

impl Report {
    pub(crate) fn new() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { has_colours: stdout().is_terminal() && !set("NO_COLOR") && !is_dumb }
    }

    pub(crate) fn bar(&self, label: &str, steps: usize) -> Bar {
        let bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::stderr());
        let template = "   {msg:22} [{bar:32}] {human_pos} of {human_len}, {eta} left";
        let style = ProgressStyle::with_template(template).expect("the template is well-formed");
        bar.set_style(style.progress_chars("=> "));
        bar.set_message(label.to_owned());
        bar
    }

    pub(crate) fn introduce(&self, folder: &Path, files: &[File], world: &World) {
        let total = files.iter().map(|file| file.size).sum();
        let shown = folder.canonicalize().ok();
        let here = std::env::current_dir().ok();
        let shown = shown.as_deref().and_then(|folder| folder.strip_prefix(here?).ok());
        let folder = shown.filter(|path| path.iter().next().is_some()).unwrap_or(folder).display();
        println!(
            "{}",
            self.bold(&format!(
                "{}, {}, from {folder}",
                counted(files.len(), "file"),
                bytes(total)
            ))
        );
        println!();
        println!("   hot    memory, up to {} MiB", world.hot_bytes_max >> 20);
        println!("   warm   disk, up to {} MiB", world.warm_bytes_max >> 20);
        println!("   cold   S3 at {}, every request signed", world.server.endpoint());
    }

    /// Begins a part.
    pub(crate) fn heading(&self, title: &str) {
        println!("\n{}", self.bold(title));
    }

    pub(crate) fn line(&self, text: &str) {
        println!("   {text}");
    }

    /// Something that could have gone wrong and did not.
    pub(crate) fn held(&self, text: &str) {
        let mark = if self.has_colours { "\u{1b}[32mok\u{1b}[0m" } else { "ok" };
        println!("   {mark} {text}");
    }

    /// How each tier answered.
    pub(crate) fn table(&self, tally: &mut Tally) {
        let all = tally.reads();
        println!(
            "   {:<7}{:>10}{:>8}{:>12}{:>12}{:>12}",
            "tier", "reads", "share", "bytes", "median", "p99"
        );
        for tier in Tier::ALL {
            let tally = &mut tally.tiers[tier as usize];
            let reads = tally.reads();
            let mut at = |per_mille| {
                if reads == 0 { "-".to_owned() } else { time(tally.percentile(per_mille)) }
            };
            let (median, p99) = (at(500), at(990));
            println!(
                "   {:<7}{:>10}{:>8}{:>12}{median:>12}{p99:>12}",
                tier.to_string(),
                count(reads),
                percent(reads, all),
                bytes(tally.bytes),
            );
        }
    }

    /// What S3 was spared: without the tiers above it, each of these reads were a request of its own.
    pub(crate) fn saved(&self, counts: &Counts, tally: &Tally) {
        let (asked, reads) = (counts.requests(), tally.reads());
        self.line(&format!(
            "S3 answered {} ({}) instead of {}: {} saved",
            requests(counts),
            bytes(counts.body_bytes_out),
            count(reads),
            percent(reads.saturating_sub(asked), reads),
        ));
    }

    pub(crate) fn conclude(&self, all: &mut Tally, took: Duration) {
        self.heading("Everything held");
        self.table(all);
        println!();
        self.line(&format!(
            "{} reads returned {}; every byte was verified by SHA-256",
            count(all.reads()),
            bytes(all.bytes()),
        ));
        self.line(&format!("{} from the first upload to here", time(took)));
    }

    fn bold(&self, text: &str) -> String {
        if self.has_colours { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// `3 PUT, 1 GET`, or `no request`.
pub(crate) fn requests(counts: &Counts) -> String {
    let kinds = [
        ("GET", counts.get),
        ("HEAD", counts.head),
        ("PUT", counts.put),
        ("COPY", counts.copy),
        ("LIST", counts.list),
        ("DELETE", counts.delete + counts.delete_objects),
        ("other", counts.other),
    ];
    let made = kinds.iter().filter(|(_, number)| *number > 0);
    let made: Vec<String> =
        made.map(|(kind, number)| format!("{} {kind}", count(*number))).collect();
    if made.is_empty() { "no request".to_owned() } else { made.join(", ") }
}
