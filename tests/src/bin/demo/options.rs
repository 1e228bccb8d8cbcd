//! What the user may choose.

use std::{path::PathBuf, time::Duration};

use crate::DemoError;

pub(crate) const USAGE: &str = "\
usage: cargo demo [FOLDER] [--tasks N] [--reads N] [--seed N] [--latency-ms N]
       cargo demo --web [FOLDER] [--port N] [--latency-ms N] [--as-built]

  FOLDER           whose files are stored; by default fonts, icons, maps and
                   scripts from npm, fetched into tests/assets/node_modules
  --tasks N        how many tasks read at once (8)
  --reads N        how many reads they do in the second part (60000)
  --seed N         which files are popular (1)
  --latency-ms N   how long S3 takes to begin an answer (0: as fast as loopback)
  --web            serves the web app over these files until it is stopped
  --port N         where (8787); S3 is at the next port
  --as-built       as --web, with the app as it was built last";

/// What there is to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The storage, in a terminal.
    Tiers,
    /// The web app, in a browser.
    Web,
    /// The same, as it was built last.
    WebAsBuilt,
}

/// The options, checked.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) folder: Option<PathBuf>,
    pub(crate) tasks: usize,
    pub(crate) reads: usize,
    pub(crate) seed: u64,
    pub(crate) latency: Duration,
    pub(crate) part: Part,
    pub(crate) port: u16,
}

impl Options {
    /// `None` if help was asked for.
    pub(crate) fn parse(
        mut words: impl Iterator<Item = String>,
    ) -> Result<Option<Self>, DemoError> {
        let latency = Duration::ZERO;
        let (part, port) = (Part::Tiers, 8787);
        let mut is_port_given = false;
        let mut options =
            Self { folder: None, tasks: 8, reads: 60_000, seed: 1, latency, part, port };
        while let Some(word) = words.next() {
            let mut number = |range: std::ops::RangeInclusive<u64>| {
                let value = words.next().unwrap_or_default();
                value.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
                    let (least, most) = range.into_inner();
                    DemoError::Usage(format!("{word} takes a number from {least} to {most}"))
                })
            };
            match word.as_str() {
                // The alias of cargo ends with one already; out of habit, people write another.
                "--" => {}
                "-h" | "--help" => return Ok(None),
                "--tasks" => options.tasks = small(number(1..=1_000)?),
                "--reads" => options.reads = small(number(1..=100_000_000)?),
                "--seed" => options.seed = number(0..=u64::MAX)?,
                "--latency-ms" => options.latency = Duration::from_millis(number(0..=10_000)?),
                "--web" if options.part == Part::WebAsBuilt => {}
                "--web" => options.part = Part::Web,
                "--as-built" => options.part = Part::WebAsBuilt,
                "--port" => {
                    let port = number(1..=u64::from(u16::MAX) - 1)?;
                    options.port = u16::try_from(port).expect("the range ends at the last port");
                    is_port_given = true;
                }
                flag if flag.starts_with('-') => {
                    return Err(DemoError::Usage(format!("{flag} is not an option")));
                }
                _ if options.folder.is_some() => {
                    return Err(DemoError::Usage("give one folder".to_owned()));
                }
                folder => options.folder = Some(folder.into()),
            }
        }
        if is_port_given && options.part == Part::Tiers {
            return Err(DemoError::Usage("--port goes with --web".to_owned()));
        }
        Ok(Some(options))
    }
}

fn small(number: u64) -> usize {
    usize::try_from(number).expect("the range ends far below")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Option<Options>, DemoError> {
        Options::parse(words.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_read_and_wrong_ones_refused() {
        let read = parse("some/folder --tasks 3 --reads 10 --seed 7 --latency-ms 20");
        let read = read.expect("these are options").expect("nobody asked for help");
        assert_eq!((read.tasks, read.reads, read.seed), (3, 10, 7));
        assert_eq!(read.folder, Some(PathBuf::from("some/folder")));
        assert_eq!(read.latency, Duration::from_millis(20));
        assert_eq!((read.part, read.port), (Part::Tiers, 8787));
        let folder = parse("-- some/folder").expect("these are options");
        assert_eq!(folder.and_then(|options| options.folder), Some(PathBuf::from("some/folder")));
        let web = parse("--web --port 9000").expect("these are options");
        assert!(web.is_some_and(|web| (web.part, web.port) == (Part::Web, 9000)));
        for words in ["--as-built", "--web --as-built", "--as-built --web"] {
            let web = parse(words).expect("these are options");
            assert!(web.is_some_and(|web| web.part == Part::WebAsBuilt), "{words}");
        }
        assert!(parse("--help").expect("help is no error").is_none());
        let refused = |words| parse(words).expect_err("this is wrong").to_string();
        assert_eq!(refused("--tasks 0"), "--tasks takes a number from 1 to 1000");
        assert_eq!(refused("--reads"), "--reads takes a number from 1 to 100000000");
        assert_eq!(refused("--fast"), "--fast is not an option");
        assert_eq!(refused("a b"), "give one folder");
        assert_eq!(refused("--port 9000"), "--port goes with --web");
    }
}
